"""What has changed since a frozen link was made: figures, and the campaign itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application.queries.campaigns import read_history
from application.queries.differences import ReportDifference
from application.queries.frozen import At
from application.queries.reads import AskedCampaign, Positions
from application.queries.report import read_difference
from application.queries.results import ExperimentResults
from infrastructure.web.asking import Questions
from infrastructure.web.formats import Formats
from infrastructure.words.changes import ChangeInWords, describe_change, state_extent
from infrastructure.words.conversion_events import naming_events
from infrastructure.words.quantities import Writing
from infrastructure.words.results import summarise
from projections.campaign_report.changes import Change

_SHOWN = 3
"""Facts that the notice of a frozen page names; the comparison has all of them."""

_MOST_EVENTS = 1_000


def describe_changes(found: ReportDifference, writing: Writing) -> list[tuple[Change, ChangeInWords]]:
    """The changes of a difference, each as a sentence."""
    after = found.difference.after
    controls = {each.variant_id for each in after.variants if each.control}
    writing = naming_events(writing, {after.campaign_id: after.conversion_events})
    return [
        (each, describe_change(each, controls, writing, after.campaign_id))
        for each in found.difference.changes
    ]


@dataclass(frozen=True)
class Since:
    """What has changed since the position of a frozen link."""

    found: ReportDifference
    events: int
    """Events of the campaign's own history."""

    @property
    def changes(self) -> int:
        """How many changes of figures there were."""
        return self.found.difference.changes_total

    @property
    def sentence(self) -> str:
        """How much changed."""
        return state_extent(len(self.found.figures()), self.changes, self.found.clock)

    def describe(self, writing: Writing) -> list[tuple[Change, ChangeInWords]]:
        """The first changes, each as a sentence."""
        return describe_changes(self.found, writing)


def describe_recomputed(
    then: tuple[ExperimentResults, Mapping[str, Any]],
    now: tuple[ExperimentResults, Mapping[str, Any]],
    formats: Formats,
    writing: Writing,
) -> list[str]:
    """What follows from the figures and differs now, what was caused and the headline, from results and reports."""
    caused = [_count_caused(results) for results, _ in (then, now)]
    headline, headline_now = (
        summarise(results.as_json(), dict(report), writing=writing).sentence
        for results, report in (then, now)
    )
    said = []
    if caused[0] != caused[1]:
        written = [formats.signed(each) for each in caused]
        said.append(f"Conversions (A) that were caused: {written[0]} then, {written[1]} now.")
    if headline != headline_now:
        said.append(f"The headline is now: {headline_now}")
    return said


def _count_caused(results: ExperimentResults) -> float | None:
    found = results.caused(0) if results.results.conversion_events else None
    return None if found is None else found.conversions


async def read_since(questions: Questions, at: At, version: int) -> Since:
    """Ask what is so now, and was not at a position, when the campaign had a version; raises Problem."""

    def question(asked: AskedCampaign) -> Since:
        with asked.reads.recorded() as connection:
            newest = asked.reads.log.last_position(connection)
        return Since(
            read_difference(asked, Positions(at.position, newest), "recorded", _SHOWN),
            len(read_history(asked, _MOST_EVENTS, version).events),
        )

    return await questions.ask_log(question)
