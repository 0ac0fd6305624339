"""The per-user queues of webhooks: which events wait, when the first is tried again, and which queues are parked.

A webhook has one queue for each user, so that one user's events arrive in order and hold up nobody else's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from infrastructure.database import Database
from infrastructure.database.schema import identities, webhook_events, webhook_queues, webhooks
from infrastructure.outbound.feed import OutgoingEvent
from infrastructure.outbound.webhooks.hooks import ACTIVE, DISABLED, GONE, Webhook, clock

_queue, _event = webhook_queues.c, webhook_events.c

MOST = 20
"""The most events of a queue that are sent in one turn."""


class Due(NamedTuple):
    """A queue whose turn it is: how often its first event failed, and since when, in microseconds."""

    webhook_id: str
    journey_id: str
    attempts: int
    failing_since: int | None
    positions: list[int]


@dataclass(frozen=True)
class Failure:
    """An event that was not acknowledged: when to try it again, or when its queue was parked.

    `gone` is the URL that was called, if the receiver answered that it is gone.
    """

    reason: str
    attempts: int
    failing_since: int
    next_at: int
    parked_at: int | None = None
    gone: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of events of a queue. After the `last` result of a turn, the queue may have its next turn.

    `replays` is the webhook's number of replays when the turn began.
    """

    due: Due
    replays: int
    acknowledged: Sequence[int] = ()
    failure: Failure | None = None
    last: bool = False


class UserQueues:
    """The queues of a database, as the one process that delivers writes them."""

    def __init__(self, database: Database) -> None:
        self._add_queues = database.dialect.filling(webhook_queues, "ignore")
        self._add_events = database.dialect.filling(webhook_events, "ignore")

    def enqueue(
        self, connection: Connection, hook: Webhook, outgoing: Iterable[OutgoingEvent], position: int
    ) -> None:
        """Add events to the queues of their users, and move the webhook to a position of the log.

        Nothing happens if the webhook was disabled, removed or replayed meanwhile.
        """
        unchanged = (webhooks.c.replays == hook.replays, webhooks.c.status == ACTIVE)
        moved = update(webhooks).where(webhooks.c.webhook_id == hook.webhook_id, *unchanged)
        if not connection.execute(moved.values(position=position)).rowcount:
            return
        rows = [(hook.webhook_id, each.journey_id, each.position) for each in outgoing]
        now = clock()
        new = dict.fromkeys(row[:2] for row in rows)
        self._add_queues(connection, [(*queue, 0, None, now, None, None) for queue in new])
        self._add_events(connection, rows)

    def record(self, connection: Connection, results: Iterable[Result]) -> None:
        """Record what became of events; an empty queue is removed."""
        replays = _read_replays(connection)
        for result in results:
            due = result.due
            own = and_(_queue.webhook_id == due.webhook_id, _queue.journey_id == due.journey_id)
            # After a replay the event has to be sent again, behind those before it: it stays in the queue.
            if result.acknowledged and replays.get(due.webhook_id) == result.replays:
                _acknowledge(connection, due, result.acknowledged)
            if result.failure is not None:
                _fail(connection, due, own, result.failure)
            elif result.acknowledged:
                fresh = {"attempts": 0, "failing_since": None, "reason": None, "next_at": clock()}
                connection.execute(update(webhook_queues).where(own).values(fresh))
            connection.execute(delete(webhook_queues).where(own, ~_has_events(due)))


def _read_replays(connection: Connection) -> dict[str, int]:
    query = select(webhooks.c.webhook_id, webhooks.c.replays)
    return {row.webhook_id: row.replays for row in connection.execute(query)}


def _acknowledge(connection: Connection, due: Due, positions: Sequence[int]) -> None:
    own = (_event.webhook_id == due.webhook_id, _event.journey_id == due.journey_id)
    connection.execute(delete(webhook_events).where(*own, _event.position.in_(positions)))


def _has_events(due: Due) -> Any:  # noqa: ANN401
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
    connection.execute(update(webhook_queues).where(own).values(values))
    if failure.gone is not None:
        # Somebody may have changed the URL while it was called: then the webhook stays active.
        still = (webhooks.c.webhook_id == due.webhook_id, webhooks.c.url == failure.gone)
        connection.execute(update(webhooks).where(*still).values(status=DISABLED, reason=GONE))


