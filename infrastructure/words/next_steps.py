"""What to do next about a campaign, in a sentence or two."""

from typing import Any

from domain.experiment.checks import recipients_needed
from infrastructure.words.comparing import find_pair, find_rivals
from infrastructure.words.doubts import MANY_DAYS, count_days, name_empty
from infrastructure.words.outcome import Outcome
from infrastructure.words.quantities import deadline, join_names, roughly

Variant = dict[str, Any]

SEND_CONTROL = "Send a control group next time: without one nobody sees what a campaign causes."


def advise(outcome: Outcome) -> str:
    """What to do next."""
    if outcome.results["health"]["suspicious"]:
        return "Find out why users are not shared as the weights say, and decide nothing before that."
    match outcome.decision["why"]:
        case "test_says_so" if outcome.decision["variant_id"] is not None:
            return _advise_winner(outcome)
        case "nothing_to_compare":
            return _advise_nothing_to_compare(outcome)
        case "no_variant_beats_control" if outcome.decision["worse"]:
            return _advise_harm(outcome)
        case _:
            return _advise_patience(outcome)


def advise_one_variant(outcome: Outcome) -> str:
    """Without anything beside it, time alone tells no more than how many convert."""
    if not outcome.converted and outcome.open:
        return _wait_for_windows(outcome)
    return SEND_CONTROL


def advises_declaration(outcome: Outcome) -> bool:
    """Whether the next step is to declare a winner: the test names one that is not declared, and nothing forbids it."""
    decision = outcome.decision
    is_named = decision["why"] == "test_says_so" and decision["variant_id"] is not None
    return (
        is_named
        and not outcome.results["health"]["suspicious"]
        and not _is_too_little(outcome)
        and not _is_declared(outcome)
        and outcome.status != "archived"
    )


def _is_too_little(outcome: Outcome) -> bool:
    return outcome.is_for_one_look and bool(outcome.decision["too_little"])


def _is_declared(outcome: Outcome) -> bool:
    """Whether the winner of the test is the declared one."""
    declared = outcome.decision["declared"]
    return declared is not None and declared["variant_id"] == outcome.decision["variant_id"]


def _advise_winner(outcome: Outcome) -> str:
    winner = outcome.writing.name(outcome.decision["variant_id"])
    if _is_too_little(outcome):
        return "Wait for more conversions: with so few, a test of one look may be wrong."
    act = f"send {winner} to everyone" if outcome.goes_on else f"send {winner} next time"
    if _is_declared(outcome):
        said = f"{winner} is declared the winner: {act}."
    elif outcome.status == "archived":
        said = f"{act[0].upper()}{act[1:]}."
    else:
        said = f"Declare {winner} the winner, and {act}."
    if rivals := find_rivals(outcome):
        said += f" {join_names(rivals)} may be as good."
    return said if outcome.has_control else f"{said} {SEND_CONTROL}"


def _advise_harm(outcome: Outcome) -> str:
    worse = join_names(outcome.name_ids(outcome.decision["worse"]))
    if outcome.goes_on:
        return f"Stop sending {worse}: fewer users convert than without it."
    return f"Do not send {worse} again: fewer users converted than without it."


def _advise_nothing_to_compare(outcome: Outcome) -> str:
    empty = [each for each in outcome.variants if not each["recipients"]]
    if len(outcome.received) > 1:
        return _wait_for_windows(outcome)
    if not outcome.received:
        return "Find out why the sender does not keep each user in one variant."
    return f"Check what the sender sends: {name_empty(empty, outcome.writing)}."


def _advise_patience(outcome: Outcome) -> str:
    """How long to wait for an answer, and whether there can be one."""
    said = _advise_waiting(outcome)
    return said if outcome.has_control else f"{said} {SEND_CONTROL}"


def _advise_waiting(outcome: Outcome) -> str:
    pair = find_pair(outcome)
    if not outcome.goes_on:
        if outcome.open:
            return f"{_wait_for_windows(outcome)} After that, only more recipients could tell."
        again = "" if outcome.status == "archived" else "Launch it again, or "
        return (
            f"{again}{'Send' if not again else 'send'} it to more users next time: these are too few to tell."
        )
    if pair is None:
        return "Wait for more recipients."
    missing = _count_missing(outcome, *pair)
    if missing is None:
        return "Wait: more conversions are needed before anybody can say how many recipients it takes."
    aim = _name_aim(outcome.results["uplift_asked"])
    if missing == 0:
        return (
            f"Do not wait: so many recipients usually show {aim}, if there are. "
            "Choose by other reasons, or try something bolder."
        )
    variant = _of_needed(outcome, pair)
    days = count_days(outcome, variant, missing)
    wanted = f"{roughly(missing, 'more recipient')} of {outcome.name(variant)}"
    larger = "Larger differences show sooner."
    if days is not None and days > MANY_DAYS:
        return (
            f"Do not wait for a difference as small as {aim}: to show it takes {wanted}, more than a year at the "
            f"present rate. {larger}"
        )
    wait = (
        f"Wait for {wanted}"
        if days is None
        else f"Wait {roughly(days, 'day')} at the present rate, for {wanted}"
    )
    return f"{wait}: so many usually show {aim}, if there are. {larger}"


def _name_aim(uplift: float) -> str:
    return f"{abs(uplift) * 100:g} % {'more' if uplift > 0 else 'fewer'} conversions"


def _of_needed(outcome: Outcome, pair: tuple[Variant, Variant]) -> Variant:
    """The one of a pair that the results have needed recipients for: never the one that all are compared with."""
    return next(each for each in pair if each["variant_id"] != outcome.results["against"])


def _count_missing(outcome: Outcome, variant: Variant, other: Variant) -> int | None:
    """Recipients that are missing, twice as many where one looks every day (docs/statistics.md, Simulations)."""
    of = _of_needed(outcome, (variant, other))
    needed = outcome.find_needed(of)
    if needed is None or outcome.is_for_one_look:
        return needed
    if needed:
        return 2 * needed + int(of["recipients"])
    against = outcome.find(outcome.results["against"])
    if against is None or against["rate"] is None:
        return None
    at_one_look = recipients_needed(
        against["rate"], outcome.results["uplift_asked"], against["recipients"] / of["recipients"]
    )
    return None if at_one_look is None else max(0, 2 * at_one_look - int(of["recipients"]))


def _wait_for_windows(outcome: Outcome) -> str:
    seconds = 0 if outcome.primary is None else outcome.primary["deadline_seconds"]
    if not outcome.open:
        return f"Wait: a window lasts {deadline(seconds)}."
    windows = (
        "the window of 1 recipient is"
        if outcome.open == 1
        else f"the windows of {outcome.open:,} recipients are"
    )
    return f"Wait: {windows} still open, and a window lasts {deadline(seconds)}."
