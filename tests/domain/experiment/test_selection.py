"""Intelligent selection: what weights follow, and how many recipients a young one counts as."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.experiment.bayes import improvement, probability_best
from domain.experiment.selection import SURE, Cohort, choose, lift_to_floor, usually_seen, weights

DAY = 24
DEADLINE = 3 * 86_400


def cohorts(recipients: int, rate: float, delays: list[float], ages: range) -> list[Cohort]:
    """What is seen of recipients who convert at this rate, after so many hours in these shares."""
    return [
        Cohort(age, recipients, round(recipients * rate * sum(delays[:age]))) for age in ages
    ]  # fmt: skip


def test_who_is_mature_counts_in_full() -> None:
    """And the shares are the probabilities to be best, down to the floor."""
    chosen = choose({"A": [Cohort(100, 1_000, 50)], "B": [Cohort(100, 1_000, 60)]}, [10, 5], DEADLINE, 0.05)
    assert chosen.counted == {"A": 1_000.0, "B": 1_000.0}
    assert chosen.recipients == {"A": 1_000, "B": 1_000}
    likely = probability_best([(50, 1_000), (60, 1_000)])
    assert list(chosen.best.values()) == likely
    assert list(chosen.shares.values()) == pytest.approx([0.05 + 0.9 * each for each in likely])
    assert chosen.better == improvement([(50, 1_000), (60, 1_000)], 0.01)
    assert not chosen.done


def test_going_on_ends_when_it_would_hardly_help() -> None:
    """With 95 % certainty no other is better by 1 % of the best one's rate: it has all the share, the floor is over."""
    chosen = choose({"A": [Cohort(100, 9_000, 300)], "B": [Cohort(100, 9_000, 600)]}, [1], DEADLINE, 0.05)
    assert chosen.done
    assert chosen.shares == {"A": 0.0, "B": 1.0}


def test_what_one_look_says_is_not_enough_to_end() -> None:
    """The posterior is below 5 %, as chance makes it sooner or later where nothing differs; shares follow all the same."""
    chosen = choose({"A": [Cohort(100, 1_000, 100)], "B": [Cohort(100, 1_000, 130)]}, [1], DEADLINE, 0.05)
    assert chosen.better < SURE
    assert not chosen.done
    assert min(chosen.shares.values()) >= 0.05


def test_open_windows_end_nothing() -> None:
    """However large the difference: a variant may convert late."""
    young = {"A": [Cohort(71, 9_000, 300)], "B": [Cohort(71, 9_000, 600)]}
    chosen = choose(young, [1], DEADLINE, 0.05)
    assert chosen.better < SURE
    assert not chosen.done


def test_every_other_is_to_be_told_from_the_best() -> None:
    """The nearest one as well."""
    clear = {"A": [Cohort(100, 9_000, 300)], "B": [Cohort(100, 9_000, 600)], "C": [Cohort(100, 9_000, 310)]}
    assert choose(clear, [1], DEADLINE, 0.05).done
    assert not choose(clear | {"C": [Cohort(100, 9_000, 540)]}, [1], DEADLINE, 0.05).done


def test_rates_that_drift_for_all_are_no_difference() -> None:
    """B had most recipients while all converted more: by the hour of receipt, nothing differs."""
    drifting = {
        "A": [Cohort(200, 1_000, 200), Cohort(100, 9_000, 900)],
        "B": [Cohort(200, 9_000, 1_800), Cohort(100, 1_000, 100)],
    }
    chosen = choose(drifting, [1], DEADLINE, 0.05)
    assert chosen.better < SURE
    assert not chosen.done


def test_chance_alone_hardly_ever_ends_it() -> None:
    """Two equal variants looked at every day for a month: by one look's posterior every third campaign ends, or more."""
    draw, ended, once = np.random.default_rng(7), 0, 0
    for _ in range(40):
        arrived: dict[str, list[Cohort]] = {"A": [], "B": []}
        looks = []
        for day in range(30):
            for each in arrived.values():
                each.append(Cohort(1_000 - day, 200, int(draw.binomial(200, 0.1))))
            looks.append(choose(arrived, [1], DEADLINE, 0.05))
        ended += any(look.done for look in looks)
        once += any(look.better <= SURE for look in looks)
    assert ended <= 2
    assert once >= 12


def test_delay_is_no_disadvantage() -> None:
    """Equal rates, but B's recipients are young: undelayed counting would take B for the worse one."""
    evenly = [1 / 72] * 72
    seen = {"A": cohorts(1_000, 0.2, evenly, range(60, 100)), "B": cohorts(1_000, 0.2, evenly, range(1, 41))}
    delays = [
        round(sum(each.recipients * 0.2 / 72 for of in seen.values() for each in of if each.age > hour))
        for hour in range(72)
    ]
    chosen = choose(seen, delays, DEADLINE, 0)
    rates = {name: chosen.converted[name] / chosen.counted[name] for name in seen}
    assert rates["A"] == pytest.approx(rates["B"], rel=0.05)
    naive = {name: chosen.converted[name] / chosen.recipients[name] for name in seen}
    assert naive["B"] < 0.5 * naive["A"]