def count_waiting(connection: Connection) -> dict[str, int]:
    """Count the events that wait, by webhook, without those of parked queues and those behind a replay."""
    query = select(_event.webhook_id, func.count()).join_from(webhook_events, webhook_queues, _same())
    query = query.join(webhooks, webhooks.c.webhook_id == _event.webhook_id)
    query = query.where(_queue.parked_at.is_(None), _is_enqueued_up_to(webhooks.c.position))
    query = query.group_by(_event.webhook_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def find_due(connection: Connection, busy: Mapping[str, set[str]], now: int, each: int) -> list[Due]:
    """Find the queues whose turn it is, the longest wait first: up to `each` of a webhook, the busy ones included."""
    turn = (_queue.parked_at.is_(None), _queue.next_at <= now)
    hooks = select(webhooks.c.webhook_id, webhooks.c.position).where(webhooks.c.status == ACTIVE)
    hooks = hooks.where(webhooks.c.webhook_id.in_(select(_queue.webhook_id).where(*turn)))
    found: list[Due] = []
    for webhook_id, position in connection.execute(hooks).all():
        taken = busy.get(webhook_id, set())
        free = each - len(taken)
        if free <= 0:
            continue
        sendable = select(_event.position).where(_same(), _is_enqueued_up_to(position)).exists()
        queues = select(webhook_queues).where(*turn, _queue.webhook_id == webhook_id, sendable)
        rows = connection.execute(queues.order_by(_queue.next_at).limit(each)).all()
        idle = [row for row in rows if row.journey_id not in taken][:free]
        found += [_read_due(connection, row, position) for row in idle]
    return found


def _read_due(connection: Connection, row: Any, position: int) -> Due:  # noqa: ANN401
    own = (
        _event.webhook_id == row.webhook_id,
        _event.journey_id == row.journey_id,
        _is_enqueued_up_to(position),
    )
    query = select(_event.position).where(*own).order_by(_event.position).limit(MOST)
    positions = list(connection.execute(query).scalars())
    return Due(row.webhook_id, row.journey_id, row.attempts, row.failing_since, positions)


def _is_enqueued_up_to(position: Any) -> Any:  # noqa: ANN401
    """After a replay, older events of a queue wait until the log before them is enqueued again."""
    return _event.position <= position


def _same() -> Any:  # noqa: ANN401
    return and_(_queue.webhook_id == _event.webhook_id, _queue.journey_id == _event.journey_id)


class Parked(NamedTuple):
    """A parked queue; `user_id` is None once the user is forgotten, instants are in microseconds."""

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


def list_parked(connection: Connection, webhook_id: str, after: str = "", limit: int = 1_000) -> list[Parked]:
    """List the parked queues of a webhook, by pages, each with its first position and its number of events."""
    columns = (_queue.journey_id, identities.c.user_id, _queue.parked_at, _queue.attempts, _queue.reason)
    query = (
        select(*columns, func.count(), func.min(_event.position))
        .join_from(webhook_queues, webhook_events, _same())
        .join(identities, identities.c.journey_id == _queue.journey_id, isouter=True)
        .where(_queue.webhook_id == webhook_id, _queue.parked_at.is_not(None), _queue.journey_id > after)
        .group_by(*columns)
    )
    return [Parked(*row) for row in connection.execute(query.order_by(_queue.journey_id).limit(limit))]


def release(connection: Connection, hook: Webhook, user_id: str | None = None) -> int:
    """Release the parked queues of a webhook, all or one user's; returns how many there were."""
    queues = update(webhook_queues).where(_queue.webhook_id == hook.webhook_id, _queue.parked_at.is_not(None))
    if user_id is not None:
        of_user = (identities.c.app_group == hook.wanted.app_group, identities.c.user_id == user_id)
        queues = queues.where(_queue.journey_id.in_(select(identities.c.journey_id).where(*of_user)))
    fresh = {"parked_at": None, "attempts": 0, "failing_since": None, "next_at": clock()}
    return connection.execute(queues.values(fresh)).rowcount


def describe(connection: Connection, webhook_id: str) -> dict[str, Any]:
    """Count what waits and what is parked for a webhook; `failing` is the reason of the latest failure."""
    own, is_parked = _queue.webhook_id == webhook_id, _queue.parked_at.is_not(None)
    counted = select(is_parked, func.count(), func.count(_queue.journey_id.distinct()))
    counted = counted.join_from(webhook_events, webhook_queues, _same()).where(own).group_by(is_parked)
    numbers = {bool(row[0]): (row[1], row[2]) for row in connection.execute(counted)}
    failing = (
        select(_queue.reason).where(own, _queue.reason.is_not(None)).order_by(_queue.failing_since.desc())
    )
    return {
        "waiting_events": numbers.get(False, (0, 0))[0],
        "parked_events": numbers.get(True, (0, 0))[0],
        "parked_users": numbers.get(True, (0, 0))[1],
        "failing": connection.execute(failing.limit(1)).scalar(),
    }


def describe_metrics(connection: Connection, newest: int) -> list[str]:
    """Write gauges of all webhooks for Prometheus; `lag` is the distance to the log's newest position, in events."""
    counted = select(_event.webhook_id, _queue.parked_at.is_not(None), func.count())
    counted = counted.join_from(webhook_events, webhook_queues, _same())
    counted = counted.group_by(_event.webhook_id, _queue.parked_at.is_not(None))
    numbers = {(row[0], bool(row[1])): row[2] for row in connection.execute(counted)}
    rows = connection.execute(select(webhooks).order_by(webhooks.c.webhook_id)).all()
    gauges: Mapping[str, Any] = {
        "lag_events": lambda row: newest - row.position,
        "waiting_events": lambda row: numbers.get((row.webhook_id, False), 0),
        "parked_events": lambda row: numbers.get((row.webhook_id, True), 0),
        "disabled": lambda row: int(row.status == DISABLED),
    }
    lines: list[str] = []
    for name, figure in gauges.items():
        lines.append(f"# TYPE conversions_webhook_{name} gauge")
        lines += [f'conversions_webhook_{name}{{webhook="{row.webhook_id}"}} {figure(row)}' for row in rows]
    return lines
