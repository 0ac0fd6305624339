"""How variants compare, in one sentence: the rates, the difference, and whether chance explains it."""

from typing import Any

from infrastructure.words.outcome import Difference, Outcome
from infrastructure.words.quantities import decimals_for, join_names, name_p, percent

Variant = dict[str, Any]


def describe_comparison(outcome: Outcome) -> str | None:
    """What the deciding test says of the variants; None where the decision names none that has recipients."""
    match outcome.decision["why"]:
        case "test_says_so":
            return _describe_winner(outcome)
        case "no_variant_beats_control":
            return _describe_no_better(outcome)
        case "too_close":
            return _describe_too_close(outcome)
        case _:
            return None


def find_pair(outcome: Outcome) -> tuple[Variant, Variant] | None:
    """The variant that the sentence is about, and the one that it is compared with; None where there is no pair."""
    variant = _find_subject(outcome)
    if variant is None:
        return None
    if outcome.control is not None:
        return variant, outcome.control
    others = [each for each in outcome.received if each["variant_id"] != variant["variant_id"]]
    return (variant, max(others, key=_rate)) if others else None


def contradicts(outcome: Outcome, difference: Difference) -> bool:
    """Whether all periods together point the other way than the test, which compares within each period of weights."""
    value = difference.value or 0
    if outcome.decision["why"] == "test_says_so":
        return value < 0
    return bool(_find_worst(outcome)) and value > 0


def _find_subject(outcome: Outcome) -> Variant | None:
    """The winner, or else the variant that does most harm, or else the one that leads; never control."""
    decision = outcome.decision
    candidates = [each for each in outcome.received if not each["control"]]
    named = outcome.find(decision["variant_id"]) or _find_worst(outcome) or outcome.find(decision["leader"])
    if named is not None and not named["control"]:
        return named
    level = [each for each in candidates if each["variant_id"] in decision["level"]]
    return max(level or candidates, key=_rate, default=None)


def _find_worst(outcome: Outcome) -> Variant | None:
    worse = [each for each in map(outcome.find, outcome.decision["worse"]) if each is not None]
    return min(worse, key=_rate, default=None)


def _rate(variant: Variant) -> float:
    return float(variant["rate"] or 0)