def test_who_converts_late_is_no_worse() -> None:
    """Equal rates, but B's conversions come after a day: by the delays of both, B would be taken for the worse one."""
    early, late = [1 / 24] * 24 + [0.0] * 48, [0.0] * 24 + [1 / 48] * 48
    seen = {"A": cohorts(1_000, 0.2, early, range(1, 61)), "B": cohorts(1_000, 0.2, late, range(1, 61))}
    delays = {
        name: [
            round(sum(each.recipients * 0.2 * share for each in seen[name] if each.age > hour))
            for hour, share in enumerate(shares)
        ]
        for name, shares in (("A", early), ("B", late))
    }
    together = [a + b for a, b in zip(delays["A"], delays["B"], strict=True)]
    own, of_all = (choose(seen, each, DEADLINE, 0) for each in (delays, together))
    found, guessed = (each.converted["B"] / each.counted["B"] for each in (own, of_all))
    assert found == pytest.approx(own.converted["A"] / own.counted["A"], rel=0.1)
    assert guessed < 0.7 * found


def test_who_has_no_conversions_yet_is_seen_as_all_are() -> None:
    """Nothing is known of its own delays."""
    seen = {"A": [Cohort(100, 1_000, 100), Cohort(1, 1_000, 50)], "B": [Cohort(1, 1_000, 0)]}
    own = choose(seen, {"A": [100, 50]}, 2 * 3_600, 0)
    together = choose(seen, [100, 50], 2 * 3_600, 0)
    assert own.counted["B"] == together.counted["B"]


def test_what_is_usually_seen_by_an_age() -> None:
    """From those who are old enough to tell: young recipients, who cannot convert late yet, are no evidence against."""
    halves = {"A": [Cohort(100, 1_000, 100), Cohort(1, 9_000, 450)]}
    found = usually_seen(halves, [500, 50], 2 * 3_600)
    assert len(found) == 3
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1)
    # In the first hour 500 of 10,000, in the second 50 of the 1,000 and of half of those who are in it.
    assert found[0] == pytest.approx((500 / 10_000) / (500 / 10_000 + 50 / 5_500))


def test_beyond_the_oldest_the_last_hours_go_on() -> None:
    """Until a window is over, conversions are taken to come as they did in the last quarter of the ages known."""
    found = usually_seen({"A": [Cohort(8, 1_000, 80)]}, [*[10] * 8, 5], 16 * 3_600)
    assert found == pytest.approx([place / 17 for place in range(1, 18)])


def test_without_conversions_they_are_taken_to_come_evenly() -> None:
    """Nobody is counted before the first full hour."""
    assert usually_seen({"A": [Cohort(0, 10, 0)]}, [], 4 * 3_600) == [0.2, 0.4, 0.6, 0.8, 1.0]
    chosen = choose({"A": [Cohort(0, 10, 0)], "B": [Cohort(0, 10, 0)]}, [], 4 * 3_600, 0.1)
    assert chosen.counted == {"A": 0.0, "B": 0.0}
    assert list(chosen.shares.values()) == pytest.approx([0.5, 0.5])


def test_a_guess_too_low_is_no_rate_above_all() -> None:
    """More conversions than recipients that count: as many as those."""
    chosen = choose({"A": [Cohort(1, 10, 10)], "B": [Cohort(90, 10, 1)]}, [11], 30 * 86_400, 0)
    assert 0 <= chosen.best["A"] <= 1


shares = st.lists(st.floats(0, 1), min_size=2, max_size=5).filter(lambda each: sum(each) > 0.01)


@given(shares, st.lists(st.integers(0, 50), min_size=6, max_size=6), st.booleans())
def test_control_keeps_its_share_exactly(likely: list[float], before: list[int], controlled: bool) -> None:
    """R5: whole weights that add up; what the others get is as near to their shares as whole numbers come."""
    names = [f"v{place}" for place in range(len(likely))]
    stood = dict(zip([*names, "control"] if controlled else names, [*before[: len(names)], 3], strict=False))
    stood["v0"] += 1
    found = weights(
        {name: each / sum(likely) for name, each in zip(names, likely, strict=True)},
        stood,
        "control" if controlled else None,
    )
    assert list(found) == list(stood)
    assert sum(found.values()) % sum(stood.values()) == 0
    rest = sum(found.values())
    if controlled:
        assert found["control"] * sum(stood.values()) == stood["control"] * sum(found.values())
        rest -= found["control"]
    assert all(
        abs(found[name] - each / sum(likely) * rest) <= 1 for name, each in zip(names, likely, strict=True)
    )


@given(shares, st.floats(0, 0.19))
def test_no_share_is_below_the_floor(likely: list[float], floor: float) -> None:
    """And they are shares of one whole."""
    found = lift_to_floor([each / sum(likely) for each in likely], floor)
    assert min(found) >= floor - 1e-12
    assert sum(found) == pytest.approx(1)


def test_how_likely_going_on_improves_is_what_draws_say() -> None:
    """Against a hundred thousand draws of each belief; of nobody, nothing is improved."""
    draw = Random(7)
    variants = [(50, 1_000), (60, 1_000), (55, 980)]
    better = 0
    for _ in range(100_000):
        rates = [draw.betavariate(1 + x, 1 + n - x) for x, n in variants]
        better += max(rates[0], rates[2]) > 1.01 * rates[1]
    assert improvement(variants, 0.01) == improvement(variants, 0.01, probability_best(variants))
    assert improvement(variants, 0.01) == pytest.approx(better / 100_000, abs=0.01)
    assert improvement([], 0.01) == 0
