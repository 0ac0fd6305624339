"""Delivering: the log handed to lines, and the first event of each line sent until it is acknowledged."""

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

from infrastructure.composition import Service
from infrastructure.database.schema import webhooks
from infrastructure.outbound.feed import Page, Teller, Telling
from infrastructure.outbound.webhooks import lease
from infrastructure.outbound.webhooks.hooks import ACTIVE, MICROSECONDS, Webhook, clock, read, secrets_of
from infrastructure.outbound.webhooks.lines import Due, Failure, Lines, Result, due, waiting
from infrastructure.outbound.webhooks.sending import Answer, Sender
from infrastructure.outbound.webhooks.settings import WebhookSettings
from infrastructure.outbound.webhooks.signing import signed
from projections.engine.projection import UnreadableLog

log = structlog.get_logger()

_AWAY = (PersistenceError, SQLAlchemyError)

_IDLE_SECONDS = 1.0
"""Between looks where there is no webhook, or another process delivers."""
_LOOK_SECONDS = 0.1
_GATHER_SECONDS = 0.005
"""Results of calls that end together are written down together."""
_FINISH_SECONDS = 8.0
_AGAIN_SECONDS = 60.0
_FAR = 5_000
"""Positions looked through without anything to tell, before it is written down how far that was."""
_FACTOR = 3
_MOST_FACTORS = 40
"""Beyond them every pause is the longest, and in the end no float could hold it."""

_random = secrets.SystemRandom()


