"""A campaign's winner (R21), and weights that follow conversions (R5)."""

from collections.abc import Callable

import pytest

from domain import errors
from domain.app_group import AppGroup
from domain.campaigns.campaign import BETWEEN_ADJUSTMENTS, Campaign
from domain.campaigns.conversion_events import ConversionEvent, MakesPurchase
from domain.campaigns.definition import Variant
from domain.campaigns.events import (
    AnyCampaignEvent,
    CampaignArchived,
    CampaignDrafted,
    CampaignLaunched,
    CampaignStopped,
    Kind,
    SelectionEnded,
    SelectionStarted,
    Status,
    WeightsAdjusted,
    WeightsSet,
    WinnerDeclared,
)
from domain.campaigns.evidence import Comparison, Count, SelectionEvidence, Share, WinnerEvidence
from tests.domain.journey_specification import decided, loaded

A, B, HOLDOUT = Variant("A"), Variant("B"), Variant("holdout", control=True)
BUYS = MakesPurchase(86_400)
LAUNCHED, STARTED = CampaignLaunched(), SelectionStarted(0.05)
EVIDENCE = WinnerEvidence(
    7, "sequential", 0.05, ((Count("A", 90, 30), Count("B", 90, 9)),), (Comparison("B", 0.01, 0.01),)
)
HALF_A_DAY = BETWEEN_ADJUSTMENTS.total_seconds() * 1_000_000
WEIGHTS = {"A": 80, "B": 10, "holdout": 10}


def drafted(
    variants: tuple[Variant, ...] = (A, B, HOLDOUT), events: tuple[ConversionEvent, ...] = (BUYS,)
) -> CampaignDrafted:
    weights = {variant.id: 1 for variant in variants}
    return CampaignDrafted("shop", "spring", "Spring", Kind.CAMPAIGN, variants, weights, events)


def selected(as_of: float) -> SelectionEvidence:
    return SelectionEvidence(
        7, int(as_of), 0.05, (Share("A", 9, 9.0, 3, 0.9), Share("B", 9, 9.0, 0, 0.1)), 0.3
    )


def after(*events: AnyCampaignEvent) -> Campaign:
    return loaded(Campaign("shop", "spring"), *events)


def winner(variant_id: str) -> Callable[[Campaign], None]:
    return lambda campaign: campaign.declare_winner(variant_id, EVIDENCE)


def test_a_winner_is_declared_with_its_evidence() -> None:
    """R21: and once, for as long as it is the same."""
    campaign = after(drafted(), LAUNCHED)
    winner("A")(campaign)
    winner("A")(campaign)
    winner("B")(campaign)
    assert decided(campaign) == [WinnerDeclared("A", EVIDENCE), WinnerDeclared("B", EVIDENCE)]
    assert campaign.winner == WinnerDeclared("B", EVIDENCE)


def test_control_is_never_the_winner() -> None:
    """R21."""
    with pytest.raises(errors.BadDefinition, match="control is never"):
        winner("holdout")(after(drafted(), LAUNCHED))


def test_a_winner_is_one_of_the_variants() -> None:
    """R5."""
    with pytest.raises(errors.UnknownVariant):
        winner("C")(after(drafted(), LAUNCHED))


def test_archived_is_for_good() -> None:
    """R4: no winner is declared afterwards, and no selection begins; one that runs can be ended."""
    archived = after(drafted(), LAUNCHED, STARTED, CampaignArchived())
    with pytest.raises(errors.CampaignIsArchived):
        winner("A")(archived)
    winner("A")(after(drafted(), LAUNCHED, WinnerDeclared("A", EVIDENCE), CampaignArchived()))
    with pytest.raises(errors.CampaignIsArchived):
        archived.select(0.1)
    archived.select(None)
    assert decided(archived) == [SelectionEnded()]


def test_selection_begins_once_and_ends_once() -> None:
    """A change of the floor is a new beginning."""
    campaign = after(drafted(), LAUNCHED)
    for floor in (None, 0.05, 0.05, 0.1, None, None):
        campaign.select(floor)
    assert decided(campaign) == [SelectionStarted(0.05), SelectionStarted(0.1), SelectionEnded()]
    assert campaign.selection is None


@pytest.mark.parametrize(
    ("draft", "floor", "place"),
    [
        (drafted(events=()), 0.05, "intelligent_selection"),
        (drafted(variants=(A, HOLDOUT)), 0.05, "intelligent_selection"),
        (drafted(), 0.5, "intelligent_selection.floor"),
        (drafted(), -0.1, "intelligent_selection.floor"),
        (drafted(), float("nan"), "intelligent_selection.floor"),
    ],
    ids=["no conversion event", "one variant beside control", "all of it", "less than nothing", "no number"],
)
def test_selection_needs_something_to_select(draft: CampaignDrafted, floor: float, place: str) -> None:
    """Two variants beside control, a conversion event, and a floor that leaves something."""
    with pytest.raises(errors.BadDefinition) as refused:
        after(draft).select(floor)
    assert refused.value.place == place


