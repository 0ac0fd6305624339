"""App groups: their time zone, apps and known custom events, for lists. Owns the three tables below."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text, insert, select
from sqlalchemy.engine import Connection

from domain import app_group as events
from projections.projection import Id, Logged, Projection, metadata

app_groups = Table(
    "app_groups",
    metadata,
    Column("app_group", Id, primary_key=True),
    Column("time_zone", Text, nullable=False),
)

app_group_apps = Table(
    "app_group_apps",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("app_id", Id, nullable=False),
    PrimaryKeyConstraint("app_group", "app_id"),
)

app_group_custom_events = Table(
    "app_group_custom_events",
    metadata,
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


def listed(connection: Connection) -> list[AppGroupRow]:
    """All app groups, by id."""
    rows = connection.execute(select(app_groups).order_by(app_groups.c.app_group)).all()
    return [
        AppGroupRow(
            row.app_group,
            row.time_zone,
            _ids(connection, app_group_apps.c.app_id, row.app_group),
            _ids(connection, app_group_custom_events.c.name, row.app_group),
        )
        for row in rows
    ]


def _ids(connection: Connection, column: Any, app_group: str) -> list[str]:  # noqa: ANN401
    query = select(column).where(column.table.c.app_group == app_group).order_by(column)
    return list(connection.execute(query).scalars())


def _made(connection: Connection, logged: Logged) -> None:
    values = {"app_group": logged.event.app_group, "time_zone": logged.event.time_zone}
    connection.execute(insert(app_groups).values(values))


def _app_added(connection: Connection, logged: Logged) -> None:
    values = {"app_group": logged.app_group, "app_id": logged.event.app_id}
    connection.execute(insert(app_group_apps).values(values))


def _custom_event_known(connection: Connection, logged: Logged) -> None:
    values = {"app_group": logged.app_group, "name": logged.event.name}
    connection.execute(insert(app_group_custom_events).values(values))


def _write(_connection: Connection) -> None:
    """Nothing is left to write: these events are few, and written one by one."""


APP_GROUPS = Projection(
    name="app_groups",
    version=1,
    tables=(app_groups, app_group_apps, app_group_custom_events),
    fold=lambda connection: connection,
    handlers={
        events.AppGroupMade: _made,
        events.AppAdded: _app_added,
        events.CustomEventDeclared: _custom_event_known,
        events.CustomEventSeen: _custom_event_known,
    },
    write=_write,
)
