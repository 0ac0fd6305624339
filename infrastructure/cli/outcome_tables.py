"""A campaign in about ten lines for people: what it did, what to do next, what speaks against it, and its rates."""

from collections.abc import Mapping

from application.queries.report import CurrentReport
from application.queries.results import ExperimentResults
from infrastructure.cli.console import bar, bar_width, columns, new_table, out, shown
from infrastructure.cli.result_tables import ends, fitting
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.quantities import percent
from infrastructure.words.results import summarise


def show(found: CurrentReport, results: ExperimentResults) -> None:
    """Print the summary, and the rates on the primary conversion event, which the campaign must have."""
    report, campaign = found.report, results.snapshot.campaign
    summary = summarise(results.as_json(), found.as_json())
    by = f", by {report.channel}" if report.channel else ""
    hope = name_with_deadline(campaign.conversion_events[0].stated())
    _write(f"\n[bold]{shown(report.name)}[/] ({shown(report.campaign_id + by)}): {shown(hope)}")
    _write(shown(summary.sentence))
    _write(shown(summary.next_step))
    for warning in summary.warnings:
        _write(f"[yellow]{shown(warning.sentence)}[/]")
    names = {each.variant_id: each.name for each in report.variants}
    _print_rates(results, names)


def _print_rates(results: ExperimentResults, names: Mapping[str, str | None]) -> None:
    primary, width = results.results.conversion_events[0], bar_width()
    highest = max((each.rate or 0.0 for each in primary.variants), default=0.0)
    table = new_table(
        [
            "Variant",
            *columns("Recipients", "Converted", "Rate", "95 %", justify="right", no_wrap=True),
            *columns("", no_wrap=True),
        ],
        (
            (
                _label(each.variant_id, names.get(each.variant_id), is_control=each.control),
                f"{each.recipients:,}",
                f"{each.converted:,}",
                percent(each.rate),
                ends(each.interval),
                bar(each.rate, highest, width),
            )
            for each in primary.variants
        ),
        box=None,
        pad_edge=False,
        row_styles=["dim" if each.control else "" for each in primary.variants],
    )
    out.print(fitting(table, "95 %"))


def _label(variant_id: str, name: str | None, *, is_control: bool) -> str:
    if is_control:
        return f"{shown(variant_id)}  (control group)"
    return shown(variant_id) + (f"  {shown(name)}" if name else "")


def _write(text: str) -> None:
    """Print a sentence, broken between words where it is longer than the terminal is wide."""
    out.print(text, highlight=False)
