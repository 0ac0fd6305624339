"""Lines: what waits for each user of a webhook, when it is tried next, and which lines are parked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from infrastructure.database import Database
from infrastructure.database.schema import identities, webhook_events, webhook_lines, webhooks
from infrastructure.event_store.reading import last_position
from infrastructure.outbound.feed import Telling
from infrastructure.outbound.webhooks.hooks import ACTIVE, DISABLED, GONE, Webhook, clock

_line, _event = webhook_lines.c, webhook_events.c

MOST = 20
"""Events of a line that are taken at a time."""


class Due(NamedTuple):
    """A line whose turn it is: how often its first event was tried, and since when, in microseconds."""

    webhook_id: str
    journey_id: str
    attempts: int
    failing_since: int | None
    positions: list[int]


@dataclass(frozen=True)
class Failure:
    """An event that was not acknowledged: when to try it next, or that its line is parked.

    `gone` is the URL that was called, where there is nothing any more.
    """

    reason: str
    attempts: int
    failing_since: int
    next_at: int
    parked_at: int | None = None
    gone: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of an event of a line; after the `last` result another may take its turn with the line.

    `replays` is the webhook's when the line was taken.
    """

    due: Due
    replays: int
    acknowledged: Sequence[int] = ()
    failure: Failure | None = None
    last: bool = False


class Lines:
    """The lines of a database, as the process that delivers writes them."""

    def __init__(self, database: Database) -> None:
        self._add_lines = database.dialect.filling(webhook_lines, "ignore")
        self._add_events = database.dialect.filling(webhook_events, "ignore")

    def hand_over(
        self, connection: Connection, hook: Webhook, told: Iterable[Telling], position: int
    ) -> None:
        """Put events into the lines of their users, unless the webhook changed meanwhile."""
        unchanged = (webhooks.c.replays == hook.replays, webhooks.c.status == ACTIVE)
        moved = update(webhooks).where(webhooks.c.webhook_id == hook.webhook_id, *unchanged)
        if not connection.execute(moved.values(position=position)).rowcount:
            return
        rows = [(hook.webhook_id, each.journey_id, each.position) for each in told]
        now = clock()
        new = dict.fromkeys(row[:2] for row in rows)
        self._add_lines(connection, [(*line, 0, None, now, None, None) for line in new])
        self._add_events(connection, rows)

    def record(self, connection: Connection, results: Iterable[Result]) -> None:
        """Record what became of events; a line in which nothing is left goes."""
        replays = _replays(connection)
        for result in results:
            due = result.due
            own = and_(_line.webhook_id == due.webhook_id, _line.journey_id == due.journey_id)
            # Handed over again meanwhile, an event has to be told again, after those before it.
            if result.acknowledged and replays.get(due.webhook_id) == result.replays:
                _acknowledge(connection, due, result.acknowledged)
            if result.failure is not None:
                _fail(connection, due, own, result.failure)
            elif result.acknowledged:
                fresh = {"attempts": 0, "failing_since": None, "reason": None, "next_at": clock()}
                connection.execute(update(webhook_lines).where(own).values(fresh))
            connection.execute(delete(webhook_lines).where(own, ~_left(due)))


def _replays(connection: Connection) -> dict[str, int]:
    query = select(webhooks.c.webhook_id, webhooks.c.replays)
    return {row.webhook_id: row.replays for row in connection.execute(query)}


def _acknowledge(connection: Connection, due: Due, positions: Sequence[int]) -> None:
    own = (_event.webhook_id == due.webhook_id, _event.journey_id == due.journey_id)
    connection.execute(delete(webhook_events).where(*own, _event.position.in_(positions)))


def _left(due: Due) -> Any:  # noqa: ANN401
    own = (_event.webhook_id == due.webhook_id, _event.journey_id == due.journey_id)
    return select(_event.position).where(*own).exists()


def _fail(connection: Connection, due: Due, own: Any, failure: Failure) -> None:  # noqa: ANN401
    values = {
        "attempts": failure.attempts,
        "failing_since": failure.failing_since,
        "next_at": failure.next_at,
        "parked_at": failure.parked_at,
        "reason": failure.reason,
    }
    connection.execute(update(webhook_lines).where(own).values(values))
    if failure.gone is not None:
        # A webhook that goes elsewhere by now is not gone.
        still = (webhooks.c.webhook_id == due.webhook_id, webhooks.c.url == failure.gone)
        connection.execute(update(webhooks).where(*still).values(status=DISABLED, reason=GONE))


