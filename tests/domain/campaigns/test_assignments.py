"""Which variant a user gets (R4, R5): stable, in the shares of the weights, and moved by a change as seldom as can be."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from domain.campaigns.assignment import Assignment, Because, Shares, assignments, goes_out, waiting
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.events import (
    AnyCampaignEvent,
    CampaignArchived,
    CampaignDrafted,
    CampaignLaunched,
    CampaignStopped,
    Kind,
    WeightsSet,
)
from tests.domain.journey_specification import loaded

USERS = [f"user-{number}" for number in range(20_000)]
UNLIKELY = 1e-4
"""Users are always the same ones: what is this unlikely by chance is no chance."""

HOLDOUT = "holdout"
VARIANTS = ("A", "B", "C", "D")
user_ids = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=255)
weights_of_others = st.fixed_dictionaries({each: st.integers(0, 100) for each in VARIANTS}).filter(
    lambda weights: any(weights.values())
)


def shares(weights: Weights, *, app_group: str = "shop", campaign_id: str = "spring") -> Shares:
    return Shares(app_group, campaign_id, weights, HOLDOUT if HOLDOUT in weights else None)


def shared(weights: Weights, users: Sequence[str] = USERS, **where: str) -> list[str]:
    sharing = shares(weights, **where)
    return [sharing.variant_of(user) for user in users]


def campaign(*events: AnyCampaignEvent, weights: Weights | None = None, control: bool = True) -> Campaign:
    variants = (Variant("A"), Variant("B"), Variant(HOLDOUT, control=control))
    weights = weights or {"A": 1, "B": 1, HOLDOUT: 1}
    drafted = CampaignDrafted("shop", "spring", "Spring", Kind.CAMPAIGN, variants, weights, ())
    return loaded(Campaign("shop", "spring"), drafted, *events)


def assigned(campaign: Campaign, received: Sequence[str] = (), user: str = "u1") -> Assignment:
    (found,) = assignments(campaign, [user], {user: received})
    return found


@pytest.mark.parametrize(
    "weights",
    [
        {"A": 1},
        {"A": 1, "B": 1},
        {"A": 70, "B": 20, "C": 10},
        {"A": 1, "B": 1, HOLDOUT: 1},
        {"A": 97, "B": 1, "C": 1, HOLDOUT: 1},
        dict.fromkeys("ABCDEFGHIJ", 1),
        {"A": 10**30, "B": 3 * 10**30},
    ],
)
def test_variants_share_users_by_their_weights(weights: Weights) -> None:
    """R5: by chi-squared, over many users and in several campaigns."""
    for campaign_id in ("spring", "autumn", "\u00e9t\u00e9"):
        found = Counter(shared(weights, campaign_id=campaign_id))
        total = sum(weights.values())
        expected = [len(USERS) * weight / total for weight in weights.values()]
        if len(weights) > 1:
            seen = [found[variant] for variant in weights]
            assert stats.chisquare(seen, expected).pvalue > UNLIKELY, (campaign_id, found)
        assert found.total() == len(USERS)
        assert found.keys() <= weights.keys()


def test_users_in_control_are_no_special_ones() -> None:
    """Campaigns, app groups, and control beside the variants, are independent of one another."""
    weights = {"A": 1, "B": 1, HOLDOUT: 2}
    here = shared(weights)
    for there in (
        shared(weights, campaign_id="autumn"),
        shared(weights, app_group="other"),
        # The same sharing among the others, where there is no control that took users away.
        shared({"A": 1, "B": 1}),
    ):
        crossed = Counter(
            (one, other) for one, other in zip(here, there, strict=True) if one != HOLDOUT or other != HOLDOUT
        )
        if HOLDOUT not in there:
            table = [[crossed[HOLDOUT, "A"], crossed[HOLDOUT, "B"]], [len(USERS) // 4] * 2]
        else:
            table = [[crossed["A", each] for each in weights], [crossed["B", each] for each in weights]]
        assert stats.chi2_contingency(table).pvalue > UNLIKELY, crossed


@given(user_ids, st.integers(1, 1_000), weights_of_others, st.integers(0, 100))
def test_a_multiple_of_all_weights_is_the_same_weights(
    user: str, factor: int, weights: Weights, of_control: int
) -> None:
    """R5: any sum."""
    weights = weights | {HOLDOUT: of_control}
    multiple = {variant: factor * weight for variant, weight in weights.items()}
    assert shares(weights).variant_of(user) == shares(multiple).variant_of(user)


@given(user_ids, st.permutations(VARIANTS), weights_of_others)
def test_the_order_of_variants_says_nothing(user: str, order: list[str], weights: Weights) -> None:
    """Nor does a variant that nobody gets."""
    others = {variant: weights[variant] for variant in order if weights[variant]}
    assert shares(others).variant_of(user) == shares(weights).variant_of(user)


@given(user_ids, weights_of_others, weights_of_others, st.integers(1, 100))
def test_weights_of_others_move_no_one_into_or_out_of_control(
    user: str, before: Weights, after: Weights, of_control: int
) -> None:
    """As long as control's share of all weights is what it was."""
    # Brought to one sum, so that control's weight is one share.
    before, after = (
        {variant: weight * sum(other.values()) for variant, weight in weights.items()}
        for weights, other in ((before, after), (after, before))
    )
    sharings = (shares(weights | {HOLDOUT: of_control}) for weights in (before, after))
    was, now = (sharing.variant_of(user) == HOLDOUT for sharing in sharings)
    assert was == now


