"""Intelligent selection on schedule: a thread beside the projector adjusts the campaigns that are due."""

import threading
import uuid
from collections.abc import Callable

import structlog
from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import SQLAlchemyError

from application.commands.experiments import Experiments
from application.ports import Stamp
from application.queries import selection
from domain.campaigns.campaign import Campaign
from domain.errors import DomainError
from infrastructure.read_models.reads import Behind, Waiting

log = structlog.get_logger()

EVERY_SECONDS = 600.0
"""The pause between two looks: an adjustment is late by this much at most."""

_PATIENCE_SECONDS, _LOOK_SECONDS = 30.0, 0.2
"""How long it waits for the read model to hold all that was recorded before the look, and how often it tries."""


class Selecting:
    """Adjusts what is due until `end`; where the database is away, it tries again at the next look."""

    def __init__(
        self,
        make_reads: Callable[[], Waiting],
        experiments: Experiments,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        """`make_reads` makes the reads of one look."""
        self._make_reads = make_reads
        self._experiments = experiments
        self._every = every_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="selecting", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """End the thread, after the campaign that it is adjusting."""
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
        reads = self._make_reads()
        with reads.recorded() as connection:
            found = list(selection.find_due(reads, connection))
        for campaign in found:
            of = {"app_group": campaign.app_group, "campaign_id": campaign.campaign_id}
            try:
                adjustment = self._choose(reads, campaign)
                selection.adjust(self._experiments, adjustment, Stamp(uuid.uuid4().hex, "service:selection"))
            except Behind as behind:
                log.warning("selection.behind", campaigns=len(found), events=behind.missing)
                return
            except DomainError as refused:
                log.error("selection.refused", code=refused.code, **of)  # noqa: TRY400 - it says all
            except (PersistenceError, SQLAlchemyError):
                raise
            except Exception:
                # The next campaign may belong to another app group, which this error is no concern of.
                log.exception("selection.failed", **of)

    def _choose(self, reads: Waiting, campaign: Campaign) -> selection.Adjustment:
        """Choose weights once the read model is up to date; raises Behind where it stays behind, or the thread ends."""
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            try:
                return selection.choose_weights(reads, campaign)
            except Behind:
                if self._ending.wait(_LOOK_SECONDS):
                    raise
        return selection.choose_weights(reads, campaign)