def _describe_winner(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    winner, other = pair
    difference = outcome.compare(winner, other)
    if contradicts(outcome, difference):
        return (
            f"{outcome.name(winner)} converts more than {outcome.name(other)} when compared within each period of "
            f"weights, which chance does not explain ({name_p(difference.p)}), although over all periods "
            f"{_state_rates(outcome, winner, other, difference)}"
        )
    if outcome.control is None and len(outcome.received) > 2:
        return _describe_best_of_several(outcome, winner, other)
    said = f"{_state(outcome, winner, other)}, which chance does not explain ({name_p(difference.p)})"
    return said + _describe_rivals(outcome)


def _describe_best_of_several(outcome: Outcome, winner: Variant, other: Variant) -> str:
    ps = [each["adjusted"] for each in outcome.decision["comparisons"]]
    rates = _state_rates(outcome, winner, other, outcome.compare(winner, other), "the next best, ")
    return f"{rates}: chance explains its lead over no other variant ({_name_highest(ps)})"


def _describe_rivals(outcome: Outcome) -> str:
    """The variants that the winner is not found better than."""
    decision = outcome.decision
    level = outcome.name_ids(decision["level"])
    if level:
        verb = "beats" if len(level) == 1 else "beat"
        return f"; {join_names(level)} {verb} the control group too, level with it"
    unsure = [
        each["against"]
        for each in decision["comparisons"]
        if each["adjusted"] > outcome.results["significance"] and each["against"] != _id(outcome.control)
    ]
    if not unsure:
        return ""
    return f"; it is not found better than {join_names(outcome.name_ids(unsure), 'or')} yet"


def _describe_no_better(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    variant, control = pair
    difference = outcome.compare(variant, control)
    worse = [each for each in map(outcome.find, outcome.decision["worse"]) if each is not None]
    if not worse:
        best = (
            ", the best so far,"
            if len([each for each in outcome.received if not each["control"]]) > 1
            else ""
        )
        return f"{_state(outcome, variant, control, best)}, {_leave_open(difference)}"
    if contradicts(outcome, difference):
        said = (
            f"{outcome.name(variant)} converts less than the control group when compared within each period of "
            f"weights, which chance does not explain ({name_p(difference.p)}), although over all periods "
            f"{_state_rates(outcome, variant, control, difference)}"
        )
    else:
        said = f"{_state(outcome, variant, control)}, which chance does not explain ({name_p(difference.p)})"
    others = [outcome.name(each) for each in worse if each["variant_id"] != variant["variant_id"]]
    if others:
        said += (
            f"; {join_names(others)} {'is' if len(others) == 1 else 'are'} worse than the control group too"
        )
    return said


def _describe_too_close(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    leader, other = pair
    level = [each for each in map(outcome.find, outcome.decision["level"]) if each is not None]
    if len(level) > 1:
        return _describe_level(outcome, level)
    if len(outcome.received) > 2:
        unsure = [
            each
            for each in outcome.decision["comparisons"]
            if each["adjusted"] > outcome.results["significance"]
        ]
        rates = _state_rates(outcome, leader, other, outcome.compare(leader, other), "the next best, ")
        if not unsure:
            return f"{rates}: it is not found better than every other variant"
        names = join_names(outcome.name_ids([each["against"] for each in unsure]), "or")
        ps = _name_highest([each["adjusted"] for each in unsure])
        return f"{rates}: chance may explain its lead over {names} ({ps})"
    return f"{_state(outcome, leader, other)}, {_leave_open(outcome.compare(leader, other))}"


def _describe_level(outcome: Outcome, level: list[Variant]) -> str:
    names, rates = join_names([outcome.name(each) for each in level]), {each["rate"] for each in level}
    if len(rates) == 1:
        return f"{names} are level: each converted {percent(level[0]['rate'])} of its recipients, and nobody leads"
    return f"{names} are level when compared within each period of weights: nobody leads"


def _leave_open(difference: Difference) -> str:
    if difference.p is None:
        return "which cannot be told from chance yet"
    return f"which chance may explain ({name_p(difference.p)})"


def _name_highest(ps: list[float]) -> str:
    highest = max(ps, default=None)
    return name_p(highest) if len(ps) < 2 else name_p(highest).replace("p =", "p at most")


def _state(outcome: Outcome, variant: Variant, other: Variant, aside: str = "") -> str:
    """Both rates and the difference: "B converted 21.17 % of its recipients and the control group 8.28 %: ..."."""
    difference = outcome.compare(variant, other)
    rates = _state_rates(outcome, variant, other, difference, aside=aside)
    if difference.value is None:
        return rates
    return f"{rates}: {describe_difference(difference)}"


def _state_rates(
    outcome: Outcome,
    variant: Variant,
    other: Variant,
    difference: Difference,
    next_one: str = "",
    aside: str = "",
) -> str:
    decimals = _decimals(difference)
    return (
        f"{outcome.name(variant)}{aside} converted {percent(variant['rate'], decimals)} of its recipients and "
        f"{next_one}{outcome.name(other)}{',' if next_one else ''} {percent(other['rate'], decimals)}"
    )


def describe_difference(difference: Difference) -> str:
    """A difference of rates in points of percent: "12.89 points more (9.91 to 15.74)"."""
    decimals, value = _decimals(difference), difference.value or 0.0
    side = "more" if value > 0 else "fewer"
    size = f"{abs(value) * 100:.{decimals}f}"
    said = f"{size} points {side}" if float(size) else "no difference"
    if difference.interval is None:
        return said
    low, high = (end * 100 for end in difference.interval)
    if low * value >= 0 and high * value >= 0 and float(size):
        nearer, farther = sorted((abs(low), abs(high)))
        return f"{said} ({nearer:.{decimals}f} to {farther:.{decimals}f})"
    return f"{said} ({_name_end(low, decimals)} to {_name_end(high, decimals)})"


def _name_end(points: float, decimals: int) -> str:
    return f"{abs(points):.{decimals}f} {'fewer' if points < 0 else 'more'}"


def _decimals(difference: Difference) -> int:
    if difference.interval is None:
        return 2
    return decimals_for(difference.interval[1] - difference.interval[0])


def _id(variant: Variant | None) -> str | None:
    return None if variant is None else str(variant["variant_id"])
