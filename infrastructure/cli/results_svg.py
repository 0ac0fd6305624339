"""The results of an experiment as a picture in a file: `conversions results --svg FILE`."""

from collections.abc import Iterator
from pathlib import Path

from application.queries.results import ExperimentResults, as_plain
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.evidence import DecidingTest
from domain.experiment.results import EventResults
from infrastructure.cli.options import UNREADABLE, Refused
from infrastructure.cli.result_tables import deciding_interval
from infrastructure.pictures.formatting import RATE, UPLIFT
from infrastructure.pictures.intervals import Estimate, intervals
from infrastructure.pictures.picture import Picture
from infrastructure.pictures.verdict import ROOM, verdict
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.decisions import describe_few
from infrastructure.words.doubts import describe_mismatch


def write(found: ExperimentResults, file: Path) -> None:
    """Write the picture; raises Refused where the file cannot be written."""
    try:
        file.write_text(draw(found).standalone(), encoding="utf-8")
    except OSError as error:
        raise Refused(
            f"cannot write {file}: {error.strerror}", code="unwritable_file", place="--svg", status=UNREADABLE
        ) from error


def draw(found: ExperimentResults) -> Picture:
    """The verdict, with the rates of each conversion event and their uplifts."""
    charts = [chart for event in found.results.conversion_events for chart in _charts(event, found)]
    sentence = f"{found.results.decision.sentence} ({found.results.test.value} test)"
    return verdict(found.snapshot.campaign.name, sentence, list(_warnings(found)), charts)


def _warnings(found: ExperimentResults) -> Iterator[str]:
    if (few := describe_few(found)) is not None:
        yield f"{few[0]}: {', '.join(found.too_little())}."
    if found.results.health.suspicious:
        yield f"Sample ratio mismatch: {describe_mismatch(as_plain(found.results.health))}"


def _charts(event: EventResults, found: ExperimentResults) -> Iterator[Picture]:
    winner = found.results.decision.winner if event.index == 0 else None
    stated = found.snapshot.campaign.conversion_events[event.index].stated()
    hope = f"{LETTERS[event.index]}  {name_with_deadline(stated)}"
    rates = [
        Estimate(each.variant_id, each.rate, each.interval, each.variant_id == winner, each.control)
        for each in event.variants
    ]
    yield intervals(f"{hope}: conversion rate, 95 %", rates, unit=RATE, room=ROOM)
    test = found.results.test
    uplifts = [
        Estimate(each.variant_id, each.uplift, deciding_interval(each, test), each.variant_id == winner)
        for each in event.comparisons
    ]
    if uplifts:
        when = "at one look" if test is DecidingTest.FIXED else "on any day"
        title = f"Uplift against {found.results.against}, 95 % {when}"
        yield intervals(title, uplifts, unit=UPLIFT, room=ROOM)
