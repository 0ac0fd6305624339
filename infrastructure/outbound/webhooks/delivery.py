"""Delivery: the log goes into per-user queues, and the first event of each queue is sent until it is acknowledged.

One thread runs an event loop with rounds and calls. A round records results, enqueues events and begins calls. Its
database work runs in another thread while it waits; calls read their events in threads too. Only rounds change which
webhooks there are, which queues are busy and whether the lease is ours. A call reads that, and reports its results in
`_results`, where they wait until a round has committed them: a transaction that fails loses none.
"""

import asyncio
import secrets
import threading
import time
import traceback
import uuid
from typing import Any

import structlog
from eventsourcing.persistence import PersistenceError
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError

from infrastructure.database import Database
from infrastructure.database.schema import webhooks
from infrastructure.outbound.feed import Feed, OutgoingEvent, Page
from infrastructure.outbound.webhooks import lease
from infrastructure.outbound.webhooks.hooks import ACTIVE, MICROSECONDS, Webhook, clock, read, secrets_of
from infrastructure.outbound.webhooks.queues import (
    Due,
    Failure,
    Result,
    UserQueues,
    count_waiting,
    find_due,
)
from infrastructure.outbound.webhooks.retries import plan_retry
from infrastructure.outbound.webhooks.sending import Answer, Sender
from infrastructure.outbound.webhooks.settings import WebhookSettings
from infrastructure.outbound.webhooks.signing import sign
from projections.engine.projection import UnreadableLog

log = structlog.get_logger()

_AWAY = (PersistenceError, SQLAlchemyError)

_IDLE_SECONDS = 1.0
"""How often to look when there is no webhook, or when another process delivers."""
_LOOK_SECONDS = 0.1
_GATHER_SECONDS = 0.005
"""How long to wait for results of other calls, to record them together."""
_FINISH_SECONDS = 8.0
_AGAIN_SECONDS = 60.0
_FAR = 5_000
"""Positions without a wanted event after which a webhook's position is recorded all the same."""

_random = secrets.SystemRandom()


