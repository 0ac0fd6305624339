"""Campaigns: their variants, weights, conversion events and life (R1 to R5)."""

from collections.abc import Callable

import pytest

from domain.app_group import AppAdded, AppGroup, AppGroupMade, CustomEventDeclared
from domain.campaign import (
    Campaign,
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
    stream_id,
)
from domain.conversion_events import MakesPurchase, PerformsCustomEvent, StartsSession, UpgradesApp
from domain.definition import Variant, Weights
from domain.errors import (
    BadDefinition,
    CampaignIsArchived,
    CampaignIsDraft,
    CampaignIsFixed,
    CampaignNotLaunched,
    DomainError,
    UnknownApp,
    UnknownCustomEvent,
    UnknownVariant,
)
from tests.domain.journey_specification import decided, loaded

A, B, HOLDOUT = Variant("A", "Big picture"), Variant("B"), Variant("holdout", control=True)
DAY = 86_400
BUYS, OPENS = MakesPurchase(DAY), StartsSession(DAY, ("ios",))
SHARES = {"A": 45, "B": 45, "holdout": 10}
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


def refused(campaign: Campaign, act: Act, refusal: type[DomainError]) -> DomainError:
    """The refusal of the act, which decided nothing."""
    with pytest.raises(refusal) as caught:
        act(campaign)
    assert decided(campaign) == []
    return caught.value


def drafted(variants: tuple[Variant, ...], weights: Weights | None = None) -> list[object]:
    """What is decided when a campaign of these variants is drafted."""
    campaign = spring()
    campaign.draft(shop(), variants=variants, weights=weights)
    return decided(campaign)


def test_r4_a_campaign_is_drafted_as_stated() -> None:
    """R1, R4, R5: name, kind, channel, variants with their weights, and conversion events in order."""
    campaign = spring()
    stated = {"variants": (A, HOLDOUT), "weights": {"A": 9, "holdout": 1}, "conversion_events": (BUYS, OPENS)}
    campaign.draft(shop(), name="Sale", kind=Kind.CANVAS, channel="push", **stated)
    assert decided(campaign) == [
        CampaignDrafted("shop", "spring", "Sale", Kind.CANVAS, *stated.values(), channel="push")
    ]


def test_r4_a_campaign_of_which_little_is_stated_has_defaults() -> None:
    """R5, INTERFACES.md: its id for a name, one message, one variant "default", no conversion event."""
    campaign = spring()
    campaign.draft(shop())
    default = (Variant("default"),)
    assert decided(campaign) == [
        CampaignDrafted("shop", "spring", "spring", Kind.CAMPAIGN, default, {"default": 1}, ())
    ]


def test_r1_a_campaign_has_up_to_4_conversion_events() -> None:
    """R1: a fifth is refused, and so is changing to five."""
    campaign = spring()
    campaign.draft(shop(), conversion_events=(BUYS,) * 4)
    assert decided(campaign)[0].conversion_events == (BUYS,) * 4
    five = (BUYS,) * 5
    error = refused(spring(), lambda new: new.draft(shop(), conversion_events=five), BadDefinition)
    assert error.place == "conversion_events"
    refused(spring(DRAFTED), lambda draft: draft.change_conversion_events(five, shop()), BadDefinition)


@pytest.mark.parametrize(
    ("event", "refusal", "place"),
    [
        (UpgradesApp(DAY, ("tv",)), UnknownApp, "conversion_events[1].app_ids"),
        (MakesPurchase(31 * DAY), BadDefinition, "conversion_events[1].deadline"),
        (
            PerformsCustomEvent(deadline_seconds=DAY, name="shared"),
            UnknownCustomEvent,
            "conversion_events[1].name",
        ),
    ],
    ids=repr,
)
def test_r2_r3_a_conversion_event_that_is_not_allowed_is_refused_in_its_place(
    event: UpgradesApp, refusal: type[DomainError], place: str
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
    error = refused(spring(), lambda new: new.draft(shop(), variants=variants), BadDefinition)
    assert error.place == "variants"
    refused(spring(DRAFTED), lambda draft: draft.change_variants(variants, None), BadDefinition)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        (None, {"A": 1, "B": 1}),
        ({"A": 0, "B": 1}, {"A": 0, "B": 1}),
        ({"A": 700, "B": 77}, {"A": 700, "B": 77}),
    ],
)
def test_r5_weights_have_any_sum_and_are_equal_where_none_is_given(
    weights: Weights | None, shares: Weights
) -> None:
    """R5: whole numbers of 0 or more."""
    assert drafted((A, B), weights) == [
        CampaignDrafted("shop", "spring", "spring", Kind.CAMPAIGN, (A, B), shares, ())
    ]