def waiting(connection: Connection) -> dict[str, int]:
    """How many events wait, by webhook; neither those of parked lines, nor those that wait for the log before them."""
    query = select(_event.webhook_id, func.count()).join_from(webhook_events, webhook_lines, _same())
    query = query.join(webhooks, webhooks.c.webhook_id == _event.webhook_id)
    query = query.where(_line.parked_at.is_(None), _handed_over(webhooks.c.position))
    query = query.group_by(_event.webhook_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def due(connection: Connection, busy: Mapping[str, set[str]], now: int, each: int) -> list[Due]:
    """The lines whose turn it is, those that waited longest first: of a webhook so many less those that are busy."""
    turn = (_line.parked_at.is_(None), _line.next_at <= now)
    hooks = select(webhooks.c.webhook_id, webhooks.c.position).where(webhooks.c.status == ACTIVE)
    hooks = hooks.where(webhooks.c.webhook_id.in_(select(_line.webhook_id).where(*turn)))
    found: list[Due] = []
    for webhook_id, position in connection.execute(hooks).all():
        taken = busy.get(webhook_id, set())
        free = each - len(taken)
        if free <= 0:
            continue
        sendable = select(_event.position).where(_same(), _handed_over(position)).exists()
        lines = select(webhook_lines).where(*turn, _line.webhook_id == webhook_id, sendable)
        rows = connection.execute(lines.order_by(_line.next_at).limit(each)).all()
        idle = [row for row in rows if row.journey_id not in taken][:free]
        found += [_due(connection, row, position) for row in idle]
    return found


def _due(connection: Connection, row: Any, position: int) -> Due:  # noqa: ANN401
    own = (_event.webhook_id == row.webhook_id, _event.journey_id == row.journey_id, _handed_over(position))
    query = select(_event.position).where(*own).order_by(_event.position).limit(MOST)
    positions = list(connection.execute(query).scalars())
    return Due(row.webhook_id, row.journey_id, row.attempts, row.failing_since, positions)


def _handed_over(position: Any) -> Any:  # noqa: ANN401
    """After a replay, what was left in a line from before waits until the log before it was handed over again."""
    return _event.position <= position


def _same() -> Any:  # noqa: ANN401
    return and_(_line.webhook_id == _event.webhook_id, _line.journey_id == _event.journey_id)


class Parked(NamedTuple):
    """A line that is parked; `user_id` is None where the user was forgotten, instants in microseconds."""

    journey_id: str
    user_id: str | None
    parked_at: int
    attempts: int
    reason: str
    events: int
    position: int

    def as_json(self) -> dict[str, Any]:
        """As docs/webhooks.md has it."""
        return {
            "user_id": self.user_id,
            "parked_at": printed(from_microseconds(self.parked_at)),
            "attempts": self.attempts,
            "reason": self.reason,
            "events": self.events,
            "position": str(self.position),
        }


def parked(connection: Connection, webhook_id: str, after: str = "", limit: int = 1_000) -> list[Parked]:
    """The lines of a webhook that are parked, by pages; each with its first event and how many there are."""
    columns = (_line.journey_id, identities.c.user_id, _line.parked_at, _line.attempts, _line.reason)
    of_user = identities.c.journey_id == _line.journey_id
    query = (
        select(*columns, func.count(), func.min(_event.position))
        .join_from(webhook_lines, webhook_events, _same())
        .join(identities, of_user, isouter=True)
        .where(_line.webhook_id == webhook_id, _line.parked_at.is_not(None), _line.journey_id > after)
        .group_by(*columns)
    )
    return [Parked(*row) for row in connection.execute(query.order_by(_line.journey_id).limit(limit))]


def release(connection: Connection, hook: Webhook, user_id: str | None = None) -> int:
    """Let parked lines go on, all of a webhook or one user's: how many there were."""
    lines = update(webhook_lines).where(_line.webhook_id == hook.webhook_id, _line.parked_at.is_not(None))
    if user_id is not None:
        of_user = (identities.c.app_group == hook.wanted.app_group, identities.c.user_id == user_id)
        lines = lines.where(_line.journey_id.in_(select(identities.c.journey_id).where(*of_user)))
    fresh = {"parked_at": None, "attempts": 0, "failing_since": None, "next_at": clock()}
    return connection.execute(lines.values(fresh)).rowcount


def standing(connection: Connection, webhook_id: str) -> dict[str, Any]:
    """How much waits and is parked for a webhook, and what went wrong last where something is tried again."""
    own, is_parked = _line.webhook_id == webhook_id, _line.parked_at.is_not(None)
    counted = select(is_parked, func.count(), func.count(_line.journey_id.distinct()))
    counted = counted.join_from(webhook_events, webhook_lines, _same()).where(own).group_by(is_parked)
    numbers = {bool(row[0]): (row[1], row[2]) for row in connection.execute(counted)}
    failing = select(_line.reason).where(own, _line.reason.is_not(None)).order_by(_line.failing_since.desc())
    return {
        "waiting_events": numbers.get(False, (0, 0))[0],
        "parked_events": numbers.get(True, (0, 0))[0],
        "parked_users": numbers.get(True, (0, 0))[1],
        "failing": connection.execute(failing.limit(1)).scalar(),
    }


def lines(connection: Connection) -> list[str]:
    """How webhooks stand, as lines for Prometheus; `lag` is the distance to the end of the log, in events."""
    newest = last_position(connection)
    counted = select(_event.webhook_id, _line.parked_at.is_not(None), func.count())
    counted = counted.join_from(webhook_events, webhook_lines, _same())
    counted = counted.group_by(_event.webhook_id, _line.parked_at.is_not(None))
    numbers = {(row[0], bool(row[1])): row[2] for row in connection.execute(counted)}
    rows = connection.execute(select(webhooks).order_by(webhooks.c.webhook_id)).all()
    gauges: Mapping[str, Any] = {
        "lag_events": lambda row: newest - row.position,
        "waiting_events": lambda row: numbers.get((row.webhook_id, False), 0),
        "parked_events": lambda row: numbers.get((row.webhook_id, True), 0),
        "disabled": lambda row: int(row.status == DISABLED),
    }
    told: list[str] = []
    for name, figure in gauges.items():
        told.append(f"# TYPE conversions_webhook_{name} gauge")
        told += [f'conversions_webhook_{name}{{webhook="{row.webhook_id}"}} {figure(row)}' for row in rows]
    return told