@given(user_ids, weights_of_others, st.integers(0, 100), st.integers(0, 100))
def test_a_larger_control_keeps_its_users_and_takes_others_from_all(
    user: str, weights: Weights, one: int, other: int
) -> None:
    """Whoever is in control for a share is so for any larger one, and the others stay where they are."""
    less, more = (shares(weights | {HOLDOUT: weight}).variant_of(user) for weight in sorted((one, other)))
    assert more in {HOLDOUT, less}


@given(user_ids, weights_of_others, weights_of_others)
def test_a_user_moves_only_to_what_gained_beside_what_they_leave(
    user: str, before: Weights, after: Weights
) -> None:
    """So no user ever moves between variants whose weights changed alike, or not at all."""
    was, now = shares(before).variant_of(user), shares(after).variant_of(user)
    assert was == now or after[now] * before[was] > after[was] * before[now]


@given(user_ids, weights_of_others, st.sampled_from(VARIANTS), st.integers(1, 100))
def test_a_variant_that_alone_gains_takes_users_and_moves_no_others(
    user: str, before: Weights, variant: str, more: int
) -> None:
    """Which is as few as can be: those that its new share asks for."""
    after = before | {variant: before[variant] + more}
    was, now = shares(before).variant_of(user), shares(after).variant_of(user)
    assert now in {was, variant}


@given(user_ids, weights_of_others)
def test_a_weight_of_0_gets_nobody(user: str, weights: Weights) -> None:
    """R5: nor does control of weight 0; and control alone gets everybody."""
    assert weights[shares(weights | {HOLDOUT: 0}).variant_of(user)] > 0
    assert shares(dict.fromkeys(VARIANTS, 0) | {HOLDOUT: 3}).variant_of(user) == HOLDOUT


def test_a_change_of_weights_moves_about_as_few_as_the_shares_ask_for() -> None:
    """With two variants exactly so many; with more at most twice as many, by the law of the draw (ICDM 2018)."""
    changes: list[tuple[Weights, Weights]] = [
        ({"A": 50, "B": 50}, {"A": 60, "B": 40}),
        ({"A": 40, "B": 30, "C": 20, "D": 10}, {"A": 10, "B": 20, "C": 30, "D": 40}),
        ({"A": 1, "B": 1, "C": 1}, {"A": 2, "B": 1, "C": 1}),
    ]
    for before, after in changes:
        moved = sum(a != b for a, b in zip(shared(before), shared(after), strict=True))
        p, q = (
            {variant: weight / sum(weights.values()) for variant, weight in weights.items()}
            for weights in (before, after)
        )
        kept = sum(1 / sum(max(p[each] / p[one], q[each] / q[one]) for each in p) for one in p)
        apart = sum(abs(p[each] - q[each]) for each in p) / 2
        assert apart <= 1 - kept + 1e-12 <= 2 * apart
        assert stats.binomtest(moved, len(USERS), 1 - kept).pvalue > UNLIKELY