@pytest.mark.parametrize(
    "weights", [{"A": 0, "B": 0}, {"A": -1, "B": 2}, {"A": 1}, {"A": 1, "B": 1, "C": 1}, {"A": 1, "b": 1}, {}]
)
def test_r5_weights_that_are_not_allowed_are_refused(weights: Weights) -> None:
    """R5: not all 0, none below, and given for all variants or for none."""
    refused(spring(), lambda new: new.draft(shop(), variants=(A, B), weights=weights), BadDefinition)
    draft = CampaignDrafted("shop", "spring", "spring", Kind.CAMPAIGN, (A, B), {"A": 1, "B": 1}, ())
    refused(spring(draft, LAUNCHED), lambda launched: launched.set_weights(weights), BadDefinition)


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
        ([LAUNCHED, STOPPED, LAUNCHED], Campaign.stop, [STOPPED]),
        ([], Campaign.archive, [ARCHIVED]),
        ([LAUNCHED], Campaign.archive, [ARCHIVED]),
        ([LAUNCHED, STOPPED], Campaign.archive, [ARCHIVED]),
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
    assert refused(spring(DRAFTED), Campaign.stop, CampaignNotLaunched).code == "campaign_not_launched"


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
    refused(spring(DRAFTED, *life, ARCHIVED), CHANGES[change], CampaignIsArchived)


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
    assert (campaign.name, campaign.channel) == ("Summer", None)
    assert campaign.variants == (Variant("A"), Variant("B", "Text"), HOLDOUT)


def test_r4_a_campaign_keeps_its_kind() -> None:
    """Words: one message or a journey of them, for good."""
    error = refused(spring(DRAFTED), lambda draft: draft.change_kind(Kind.CANVAS), CampaignIsFixed)
    assert error.place == "kind"


def test_r4_variants_and_conversion_events_change_in_a_draft() -> None:
    """R4, R5: new variants bring their weights, equal where none are given."""
    campaign = spring(DRAFTED)
    campaign.change_variants((A, HOLDOUT), {"A": 3, "holdout": 1})
    campaign.change_variants((B,), None)
    campaign.change_conversion_events((OPENS, BUYS), shop())
    assert decided(campaign) == [
        VariantsChanged((A, HOLDOUT), {"A": 3, "holdout": 1}),
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
        assert refused(spring(DRAFTED, *life), act, CampaignIsFixed).place == place


def test_r4_only_a_draft_refuses_receipts() -> None:
    """R4: receipts of a stopped or archived campaign are still true."""
    for life in ([LAUNCHED], [LAUNCHED, STOPPED], [LAUNCHED, ARCHIVED]):
        spring(DRAFTED, *life).refuse_receipts_of_draft()
    assert refused(spring(DRAFTED), Campaign.refuse_receipts_of_draft, CampaignIsDraft).place == "campaign_id"


def test_r5_a_receipt_names_one_of_several_variants() -> None:
    """R5: control counts among them."""
    definition = spring(DRAFTED).definition
    assert [definition.variant(variant_id) for variant_id in ("A", "holdout")] == ["A", "holdout"]
    for variant_id in (None, "C", "a"):
        with pytest.raises(UnknownVariant):
            definition.variant(variant_id)


def test_r5_a_receipt_may_leave_out_the_only_variant() -> None:
    """R5: and may name it, but no other."""
    definition = spring(DRAFTED, VariantsChanged((B,), {"B": 1})).definition
    assert [definition.variant(variant_id) for variant_id in (None, "B")] == ["B", "B"]
    with pytest.raises(UnknownVariant):
        definition.variant("A")


def test_no_two_campaigns_share_a_stream() -> None:
    """Words: no id means anything outside its app group."""
    ids = [("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b\u00e9"), ("a", "be\u0301"), ("A", "bc")]
    assert len({stream_id(*each) for each in ids}) == len(ids)