def test_weights_follow_conversions_at_most_twice_a_day() -> None:
    """R5: an adjustment that comes too soon changes nothing, so that two workers adjust once."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    for as_of in (HALF_A_DAY, HALF_A_DAY, 2 * HALF_A_DAY - 1, 2 * HALF_A_DAY):
        campaign.adjust(WEIGHTS, selected(as_of), campaign.weights, last=False)
    first, second = (WeightsAdjusted(WEIGHTS, selected(at * HALF_A_DAY)) for at in (1, 2))
    assert decided(campaign) == [first, second]
    assert campaign.weights == WEIGHTS


def test_the_last_adjustment_ends_selection() -> None:
    """With the evidence that going on would not help; the same file again does not begin it anew."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    assert campaign.adjust(WEIGHTS, selected(HALF_A_DAY), campaign.weights, last=True)
    assert not campaign.adjust(WEIGHTS, selected(9 * HALF_A_DAY), campaign.weights, last=True)
    campaign.select(0.05)
    evidence = selected(HALF_A_DAY)
    assert decided(campaign) == [WeightsAdjusted(WEIGHTS, evidence), SelectionEnded(evidence)]


def test_what_was_set_meanwhile_is_not_overwritten() -> None:
    """R5: weights that follow from others than those in force, or from another floor, are not recorded."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    read = campaign.weights
    campaign.set_weights({"A": 40, "B": 40, "holdout": 20})
    assert not campaign.adjust(WEIGHTS, selected(HALF_A_DAY), read, last=False)
    campaign.select(0.1)
    assert not campaign.adjust(WEIGHTS, selected(HALF_A_DAY), campaign.weights, last=False)
    assert campaign.weights == {"A": 40, "B": 40, "holdout": 20}


def test_before_anyone_received_a_variant_there_is_nothing_to_select_by() -> None:
    """The first adjustment does not wait half a day for the first receipt."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    nobody = SelectionEvidence(7, int(HALF_A_DAY), 0.05, (Share("A", 0, 0.0, 0, 0.5),), 0.9)
    assert not campaign.adjust(WEIGHTS, nobody, campaign.weights, last=False)


def test_what_selection_left_does_not_stand_against_weights_that_are_set_after_it() -> None:
    """R5: while it is asked for, the same weights again change nothing; once it is not, they are in force."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    campaign.adjust(WEIGHTS, selected(HALF_A_DAY), campaign.weights, last=True)
    even = {"A": 1, "B": 1, "holdout": 1}
    campaign.set_weights(even)
    assert campaign.weights == WEIGHTS
    campaign.select(None)
    campaign.set_weights(even)
    assert campaign.weights == even


@pytest.mark.parametrize(
    "change",
    [
        lambda campaign: campaign.change_conversion_events((), AppGroup("shop")),
        lambda campaign: campaign.change_variants((A, HOLDOUT), None),
        lambda campaign: campaign.change_variants(
            tuple(Variant(each) for each in "ABCDEFGHIJKLMNOPQRSTU"), None
        ),
    ],
    ids=["no conversion event", "one variant beside control", "a floor that is too high now"],
)
def test_a_draft_that_changed_is_not_launched_with_nothing_to_select(
    change: Callable[[Campaign], None],
) -> None:
    """R4, R5: what selection takes is looked at again when there is no more changing it."""
    campaign = after(drafted(), STARTED)
    change(campaign)
    with pytest.raises(errors.BadDefinition, match=r"intelligent selection takes|a floor of"):
        campaign.launch()
    campaign.select(None)
    campaign.launch()
    assert campaign.status is Status.LAUNCHED


@pytest.mark.parametrize(
    "life", [(), (LAUNCHED,), (STARTED,), (LAUNCHED, STARTED, CampaignStopped())],
    ids=["a draft", "without selection", "a draft with it", "stopped"],
)  # fmt: skip
def test_weights_follow_nothing_where_nothing_is_selected(life: tuple[AnyCampaignEvent, ...]) -> None:
    """Only launched campaigns with intelligent selection adjust."""
    campaign = after(drafted(), *life)
    campaign.adjust(WEIGHTS, selected(HALF_A_DAY), campaign.weights, last=False)
    assert decided(campaign) == []


def test_the_same_file_again_leaves_adjusted_weights() -> None:
    """R5: what a file states is set where it differs from what was stated last, not from what selection made of it."""
    campaign = after(drafted(), LAUNCHED, STARTED)
    campaign.adjust(WEIGHTS, selected(HALF_A_DAY), campaign.weights, last=False)
    campaign.set_weights({"A": 1, "B": 1, "holdout": 1})
    campaign.set_weights({"A": 2, "B": 1, "holdout": 1})
    assert decided(campaign)[1:] == [WeightsSet({"A": 2, "B": 1, "holdout": 1})]
