"""The result of `conversions audit --decisions` for people: the verdict, and what would change."""

from collections.abc import Iterator
from typing import Any

from infrastructure.audit.decision_differences import Decided, DecisionAudit, Difference
from infrastructure.cli.console import columns, out, print_table, say, shown
from infrastructure.words.quantities import format_instant

_SHOWN = 20
"""Differences that a terminal shows; JSON has all that the audit keeps."""

_KINDS = {
    "decided_otherwise": "is decided otherwise",
    "not_taken": "is not taken",
    "unreadable": "cannot be read",
}


def show(found: DecisionAudit, limit: int = _SHOWN) -> None:
    """Print the verdict, and where there are differences their kinds and the earliest of them."""
    say(_verdict(found))
    if found.equal:
        return
    _print_changes(found)
    shown_ones = found.found.differences[:limit]
    for each in shown_ones:
        for line in _difference(each):
            say(line)
    more = found.found.differences_total - len(shown_ones)
    if more:
        out.print(f"[dim]and {more:,} more; --json has more of them[/]", highlight=False)


def _verdict(found: DecisionAudit) -> str:
    counts = found.found
    about = "" if found.campaign_id is None else f" about {shown(found.campaign_id)}"
    replayed = (
        f"{counts.facts:,} facts of {counts.journeys:,} journeys replayed up to position {found.position:,}, "
        f"{counts.decisions:,} decisions{about} compared in {found.seconds:.1f} s"
    )
    if found.equal:
        return f"[green]Today's code decides all of it as it was recorded[/]: {replayed}."
    return (
        f"[red]Today's code does not decide as it was recorded[/] at {counts.differences_total:,} facts of "
        f"{counts.journeys_differing:,} journeys: {replayed}."
    )


def _print_changes(found: DecisionAudit) -> None:
    print_table(
        ["Decision", *columns("Recorded, not repeated", "Decided now, not recorded", justify="right")],
        ((_words(topic), f"{recorded:,}", f"{now:,}") for topic, recorded, now in found.by_topic()),
        title="What today's code would change",
    )


def _difference(each: Difference) -> Iterator[str]:
    """The user and the fact, what was recorded, and what is decided now."""
    who = (
        f"[bold]{shown(each.user_id)}[/]" if each.user_id is not None else "a user whose identity was erased"
    )
    what = f"position {each.position}"
    if each.fact is not None:
        fact = each.fact
        kind = fact.type.replace("_", " ")
        what = f"{kind} {shown(fact.id)} of {format_instant(fact.at)}, position {fact.position}"
    yield f"\n{who} of {shown(each.app_group)} (journey {shown(each.journey_id)}): {what} {_KINDS[each.kind]}"
    if each.reason is not None:
        yield f"  because: {shown(each.reason)}"
    for decided in each.recorded:
        yield f"  recorded at {decided.position}: {_describe_decided(decided)}"
    for decided in each.now:
        yield f"  decided now: {_describe_decided(decided)}"
    if each.tampered:
        positions = ", ".join(map(str, each.tampered))
        yield f"  [red]not what was recorded, by their hash[/]: {positions}; `conversions verify` checks the log"


def _describe_decided(decided: Decided) -> str:
    """A decision as its name and the values it gives."""
    values = _flat("", decided.event())
    return f"{_words(decided.topic)}: {shown(', '.join(values))}"


def _flat(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{name} {key}".strip(), each)
    else:
        yield f"{name} {value}".strip()


def _words(topic: str) -> str:
    """A topic in words."""
    return shown(topic.removeprefix("journey.").replace("_", " "))
