"""What has changed since a frozen link was made: figures, and the campaign itself."""

from dataclasses import dataclass

from application.queries.campaigns import read_history
from application.queries.differences import ReportDifference
from application.queries.frozen import At
from application.queries.reads import AskedCampaign, Positions
from application.queries.report import read_difference
from infrastructure.web.asking import Questions
from infrastructure.words.changes import ChangeInWords, describe_change, state_extent
from infrastructure.words.conversion_events import naming_events
from infrastructure.words.quantities import Writing
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
