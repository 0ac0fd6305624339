"""The verdict on an experiment, printed: the winner, what speaks against it, and how users are shared."""

from application.queries.results import ExperimentResults, as_plain
from domain.experiment.results import Health
from infrastructure.cli.console import say, shown, styled
from infrastructure.words.decisions import describe_decision
from infrastructure.words.doubts import describe_mismatch, describe_several_variants


def show_decision(found: ExperimentResults) -> None:
    """Say which variant is the winner, or why there is none yet, and which one was declared."""
    verdict = describe_decision(found)
    say(f"Winner: {styled(verdict.sentence)} ({verdict.test})")
    for comparison in verdict.comparisons:
        say(f"  {shown(comparison)}")
    if verdict.few is not None:
        heading, sentence = verdict.few
        say(f"[yellow]{heading}[/]: {shown(sentence)}")
    if verdict.declared is not None:
        say(shown(verdict.declared))


def show_health(health: Health) -> None:
    """Say whether users are shared as the weights say, and how many were left out."""
    found = as_plain(health)
    if health.suspicious:
        say(f"[red]Sample ratio mismatch[/]: {shown(describe_mismatch(found))}")
    if (left_out := describe_several_variants(found)) is not None:
        say(left_out)
