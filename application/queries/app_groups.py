"""App groups: all of them, or one."""

from typing import Any

from application.queries.reads import Reads
from domain.app_group import AppGroup
from projections.app_groups import APP_GROUPS, AppGroupRow, read_app_groups


def list_app_groups(reads: Reads) -> list[AppGroupRow]:
    """All app groups, by id."""
    with reads.up_to_date(APP_GROUPS) as (connection, _):
        return read_app_groups(connection)


def app_group_as_json(group: AppGroup) -> dict[str, Any]:
    """An app group as docs/http.md has it."""
    return {
        "app_group": group.app_group,
        "time_zone": group.time_zone,
        "default_currency": group.default_currency,
        "apps": sorted(group.apps),
        "custom_events": sorted(group.custom_events),
    }