class Delivering:
    """Delivers until it is told to end; beside others of its kind it waits until they do so no more."""

    def __init__(self, service: Service, settings: WebhookSettings) -> None:
        self._database = service.database
        self._settings = settings
        self._teller = Teller(service)
        self._lines = Lines(service.database)
        self._holder = uuid.uuid4().hex
        self._ending = threading.Event()
        self._look = max(_LOOK_SECONDS, service.database.dialect.poll_seconds)
        self._until = 0.0
        self._hooks: dict[str, tuple[Webhook, Row[Any]]] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._unreadable: dict[str, float] = {}
        self._busy: dict[str, set[str]] = {}
        self._results: list[Result] = []
        self._calls: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """End once the calls that were begun are answered."""
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
        """Write down results, hand over, begin calls; the seconds until the next round."""
        results, self._results = self._results, []
        try:
            seconds = await asyncio.to_thread(self._written, results)
            turns = await asyncio.to_thread(self._turns)
        except lease.Lost:
            log.warning("delivery.lost")
            await self._stop()
            return _IDLE_SECONDS
        except _AWAY as error:
            # What was told is in hand still, and written down as soon as the database is back.
            self._results = results + self._results
            log.warning("delivery.waits", reason=type(error).__name__)
            return _IDLE_SECONDS
        for each in turns[: self._settings.calls_at_once - len(self._calls)]:
            self._begin(each)
        return seconds

    def _written(self, results: list[Result]) -> float:
        with self._database.reading() as connection:
            rows = connection.execute(select(webhooks)).all()
        self._hooks = {row.webhook_id: (read(row), row) for row in rows}
        if not (rows or results) or not self._is_mine():
            return _IDLE_SECONDS
        renewing = self._until - time.monotonic() < self._settings.lease_seconds / 2
        pages = self._pages(renewing=renewing)
        if results or pages or renewing:
            began, until = time.monotonic(), clock() + self._lease
            with self._database.projecting() as connection:
                lease.keep(connection, self._holder, until)
                self._lines.record(connection, results)
                for hook, page in pages:
                    self._lines.hand_over(connection, hook, page.told, page.position)
            self._until = began + self._settings.lease_seconds
        for each in results:
            if each.last:
                self._busy[each.due.webhook_id].discard(each.due.journey_id)
        return 0.0 if any(page.position < page.newest for _, page in pages) else self._look

    @property
    def _lease(self) -> int:
        return int(self._settings.lease_seconds * MICROSECONDS)

    def _is_mine(self) -> bool:
        """Whether this process is the one that delivers."""
        began, now = time.monotonic(), clock()
        if began >= self._until:
            with self._database.projecting() as connection:
                taken = lease.take(connection, self._holder, now, now + self._lease)
            self._until = began + self._settings.lease_seconds if taken else 0.0
            if not taken and self._busy:
                raise lease.Lost
        return self._until > 0

    def _pages(self, *, renewing: bool) -> list[tuple[Webhook, Page]]:
        """What is to be written down of the log for each webhook that is behind and has room."""
        newest = self._teller.newest()
        active = [hook for hook, _ in self._hooks.values() if hook.status == ACTIVE]
        # What nothing is told of is written down together with the lease, and not for itself.
        behind = [hook for hook in active if (hook.position if renewing else self._at(hook)) < newest]
        if not behind:
            return []
        with self._database.reading() as connection:
            numbers = waiting(connection)
        most = self._settings.waiting_events
        room = [hook for hook in behind if numbers.get(hook.webhook_id, 0) < most]
        pages = [(hook, self._page(hook, renewing=renewing)) for hook in room]
        return [(hook, page) for hook, page in pages if page is not None]

    def _at(self, hook: Webhook) -> int:
        """How far the log was looked through: that is written down seldom where there was nothing to tell."""
        replays, position = self._seen.get(hook.webhook_id, (-1, 0))
        return max(position, hook.position) if replays == hook.replays else hook.position

    def _page(self, hook: Webhook, *, renewing: bool) -> Page | None:
        if self._unreadable.get(hook.webhook_id, 0.0) > time.monotonic():
            return None
        try:
            page = self._teller.page(hook.wanted, self._at(hook))
        except UnreadableLog as error:
            log.error("webhook.stopped", webhook=hook.webhook_id, position=error.position)  # noqa: TRY400
            self._unreadable[hook.webhook_id] = time.monotonic() + _AGAIN_SECONDS
            return None
        # Not with what is told: whether that is written down is not yet certain.
        if page.told or renewing or page.position - hook.position > _FAR:
            return page
        self._seen[hook.webhook_id] = (hook.replays, page.position)
        return None

    def _turns(self) -> list[Due]:
        if time.monotonic() >= self._until or len(self._calls) >= self._settings.calls_at_once:
            return []
        with self._database.reading() as connection:
            turns = due(connection, self._busy, clock(), self._settings.users_at_once)
        _random.shuffle(turns)
        return turns

    def _begin(self, turn: Due) -> None:
        if turn.webhook_id in self._hooks:
            self._busy.setdefault(turn.webhook_id, set()).add(turn.journey_id)
            task = asyncio.create_task(self._deliver(turn, self._hooks[turn.webhook_id][0]))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _deliver(self, turn: Due, hook: Webhook) -> None:
        """Send a line's events one after the other, until one is not acknowledged; whatever happens, tell the end."""
        failure: Failure | None = None
        first = True
        try:
            for each in await asyncio.to_thread(self._teller.at, hook.wanted.app_group, turn.positions):
                if not self._may_go_on(hook):
                    break
                answer = await self._send(hook, each)
                if answer.reason is not None:
                    failure = self._failure(turn, answer, first=first)
                    break
                self._tell(Result(turn, hook.replays, (each.position,)))
                first = False
        except UnreadableLog as error:
            failure = self._failure(turn, Answer(f"the log cannot be read: {error}"), first=first)
        except _AWAY as error:
            log.warning("delivery.waits", reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a line whose end is not told would be taken for ever
            failure = self._failure(turn, _unforeseen(error), first=first)
        self._tell(Result(turn, hook.replays, failure=failure, last=True))

    async def _send(self, hook: Webhook, told: Telling) -> Answer:
        body = await asyncio.to_thread(self._teller.envelope, told)
        current, row = self._hooks.get(hook.webhook_id, (hook, None))
        if row is None:
            return Answer("the webhook was removed")
        now = clock()
        message_id = f"{hook.webhook_id}-{told.position}"
        headers = {
            "content-type": "application/cloudevents+json",
            "user-agent": "conversion-ledger",
            **signed(message_id, now // MICROSECONDS, body, secrets_of(row, now)),
        }
        return await self._sender.send(current.webhook_id, current.url, headers, body)

    def _may_go_on(self, hook: Webhook) -> bool:
        current, _ = self._hooks.get(hook.webhook_id, (None, None))
        unchanged = current is not None and (current.status, current.replays) == (ACTIVE, hook.replays)
        return unchanged and time.monotonic() < self._until and not self._ending.is_set()

    def _tell(self, result: Result) -> None:
        self._results.append(result)
        self._wake.set()

    def _failure(self, turn: Due, answer: Answer, *, first: bool) -> Failure:
        """When an event is tried again, or that its line is parked; `first` in its line it has a past."""
        now, settings = clock(), self._settings
        attempts = (turn.attempts if first else 0) + 1
        since = (turn.failing_since if first else None) or now
        factors = min(attempts - 1, _MOST_FACTORS)
        pause = min(settings.longest_pause_seconds, settings.first_pause_seconds * _FACTOR**factors)
        # Those that failed together do not all come again together.
        pause = max(pause * _random.uniform(0.5, 1.0), answer.pause)
        spent = attempts >= settings.attempts or now - since >= settings.budget_seconds * MICROSECONDS
        parked = spent and not answer.gone
        log.warning(
            "webhook.failed", webhook=turn.webhook_id, reason=answer.reason, attempts=attempts, parked=parked
        )
        next_at = now + int(pause * MICROSECONDS)
        return Failure(str(answer.reason), attempts, since, next_at, now if parked else None, answer.gone)

    async def _stop(self) -> None:
        """Let go of everything: another process delivers, and knows what is to be done."""
        await self._break_off()
        self._until, self._results, self._busy = 0.0, [], {}

    async def _break_off(self) -> None:
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _finish(self) -> None:
        """Wait for the calls that were begun, write down what became of them, and let another process deliver."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=_FINISH_SECONDS)
        await self._break_off()
        if self._until:
            await asyncio.to_thread(self._give_back, self._results)

    def _give_back(self, results: list[Result]) -> None:
        try:
            with self._database.projecting() as connection:
                lease.keep(connection, self._holder, clock())
                self._lines.record(connection, results)
                lease.give_back(connection, self._holder)
        except (lease.Lost, *_AWAY) as error:
            log.warning("delivery.waits", reason=type(error).__name__)


def _unforeseen(error: Exception) -> Answer:
    # Where it arose, and no values: those may be secrets.
    trace = traceback.format_tb(error.__traceback__)
    log.error("delivery.failed", reason=type(error).__name__, trace=trace)
    return Answer(f"unforeseen error ({type(error).__name__}): the log of the deliverer says more")
