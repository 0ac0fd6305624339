"""Campaigns: their variants, weights, conversion events and life (R1 to R5)."""

from collections.abc import Callable

import pytest

from domain import errors
from domain.app_group import AppAdded, AppGroup, AppGroupMade, CustomEventDeclared
from domain.campaigns.campaign import Campaign, stream_id
from domain.campaigns.conversion_events import MakesPurchase, PerformsCustomEvent, StartsSession, UpgradesApp
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.events import (
    CampaignArchived,
    CampaignDrafted,
    CampaignLaunched,
    CampaignRenamed,
    CampaignStopped,
    ChannelChanged,
    ConversionEventsChanged,
    Kind,
    VariantsChanged,
    VariantsRenamed,
    WeightsSet,
)
from tests.domain.journey_specification import decided, loaded

A, B, HOLDOUT = Variant("A", "Big picture"), Variant("B"), Variant("holdout", control=True)
DAY = 86_400
BUYS, OPENS = MakesPurchase(DAY), StartsSession(DAY, ("ios",))
SHARES_IT = PerformsCustomEvent(deadline_seconds=DAY, name="shared")
SHARES, SHARES_OF_2 = {"A": 45, "B": 45, "holdout": 10}, {"A": 9, "holdout": 1}
DRAFTED = CampaignDrafted(
    "shop", "spring", "Spring", Kind.CAMPAIGN, (A, B, HOLDOUT), SHARES, (BUYS,), "email"
)
LAUNCHED, STOPPED, ARCHIVED = CampaignLaunched(), CampaignStopped(), CampaignArchived()
Act = Callable[[Campaign], None]
until_archived = pytest.mark.parametrize(
    "life", [[], [LAUNCHED], [LAUNCHED, STOPPED]], ids=["draft", "launched", "stopped"]
)


def shop() -> AppGroup:
    """An app group with an app and a custom event."""
    events = [AppGroupMade("shop", "UTC"), AppAdded("ios"), CustomEventDeclared("signed_up")]
    return loaded(AppGroup("shop"), *events)


def spring(*events: object) -> Campaign:
    """The campaign after these events."""
    return loaded(Campaign("shop", "spring"), *events)


def refused(campaign: Campaign, act: Act, refusal: type[errors.DomainError]) -> errors.DomainError:
    """The refusal of the act, which decided nothing."""
    with pytest.raises(refusal) as caught:
        act(campaign)
    assert decided(campaign) == []
    return caught.value


def drafted(variants: tuple[Variant, ...], weights: Weights) -> CampaignDrafted:
    """The event of a draft of which only variants and weights are stated."""
    return CampaignDrafted("shop", "spring", "spring", Kind.CAMPAIGN, variants, weights, ())


def test_r4_a_campaign_is_drafted_as_stated() -> None:
    """R1, R4, R5: name, kind, channel, variants with their weights, and conversion events in order."""
    campaign = spring()
    kind, variants, events = Kind.CANVAS, (A, HOLDOUT), (BUYS, OPENS)
    campaign.draft(
        shop(), name="Sale", kind=kind, channel="push", variants=variants, conversion_events=events
    )
    weights = {"A": 1, "holdout": 1}
    assert decided(campaign) == [
        CampaignDrafted("shop", "spring", "Sale", kind, variants, weights, events, channel="push")
    ]


def test_r4_a_campaign_of_which_little_is_stated_has_defaults() -> None:
    """R5, docs/files.md: its id for a name, one message, one variant "default", no conversion event."""
    campaign = spring()
    campaign.draft(shop())
    assert decided(campaign) == [drafted((Variant("default"),), {"default": 1})]


def test_r1_a_campaign_has_up_to_4_conversion_events() -> None:
    """R1: a fifth is refused, and so is changing to five."""
    campaign = spring()
    campaign.draft(shop(), conversion_events=(BUYS,) * 4)
    assert decided(campaign)[0].conversion_events == (BUYS,) * 4
    five = (BUYS,) * 5
    error = refused(spring(), lambda new: new.draft(shop(), conversion_events=five), errors.BadDefinition)
    assert error.place == "conversion_events"
    refused(spring(DRAFTED), lambda draft: draft.change_conversion_events(five, shop()), errors.BadDefinition)


@pytest.mark.parametrize(
    ("event", "refusal", "place"),
    [
        (UpgradesApp(DAY, ("tv",)), errors.UnknownApp, "conversion_events[1].app_ids"),
        (MakesPurchase(31 * DAY), errors.BadDefinition, "conversion_events[1].deadline"),
        (SHARES_IT, errors.UnknownCustomEvent, "conversion_events[1].name"),
    ],
    ids=repr,
)
def test_r2_r3_a_conversion_event_that_is_not_allowed_is_refused_in_its_place(
    event: UpgradesApp, refusal: type[errors.DomainError], place: str
) -> None:
    """R2, R3: an app or custom event that the group does not know, or a deadline too long."""
    both = (OPENS, event)
    assert refused(spring(), lambda new: new.draft(shop(), conversion_events=both), refusal).place == place
    error = refused(spring(DRAFTED), lambda draft: draft.change_conversion_events(both, shop()), refusal)
    assert error.place == place


