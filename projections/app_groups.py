"""App groups: their time zone, apps and known custom events, for lists. Owns the three tables below."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text, select
from sqlalchemy.engine import Connection

from domain import app_group as events
from projections.engine import generations, row_counts
from projections.engine.projection import Definitions, Fold, Logged, Projection, Tables, Tally, WritableTables
from projections.engine.tables import Id, read_models

app_groups = Table(
    "app_groups",
    read_models,
    Column("app_group", Id, primary_key=True),
    Column("time_zone", Text, nullable=False),
)

app_group_apps = Table(
    "app_group_apps",
    read_models,
    Column("app_group", Id, nullable=False),
    Column("app_id", Id, nullable=False),
    PrimaryKeyConstraint("app_group", "app_id"),
)

app_group_custom_events = Table(
    "app_group_custom_events",
    read_models,
    Column("app_group", Id, nullable=False),
    Column("name", Id, nullable=False),
    PrimaryKeyConstraint("app_group", "name"),
)


@dataclass(frozen=True)
class AppGroupRow:
    """An app group as lists show it."""

    app_group: str
    time_zone: str
    apps: list[str]
    custom_events: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "app_group": self.app_group,
            "time_zone": self.time_zone,
            "apps": self.apps,
            "custom_events": self.custom_events,
        }


def read_app_groups(connection: Connection) -> list[AppGroupRow]:
    """All app groups, by id."""
    tables = generations.current(connection, APP_GROUPS)
    apps, custom_events = tables[app_group_apps], tables[app_group_custom_events]
    groups = tables[app_groups]
    return [
        AppGroupRow(
            row.app_group,
            row.time_zone,
            _ids(connection, apps.c.app_id, row.app_group),
            _ids(connection, custom_events.c.name, row.app_group),
        )
        for row in connection.execute(select(groups).order_by(groups.c.app_group)).all()
    ]


def _ids(connection: Connection, column: Any, app_group: str) -> list[str]:  # noqa: ANN401
    query = select(column).where(column.table.c.app_group == app_group).order_by(column)
    return list(connection.execute(query).scalars())


class AppGroupsFold(Fold):
    """New rows of the three tables."""

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.made: list[tuple[str, str]] = []
        self.apps: list[tuple[str, str]] = []
        self.custom_events: list[tuple[str, str]] = []


def _group_made(fold: AppGroupsFold, logged: Logged) -> None:
    fold.made.append((logged.event.app_group, logged.event.time_zone))


def _app_added(fold: AppGroupsFold, logged: Logged) -> None:
    fold.apps.append((logged.app_group, logged.event.app_id))


def _custom_event_known(fold: AppGroupsFold, logged: Logged) -> None:
    fold.custom_events.append((logged.app_group, logged.event.name))


def _write(fold: AppGroupsFold, tables: WritableTables) -> None:
    tables.put(app_groups, fold.made)
    tables.put(app_group_apps, fold.apps)
    tables.put(app_group_custom_events, fold.custom_events)


def _expected(tally: Tally) -> dict[str, int]:
    return {
        "app groups": tally.of(events.AppGroupMade),
        "apps": tally.of(events.AppAdded),
        "custom events": tally.of(events.CustomEventDeclared) + tally.of(events.CustomEventSeen),
    }


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    return {
        "app groups": row_counts.total(connection, tables[app_groups]),
        "apps": row_counts.total(connection, tables[app_group_apps]),
        "custom events": row_counts.total(connection, tables[app_group_custom_events]),
    }


APP_GROUPS = Projection(
    name="app_groups",
    version=2,
    tables=(app_groups, app_group_apps, app_group_custom_events),
    fold=AppGroupsFold,
    handlers={
        events.AppGroupMade: _group_made,
        events.AppAdded: _app_added,
        events.CustomEventDeclared: _custom_event_known,
        events.CustomEventSeen: _custom_event_known,
    },
    write=_write,
    expected=_expected,
    held=_held,
)
