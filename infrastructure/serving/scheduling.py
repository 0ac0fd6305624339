"""Intelligent selection on schedule: now and then, campaigns that are due are adjusted; beside the projector."""

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime

import structlog
from eventsourcing.persistence import PersistenceError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from application.ports import Stamp
from domain.campaigns.campaign import Campaign
from domain.errors import DomainError
from domain.instants import full_hour, microseconds
from infrastructure.composition import Service
from projections.campaign_report.reading import launched_campaigns
from projections.engine.generations import current
from projections.recipients import RECIPIENTS

log = structlog.get_logger()

EVERY_SECONDS = 600.0
"""How often it looks: an adjustment comes at most so much later than twelve hours after the one before."""

_PATIENCE_SECONDS, _LOOK_SECONDS = 30.0, 0.2
"""How long it waits for the read model to hold what is recorded by now, and how often it looks; else the next time."""


def due(service: Service, connection: Connection, now: datetime) -> Iterator[Campaign]:
    """The campaigns that are launched, follow conversions, and were not adjusted within twelve hours."""
    as_of = microseconds(full_hour(now))
    for app_group, campaign_id in launched_campaigns(connection):
        campaign = service.ledger.existing_campaign(app_group, campaign_id)
        if campaign.adjustable(as_of):
            yield campaign


class Selecting:
    """Adjusts what is due until it is told to end; a database that is away is tried again the next time."""

    def __init__(self, service: Service, every_seconds: float = EVERY_SECONDS) -> None:
        self._service = service
        self._every = every_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="selecting", daemon=True)

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread.start()

    def end(self) -> None:
        """End, after the campaign that is being adjusted."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            try:
                self._adjust()
            except (DomainError, LookupError, PersistenceError, SQLAlchemyError) as error:
                log.error("selection.failed", error=type(error).__name__)  # noqa: TRY400 - tried again
            except Exception:
                log.exception("selection.failed")

    def _adjust(self) -> None:
        with self._service.database.reading() as connection:
            found = list(due(self._service, connection, self._service.now()))
        if found and not self._caught_up():
            log.warning("selection.behind", campaigns=len(found))
            return
        for campaign in found:
            of = {"app_group": campaign.app_group, "campaign_id": campaign.campaign_id}
            try:
                self._adjust_one(campaign)
            except DomainError as refused:
                log.error("selection.refused", code=refused.code, **of)  # noqa: TRY400 - it says all
            except (PersistenceError, SQLAlchemyError):
                raise
            except Exception:
                # Another campaign may be another app group's.
                log.exception("selection.failed", **of)

    def _adjust_one(self, campaign: Campaign) -> None:
        # Loaded only where there is something to select: distributions take a while to load.
        from application.queries import selection  # noqa: PLC0415

        with self._service.database.reading() as connection:
            chosen = selection.adjustment(self._service, connection, campaign)
        selection.record(self._service, chosen, Stamp(uuid.uuid4().hex, "service:selection"))

    def _caught_up(self) -> bool:
        """Wait until recipients are as of now; no, where they stay behind or it is to end."""
        with self._service.database.reading() as connection:
            now = self._service.log.last_position(connection)
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            with self._service.database.reading() as connection:
                if current(connection, RECIPIENTS).position >= now:
                    return True
            if self._ending.wait(_LOOK_SECONDS):
                break
        return False
