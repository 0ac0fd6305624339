"""What an audit found, for people: the verdict, the totals side by side, and every difference with both stories."""

from collections.abc import Iterator

from domain import money
from infrastructure.audit.outcome import AuditResult, Difference
from infrastructure.audit.wording import TOTALS, describe_problem, describe_story, describe_thing
from infrastructure.cli.console import columns, out, print_table, say, shown

_SHOWN = 20
"""Differences that a terminal shows; JSON and the page have more."""


def show(found: AuditResult, limit: int = _SHOWN) -> None:
    """Print the verdict and the tables."""
    _print_totals(found)
    if found.revenue:
        sums = ", ".join(
            f"{money.printed(amount, currency)} {currency}" for currency, amount in found.revenue.items()
        )
        say(f"Revenue that counts, control's included: {sums}")
    if found.differs:
        _print_kinds(found)
        for difference in found.listed[:limit]:
            for line in _describe(found, difference):
                say(line)
        if found.differs > limit:
            out.print(
                f"[dim]and {found.differs - limit:,} more; --json and --html have more of them[/]",
                highlight=False,
            )
    for line in _advice(found):
        say(line)
    say(verdict(found))


def _advice(found: AuditResult) -> Iterator[str]:
    """What was compared that is not in the table, and what to do next."""
    others = [claim for claim in found.claims if all(other != claim for other, _ in found.judged.said)]
    if others:
        yield f"Every figure of {' and '.join(others)} was compared, too."
    if found.altered:
        positions = ", ".join(f"{position:,}" for position in found.altered[:_SHOWN])
        yield f"[red]Not what was recorded, by their hash[/]: positions {positions}; `conversions verify` says more."
    elif found.differs and found.source == "archive":
        yield "Hashes of events were not checked: `conversions verify` in the ledger, or a restore, does."
    if any(claim != "streams" for _, _, claim in found.judged.counts):
        yield "If a read model differs and the streams do not, `conversions rebuild` builds it again."


def verdict(found: AuditResult) -> str:
    """One sentence, with the checksum of what the rules find."""
    of = "" if found.campaign_id is None else f" of campaign {shown(found.campaign_id)}"
    judged = (
        f"{found.judged.totals['facts']:,} facts of {found.judged.totals['journeys']:,} journeys{of} judged again, to "
        f"position {found.position:,} in {found.seconds:.1f} s; checksum {found.checksum}"
    )
    if found.differs:
        number = "1 difference" if found.differs == 1 else f"{found.differs:,} differences"
        return f"[red]{number}[/]: {judged}."
    return f"[green]Nothing differs[/]: {judged}."


def _print_totals(found: AuditResult) -> None:
    said = found.judged.said
    claims = [claim for claim in found.claims if any(other == claim for other, _ in said)]
    print_table(
        ["What counts", *columns("by the rules", *claims, justify="right")],
        (
            (
                label,
                f"{found.judged.totals[what]:,}",
                *(f"{said[claim, what]:,}" if (claim, what) in said else "" for claim in claims),
            )
            for what, label in TOTALS.items()
        ),
        title=f"Audit of the {found.source}, by {found.engine}",
    )


def _print_kinds(found: AuditResult) -> None:
    print_table(
        ["What", "Problem", "Who says so", *columns("Number", justify="right")],
        (
            (subject, describe_problem(problem), claim, f"{number:,}")
            for (subject, problem, claim), number in sorted(found.judged.counts.items())
        ),
        title="Differences",
    )


def _describe(found: AuditResult, difference: Difference) -> Iterator[str]:
    thing, claim = shown(describe_thing(difference)), difference.claim
    yield f"[bold]{thing}{shown(_whose(found, difference))}[/]: {describe_problem(difference.problem)} ({claim})"
    yield f"  by the rules: {shown(describe_story(difference, difference.judged))}"
    place = "" if difference.position is None else f" (position {difference.position:,})"
    say = "say" if claim == "streams" else "says"
    yield f"  {claim} {say}: {shown(describe_story(difference, difference.said))}{place}"


def _whose(found: AuditResult, difference: Difference) -> str:
    if difference.journey_id is None:
        return ""
    user = found.users.get(difference.journey_id)
    return f", journey {difference.journey_id}" if user is None else f", user {user}"