@pytest.mark.parametrize(
    "variants",
    [(), (A, B, A), (HOLDOUT,), (A, HOLDOUT, Variant("C", control=True))],
    ids=["none", "one twice", "control alone", "two controls"],
)
def test_r5_variants_that_are_not_allowed_are_refused(variants: tuple[Variant, ...]) -> None:
    """R5: at most one control, and at least one other variant, each with an id of its own."""
    error = refused(spring(), lambda new: new.draft(shop(), variants=variants), errors.BadDefinition)
    assert error.place == "variants"
    refused(spring(DRAFTED), lambda draft: draft.change_variants(variants, None), errors.BadDefinition)


@pytest.mark.parametrize("weights", [None, {"A": 0, "B": 1}, {"A": 700, "B": 77}])
def test_r5_weights_have_any_sum_and_are_equal_where_none_is_given(weights: Weights | None) -> None:
    """R5: whole numbers of 0 or more."""
    campaign = spring()
    campaign.draft(shop(), variants=(A, B), weights=weights)
    assert decided(campaign) == [drafted((A, B), weights or {"A": 1, "B": 1})]


@pytest.mark.parametrize(
    "weights", [{"A": 0, "B": 0}, {"A": -1, "B": 2}, {"A": 1}, {"A": 1, "B": 1, "C": 1}, {"A": 1, "b": 1}, {}]
)
def test_r5_weights_that_are_not_allowed_are_refused(weights: Weights) -> None:
    """R5: not all 0, none below, and given for all variants or for none."""
    refused(spring(), lambda new: new.draft(shop(), variants=(A, B), weights=weights), errors.BadDefinition)
    refused(
        spring(drafted((A, B), {"A": 1, "B": 1}), LAUNCHED),
        lambda launched: launched.set_weights(weights),
        errors.BadDefinition,
    )


@until_archived
def test_r5_weights_can_change_until_it_is_archived(life: list[object]) -> None:
    """R5: also after launch; weights applied already say nothing."""
    campaign = spring(DRAFTED, *life)
    for weights in (SHARES, {"A": 90, "B": 0, "holdout": 10}, {"A": 90, "B": 0, "holdout": 10}, None, None):
        campaign.set_weights(weights)
    assert decided(campaign) == [
        WeightsSet({"A": 90, "B": 0, "holdout": 10}),
        WeightsSet({"A": 1, "B": 1, "holdout": 1}),
    ]


@pytest.mark.parametrize(
    ("life", "act", "events"),
    [
        ([], Campaign.launch, [LAUNCHED]),
        ([LAUNCHED], Campaign.launch, []),
        ([LAUNCHED, STOPPED], Campaign.launch, [LAUNCHED]),
        ([LAUNCHED], Campaign.stop, [STOPPED]),
        ([LAUNCHED, STOPPED], Campaign.stop, []),
        ([], Campaign.archive, [ARCHIVED]),
        ([LAUNCHED], Campaign.archive, [ARCHIVED]),
        ([LAUNCHED, ARCHIVED], Campaign.archive, []),
    ],
)
def test_r4_a_campaign_is_launched_stopped_launched_again_and_archived(
    life: list[object], act: Act, events: list[object]
) -> None:
    """R4: what would change nothing says nothing."""
    campaign = spring(DRAFTED, *life)
    act(campaign)
    assert decided(campaign) == events


def test_r4_a_draft_cannot_be_stopped() -> None:
    """R4: there is nothing to stop."""
    assert refused(spring(DRAFTED), Campaign.stop, errors.CampaignNotLaunched).code == "campaign_not_launched"


CHANGES: dict[str, Act] = {
    "launch": Campaign.launch,
    "stop": Campaign.stop,
    "rename": lambda c: c.rename("Summer"),
    "channel": lambda c: c.change_channel(None),
    "variants": lambda c: c.change_variants((A,), None),
    "names of variants": lambda c: c.change_variants((Variant("A", "New"), B, HOLDOUT), None),
    "conversion events": lambda c: c.change_conversion_events((), shop()),
    "weights": lambda c: c.set_weights(None),
}


@pytest.mark.parametrize("change", CHANGES)
@until_archived
def test_r4_archived_is_for_good(life: list[object], change: str) -> None:
    """R4: nothing brings it back, and nothing changes in it."""
    refused(spring(DRAFTED, *life, ARCHIVED), CHANGES[change], errors.CampaignIsArchived)


