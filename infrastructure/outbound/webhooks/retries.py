"""Decides when an event that was not taken is sent again, and when its user's queue is parked."""

import secrets

import structlog

from infrastructure.outbound.webhooks.hooks import MICROSECONDS, clock
from infrastructure.outbound.webhooks.queues import Due, Failure
from infrastructure.outbound.webhooks.sending import Answer
from infrastructure.outbound.webhooks.settings import WebhookSettings

log = structlog.get_logger()

_FACTOR = 3
_MOST_FACTORS = 40
"""After so many factors every pause is the longest one; many more would overflow a float."""

_random = secrets.SystemRandom()


def plan_retry(turn: Due, answer: Answer, settings: WebhookSettings, *, first: bool) -> Failure:
    """Decide when to send an event again, or to park its queue; only the `first` of a turn has failed before."""
    now = clock()
    attempts = (turn.attempts if first else 0) + 1
    since = (turn.failing_since if first else None) or now
    factors = min(attempts - 1, _MOST_FACTORS)
    pause = min(settings.longest_pause_seconds, settings.first_pause_seconds * _FACTOR**factors)
    # At random, so that events that failed together are not all sent together again.
    pause = max(pause * _random.uniform(0.5, 1.0), answer.pause)
    spent = attempts >= settings.attempts or now - since >= settings.budget_seconds * MICROSECONDS
    parked = spent and not answer.gone
    log.warning(
        "webhook.failed", webhook=turn.webhook_id, reason=answer.reason, attempts=attempts, parked=parked
    )
    next_at = now + int(pause * MICROSECONDS)
    return Failure(str(answer.reason), attempts, since, next_at, now if parked else None, answer.gone)