class Deliverer:
    """Delivers until `end` is called. Of several processes one delivers, and the others wait for its lease."""

    def __init__(self, database: Database, feed: Feed, settings: WebhookSettings) -> None:
        self._database = database
        self._settings = settings
        self._feed = feed
        self._queues = UserQueues(database)
        self._holder = uuid.uuid4().hex
        self._ending = threading.Event()
        self._look = max(_LOOK_SECONDS, database.dialect.poll_seconds)
        # Until this instant of the monotonic clock the lease is ours; 0 means that it is not.
        self._until = 0.0
        self._hooks: dict[str, tuple[Webhook, Row[Any]]] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._unreadable: dict[str, float] = {}
        self._busy: dict[str, set[str]] = {}
        self._results: list[Result] = []
        self._calls: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """End once the calls under way are answered."""
        self._ending.set()

    def run(self) -> None:
        """Deliver until `end` is called."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._wake = asyncio.Event()
        self._sender = Sender(self._settings)
        try:
            while not self._ending.is_set():
                await self._nap(await self._round())
            await self._finish()
        finally:
            await self._sender.close()

    async def _nap(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
            await asyncio.sleep(_GATHER_SECONDS)
        except TimeoutError:
            pass
        self._wake.clear()

    async def _round(self) -> float:
        """Record results, enqueue events, begin calls; returns the seconds until the next round."""
        results, self._results = self._results, []
        try:
            seconds = await asyncio.to_thread(self._record, results)
            turns = await asyncio.to_thread(self._find_turns)
        except lease.Lost:
            log.warning("delivery.lost")
            await self._stop()
            return _IDLE_SECONDS
        except _AWAY as error:
            # Keep the results, in order, until the database is back; recording one twice does no harm.
            self._results = results + self._results
            log.warning("delivery.waits", reason=type(error).__name__)
            return _IDLE_SECONDS
        for each in turns[: self._settings.calls_at_once - len(self._calls)]:
            self._begin(each)
        return seconds

    def _record(self, results: list[Result]) -> float:
        with self._database.reading() as connection:
            rows = connection.execute(select(webhooks)).all()
        self._hooks = {row.webhook_id: (read(row), row) for row in rows}
        if not (rows or results) or not self._has_lease():
            return _IDLE_SECONDS
        renewing = self._until - time.monotonic() < self._settings.lease_seconds / 2
        pages = self._read_pages(renewing=renewing)
        if results or pages or renewing:
            # The clock is read before the transaction: we must believe in our lease no longer than others do.
            began, until = time.monotonic(), clock() + self._lease
            with self._database.projecting() as connection:
                lease.renew(connection, self._holder, until)
                self._queues.record(connection, results)
                for hook, page in pages:
                    self._queues.enqueue(connection, hook, page.events, page.position)
            self._until = began + self._settings.lease_seconds
        for each in results:
            if each.last:
                self._busy[each.due.webhook_id].discard(each.due.journey_id)
        return 0.0 if any(page.position < page.newest for _, page in pages) else self._look

    @property
    def _lease(self) -> int:
        return int(self._settings.lease_seconds * MICROSECONDS)

    def _has_lease(self) -> bool:
        """Whether this process has the lease; it takes a free one. Raises Lost if calls are under way without it."""
        began, now = time.monotonic(), clock()
        if began >= self._until:
            with self._database.projecting() as connection:
                taken = lease.take(connection, self._holder, now, now + self._lease)
            self._until = began + self._settings.lease_seconds if taken else 0.0
            if not taken and self._busy:
                raise lease.Lost
        return self._until > 0

    def _read_pages(self, *, renewing: bool) -> list[tuple[Webhook, Page]]:
        """Read what comes next in the log for each webhook that is behind it and has room in its queues."""
        newest = self._feed.newest()
        active = [hook for hook, _ in self._hooks.values() if hook.status == ACTIVE]
        # Positions without a wanted event are recorded together with the lease, which saves transactions.
        behind = [
            hook for hook in active if (hook.position if renewing else self._position_of(hook)) < newest
        ]
        if not behind:
            return []
        with self._database.reading() as connection:
            numbers = count_waiting(connection)
        most = self._settings.waiting_events
        room = [hook for hook in behind if numbers.get(hook.webhook_id, 0) < most]
        pages = [(hook, self._read_page(hook, renewing=renewing)) for hook in room]
        return [(hook, page) for hook, page in pages if page is not None]

    def _position_of(self, hook: Webhook) -> int:
        """The position up to which the log was read for a webhook; it may be ahead of the recorded one."""
        replays, position = self._seen.get(hook.webhook_id, (-1, 0))
        return max(position, hook.position) if replays == hook.replays else hook.position

    def _read_page(self, hook: Webhook, *, renewing: bool) -> Page | None:
        if self._unreadable.get(hook.webhook_id, 0.0) > time.monotonic():
            return None
        try:
            page = self._feed.page(hook.wanted, self._position_of(hook))
        except UnreadableLog as error:
            log.error("webhook.stopped", webhook=hook.webhook_id, position=error.position)  # noqa: TRY400
            self._unreadable[hook.webhook_id] = time.monotonic() + _AGAIN_SECONDS
            return None
        # `_seen` must not pass events that are not recorded yet: the transaction may still fail.
        if page.events or renewing or page.position - hook.position > _FAR:
            return page
        self._seen[hook.webhook_id] = (hook.replays, page.position)
        return None

    def _find_turns(self) -> list[Due]:
        if time.monotonic() >= self._until or len(self._calls) >= self._settings.calls_at_once:
            return []
        with self._database.reading() as connection:
            turns = find_due(connection, self._busy, clock(), self._settings.users_at_once)
        _random.shuffle(turns)
        return turns

    def _begin(self, turn: Due) -> None:
        if turn.webhook_id in self._hooks:
            self._busy.setdefault(turn.webhook_id, set()).add(turn.journey_id)
            task = asyncio.create_task(self._deliver(turn, self._hooks[turn.webhook_id][0]))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _deliver(self, turn: Due, hook: Webhook) -> None:
        """Send the events of a queue, one after the other, until one is not acknowledged; always report the end."""
        failure: Failure | None = None
        first = True
        try:
            for each in await asyncio.to_thread(self._feed.at, hook.wanted.app_group, turn.positions):
                if not self._may_continue(hook):
                    break
                answer = await self._send(hook, each)
                if answer.reason is not None:
                    failure = plan_retry(turn, answer, self._settings, first=first)
                    break
                self._report(Result(turn, hook.replays, (each.position,)))
                first = False
        except UnreadableLog as error:
            answer = Answer(f"the log cannot be read: {error}")
            failure = plan_retry(turn, answer, self._settings, first=first)
        except _AWAY as error:
            log.warning("delivery.waits", reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a queue without a last result would stay busy for ever
            failure = plan_retry(turn, _describe_unforeseen(error), self._settings, first=first)
        self._report(Result(turn, hook.replays, failure=failure, last=True))

    async def _send(self, hook: Webhook, outgoing: OutgoingEvent) -> Answer:
        body = await asyncio.to_thread(self._feed.envelope, outgoing)
        current, row = self._hooks.get(hook.webhook_id, (hook, None))
        if row is None:
            return Answer("the webhook was removed")
        now = clock()
        headers = {
            "content-type": "application/cloudevents+json",
            "user-agent": "conversion-ledger",
            **sign(f"{hook.webhook_id}-{outgoing.position}", now // MICROSECONDS, body, secrets_of(row, now)),
        }
        return await self._sender.send(current.webhook_id, current.url, headers, body)

    def _may_continue(self, hook: Webhook) -> bool:
        current, _ = self._hooks.get(hook.webhook_id, (None, None))
        unchanged = current is not None and (current.status, current.replays) == (ACTIVE, hook.replays)
        return unchanged and time.monotonic() < self._until and not self._ending.is_set()

    def _report(self, result: Result) -> None:
        self._results.append(result)
        self._wake.set()

    async def _stop(self) -> None:
        """Drop everything: the process that has the lease now reads what is to be done from the database."""
        await self._cancel_calls()
        self._until, self._results, self._busy = 0.0, [], {}

    async def _cancel_calls(self) -> None:
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _finish(self) -> None:
        """Wait for the calls under way, record their results, and let another process deliver."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=_FINISH_SECONDS)
        await self._cancel_calls()
        if self._until:
            await asyncio.to_thread(self._give_back, self._results)

    def _give_back(self, results: list[Result]) -> None:
        try:
            with self._database.projecting() as connection:
                lease.renew(connection, self._holder, clock())
                self._queues.record(connection, results)
                lease.give_back(connection, self._holder)
        except (lease.Lost, *_AWAY) as error:
            log.warning("delivery.waits", reason=type(error).__name__)


def _describe_unforeseen(error: Exception) -> Answer:
    # The places of the code only: values may be secrets.
    log.error("delivery.failed", reason=type(error).__name__, trace=traceback.format_tb(error.__traceback__))
    return Answer(f"unforeseen error ({type(error).__name__}): the log of the deliverer says more")
