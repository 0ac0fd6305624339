"""What a report is of, in words: as of which instant, or the receipts of which days."""

from application.queries.reads import Days
from application.queries.report import AnyReport, ReportAsOf, ReportOfDays
from infrastructure.words.quantities import TERMINAL, Writing


def describe_scope(answer: AnyReport, writing: Writing = TERMINAL) -> str | None:
    """Which time or days the figures are of; None where they are those of now."""
    match answer:
        case ReportAsOf():
            said = "what it said" if answer.clock == "recorded" else "what is known now to have been true"
            return f"As of {writing.instant(answer.instant)}: {said}."
        case ReportOfDays(days=Days(first, None)):
            days = f"of {first} and later"
        case ReportOfDays(days=Days(None, last)):
            days = f"of {last} and earlier"
        case ReportOfDays(days=Days(first, last)):
            days = f"from {first} to {last}, both days included"
        case _:
            return None
    return f"Receipts {days}; days in {writing.name(answer.time_zone)}."