def test_assignments_are_the_same_on_every_machine_and_for_ever() -> None:
    """Written down once: a change of these would hand users other variants in the middle of a campaign."""
    sharing = shares({"A": 40, "B": 30, "C": 20, HOLDOUT: 10})
    users = [*(f"u{number}" for number in range(12)), "\u00e9", "e\u0301", "\U0001f600" * 255]
    names = {"A": "A", "B": "B", "C": "C", HOLDOUT: "h"}
    assert "".join(names[sharing.variant_of(user)] for user in users) == "ACAAhAChBBCABBA"


def test_waiting_times_are_logarithms() -> None:
    """To 3 parts in 10^8, never below the true one, at the ends of the range and where its parts meet."""
    unit = 1 << 64
    corners = {2**bits + near for bits in range(64) for near in (-2, -1, 0, 1)} | {unit - 2, unit - 1}
    corners |= {(256 + step) << 55 for step in range(256)} | {((256 + step) << 55) - 1 for step in range(256)}
    drawn = sorted(each for each in corners if 0 <= each < unit)
    for each in drawn:
        truth = -math.log1p((each + 1 - unit) / unit) if each > unit // 2 else -math.log((each + 1) / unit)
        assert truth - 1e-13 <= waiting(each) / unit <= truth + 3e-8
    for low, high in pairwise(drawn):
        assert waiting(low) / unit >= waiting(high) / unit - 3e-8
    assert waiting(unit - 1) == 0


@pytest.mark.parametrize(
    ("events", "because"),
    [
        ((), Because.DRAFT),
        ((CampaignLaunched(), CampaignStopped()), Because.STOPPED),
        ((CampaignLaunched(), CampaignArchived()), Because.ARCHIVED),
    ],
)
def test_what_is_not_launched_goes_out_to_no_one(
    events: tuple[AnyCampaignEvent, ...], because: Because
) -> None:
    """R4: whatever they received."""
    stopped = campaign(*events)
    assert not goes_out(stopped)
    assert assigned(stopped, ["A"]) == Assignment("u1", None, control=False, because=because)


def test_a_stopped_campaign_that_is_launched_again_gives_the_same_variants() -> None:
    """R4."""
    before, after = (
        list(assignments(campaign(CampaignLaunched(), *more), USERS[:100], {}))
        for more in ((), (CampaignStopped(), CampaignLaunched()))
    )
    assert before == after


def test_a_user_keeps_the_variant_received_last() -> None:
    """R5: whatever the weights are now."""
    sent = campaign(CampaignLaunched(), WeightsSet({"A": 0, "B": 1, HOLDOUT: 0}))
    assert assigned(sent, ["B", "A"]) == Assignment("u1", "A", control=False, because=Because.RECEIVED)
    assert assigned(sent, ["A", "B"]).variant_id == "B"
    assert assigned(sent) == Assignment("u1", "B", control=False, because=Because.WEIGHTS)


def test_whoever_was_in_control_once_stays_there() -> None:
    """R9: an enrolment in control is a receipt too; where there is no control, the variant is one as any."""
    for received in ([HOLDOUT], [HOLDOUT, "A"], ["A", HOLDOUT, "B"]):
        found = assigned(campaign(CampaignLaunched()), received)
        assert found == Assignment("u1", HOLDOUT, control=True, because=Because.RECEIVED)
    none = campaign(CampaignLaunched(), control=False)
    assert assigned(none, [HOLDOUT, "A"]).variant_id == "A"


def test_control_by_weights_is_told_as_control() -> None:
    """R5."""
    sent = campaign(CampaignLaunched(), weights={"A": 0, "B": 0, HOLDOUT: 1})
    assert assigned(sent) == Assignment("u1", HOLDOUT, control=True, because=Because.WEIGHTS)


@given(st.lists(user_ids, max_size=20), st.data())
def test_a_user_gets_the_same_in_any_batch(users: list[str], data: st.DataObject) -> None:
    """Alone, twice, or among others in any order."""
    sent = campaign(CampaignLaunched(), weights={"A": 3, "B": 2, HOLDOUT: 1})
    received = {user: ["B"] for user in users[::3]}
    others = data.draw(st.permutations(users + users[:5]))
    assume(others)
    together = {each.user_id: each for each in assignments(sent, others, received)}
    for user in users:
        assert [together[user]] == list(assignments(sent, [user], received))
