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


def _find_worse(outcome: Outcome) -> list[Variant]:
    """The variants that the test finds worse than control."""
    return [each for each in map(outcome.find, outcome.decision["worse"]) if each is not None]


def _find_worst(outcome: Outcome) -> Variant | None:
    return min(_find_worse(outcome), key=_rate, default=None)


def _rate(variant: Variant) -> float:
    return float(variant["rate"] or 0)


def _describe_winner(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    winner, other = pair
    if contradicts(outcome, outcome.compare(winner, other)):
        return _describe_by_period(outcome, winner, other, "more")
    if outcome.control is None and len(outcome.received) > 2:
        ps = [each["adjusted"] for each in outcome.decision["comparisons"]]
        ahead = _state_lead(outcome, winner, other)
        return f"{ahead}; chance does not explain the lead over any of them ({_name_highest(ps)})"
    return f"{_state_clear(outcome, winner, other)}{_describe_rivals(outcome)}"


def find_rivals(outcome: Outcome) -> list[str]:
    """The variants but control that the winner is not found better than, by name."""
    control = None if outcome.control is None else outcome.control["variant_id"]
    return outcome.name_ids([each["against"] for each in _find_unsure(outcome) if each["against"] != control])


def _find_unsure(outcome: Outcome) -> list[dict[str, Any]]:
    """The comparisons in which the test finds no difference."""
    significance = outcome.results["significance"]
    return [each for each in outcome.decision["comparisons"] if each["adjusted"] > significance]


def _describe_rivals(outcome: Outcome) -> str:
    level = outcome.name_ids(outcome.decision["level"])
    if level:
        verb = "beats" if len(level) == 1 else "beat"
        return f"; {join_names(level)} {verb} the control group too, level with it"
    rivals = find_rivals(outcome)
    return f"; it is not found better than {join_names(rivals, 'or')} yet" if rivals else ""


def _describe_no_better(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    variant, control = pair
    difference = outcome.compare(variant, control)
    if not _find_worse(outcome):
        several = len([each for each in outcome.received if not each["control"]]) > 1
        best = ", the best so far," if several else ""
        return f"{_state(outcome, variant, control, best)}, {_leave_open(difference)}"
    if contradicts(outcome, difference):
        return _describe_by_period(outcome, variant, control, "less") + _describe_others(outcome, variant)
    return _state_clear(outcome, variant, control) + _describe_others(outcome, variant)


def _describe_others(outcome: Outcome, worst: Variant) -> str:
    """The variants beside the worst: those that are worse than control too, and those of which nobody knows."""
    worse = _find_worse(outcome)
    others = [outcome.name(each) for each in worse if each != worst]
    unsure = [outcome.name(each) for each in outcome.received if each not in worse and not each["control"]]
    return "".join(
        f"; {join_names(names)} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in (
            (others, "worse than the control group too"),
            (unsure, "not shown to be better or worse"),
        )
        if names
    )


def _describe_too_close(outcome: Outcome) -> str | None:
    pair = find_pair(outcome)
    if pair is None:
        return None
    leader, other = pair
    level = [each for each in map(outcome.find, outcome.decision["level"]) if each is not None]
    if len(level) > 1:
        return _describe_level(outcome, level)
    if len(outcome.received) == 2:
        return f"{_state(outcome, leader, other)}, {_leave_open(outcome.compare(leader, other))}"
    ahead, unsure = _state_lead(outcome, leader, other), _find_unsure(outcome)
    if not unsure:
        return f"{ahead}; it is not found better than every other variant"
    names = join_names(outcome.name_ids([each["against"] for each in unsure]), "or")
    return f"{ahead}; chance may explain the lead over {names} ({_name_highest([p['adjusted'] for p in unsure])})"


def _describe_level(outcome: Outcome, level: list[Variant]) -> str:
    names, rates = join_names([outcome.name(each) for each in level]), {each["rate"] for each in level}
    if len(rates) == 1:
        return f"{names} are level: each converted {percent(level[0]['rate'])} of its recipients, and nobody leads"
    return f"{names} are level when compared within each period of weights: nobody leads"


def _describe_by_period(outcome: Outcome, variant: Variant, other: Variant, side: str) -> str:
    """Where all periods together point the other way."""
    difference = outcome.compare(variant, other)
    return (
        f"{outcome.name(variant)} converts {side} than {outcome.name(other)} when compared within each period of "
        f"weights, which chance does not explain ({name_p(difference.p)}), although over all periods "
        f"{_state_rates(outcome, variant, other)}"
    )


def _state_clear(outcome: Outcome, variant: Variant, other: Variant) -> str:
    p = name_p(outcome.compare(variant, other).p)
    return f"{_state(outcome, variant, other)}, which chance does not explain ({p})"


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
    rates = _state_rates(outcome, variant, other, aside)
    return rates if difference.value is None else f"{rates}: {describe_difference(difference)}"


def _state_rates(outcome: Outcome, variant: Variant, other: Variant, aside: str = "") -> str:
    decimals = _decimals(outcome.compare(variant, other))
    return (
        f"{outcome.name(variant)}{aside} converted {percent(variant['rate'], decimals)} of its recipients and "
        f"{outcome.name(other)} {percent(other['rate'], decimals)}"
    )


def _state_lead(outcome: Outcome, leader: Variant, other: Variant) -> str:
    """The rate of the leader and the next best of several."""
    decimals = _decimals(outcome.compare(leader, other))
    return (
        f"{outcome.name(leader)} converted {percent(leader['rate'], decimals)} of its recipients, and of the others "
        f"{outcome.name(other)} converted most, {percent(other['rate'], decimals)}"
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