@pytest.mark.parametrize("life", [[], [LAUNCHED, ARCHIVED]], ids=["draft", "archived"])
def test_r4_what_is_stated_as_it_stands_says_nothing(life: list[object]) -> None:
    """R4: also of an archived campaign, so that a file that states it can be applied again."""
    campaign = spring(DRAFTED, *life)
    campaign.rename("Spring")
    campaign.change_channel("email")
    campaign.change_kind(Kind.CAMPAIGN)
    campaign.change_variants((A, B, HOLDOUT), SHARES)
    campaign.change_conversion_events((BUYS,), shop())
    campaign.set_weights(SHARES)
    assert decided(campaign) == []


@until_archived
def test_r4_names_and_channels_change_at_any_time(life: list[object]) -> None:
    """R4: they touch no judging; the name of a variant neither."""
    campaign = spring(DRAFTED, *life)
    campaign.rename("Summer")
    campaign.change_channel(None)
    campaign.change_variants((Variant("A"), Variant("B", "Text"), HOLDOUT), None)
    assert decided(campaign) == [
        CampaignRenamed("Summer"),
        ChannelChanged(None),
        VariantsRenamed({"A": None, "B": "Text", "holdout": None}),
    ]
    assert campaign.variants == (Variant("A"), Variant("B", "Text"), HOLDOUT)


def test_r4_a_campaign_keeps_its_kind() -> None:
    """Words: one message or a journey of them, for good."""
    error = refused(spring(DRAFTED), lambda draft: draft.change_kind(Kind.CANVAS), errors.CampaignIsFixed)
    assert error.place == "kind"


def test_r4_variants_and_conversion_events_change_in_a_draft() -> None:
    """R4, R5: new variants bring their weights, equal where none are given."""
    campaign = spring(DRAFTED)
    campaign.change_variants((A, HOLDOUT), SHARES_OF_2)
    campaign.change_variants((B,), None)
    campaign.change_conversion_events((OPENS, BUYS), shop())
    assert decided(campaign) == [
        VariantsChanged((A, HOLDOUT), SHARES_OF_2),
        VariantsChanged((B,), {"B": 1}),
        ConversionEventsChanged((OPENS, BUYS)),
    ]
    assert campaign.definition.conversion_events == (OPENS, BUYS)


@pytest.mark.parametrize("life", [[LAUNCHED], [LAUNCHED, STOPPED]], ids=["launched", "stopped"])
def test_r4_variants_and_conversion_events_are_fixed_by_launching(life: list[object]) -> None:
    """R4: also those of a stopped campaign, since its windows run on; a control group stays one."""
    changes: list[tuple[Act, str]] = [
        (lambda c: c.change_variants((A, HOLDOUT), None), "variants"),
        (lambda c: c.change_variants((A, B, Variant("holdout")), None), "variants"),
        (lambda c: c.change_conversion_events((), shop()), "conversion_events"),
    ]
    for act, place in changes:
        assert refused(spring(DRAFTED, *life), act, errors.CampaignIsFixed).place == place


def test_r4_only_a_draft_refuses_receipts() -> None:
    """R4: receipts of a stopped or archived campaign are still true."""
    for life in ([LAUNCHED], [LAUNCHED, STOPPED], [LAUNCHED, ARCHIVED]):
        spring(DRAFTED, *life).refuse_receipts_of_draft()
    error = refused(spring(DRAFTED), Campaign.refuse_receipts_of_draft, errors.CampaignIsDraft)
    assert error.place == "campaign_id"


@pytest.mark.parametrize(
    ("variants", "takes", "refuses"),
    [
        ((A, B, HOLDOUT), {"A": "A", "holdout": "holdout"}, [None, "C", "a"]),
        ((B,), {None: "B", "B": "B"}, ["A"]),
    ],
    ids=["several", "one"],
)
def test_r5_a_receipt_names_its_variant_where_there_are_several(
    variants: tuple[Variant, ...], takes: dict[str | None, str], refuses: list[str | None]
) -> None:
    """R5: control counts among them; the only one may be left out."""
    definition = spring(drafted(variants, {})).definition
    assert {variant_id: definition.variant(variant_id) for variant_id in takes} == takes
    for variant_id in refuses:
        with pytest.raises(errors.UnknownVariant):
            definition.variant(variant_id)


def test_no_two_campaigns_share_a_stream() -> None:
    """Words: no id means anything outside its app group."""
    ids = [("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b\u00e9"), ("a", "be\u0301"), ("A", "bc")]
    assert len({stream_id(*each) for each in ids}) == len(ids)


def test_r5_a_draft_keeps_its_weights_where_the_file_states_none() -> None:
    """R4, R5: another variant is control, the same ones share the users as before."""
    campaign = spring(DRAFTED)
    other = (A, Variant("B", control=True), Variant("holdout"))
    campaign.change_variants(other, None)
    assert decided(campaign) == [VariantsChanged(other, SHARES)]


def test_the_order_of_variants_says_nothing() -> None:
    """R4: after launch, the same variants in another order are no change."""
    campaign = spring(DRAFTED, LAUNCHED)
    campaign.change_variants((HOLDOUT, B, A), None)
    assert decided(campaign) == []
