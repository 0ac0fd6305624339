"""Writes one golden file per event class that has none: `python -m tests.golden.make`. It never changes an old one."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from domain import app_group
from domain import facts as f
from domain.campaigns import events
from domain.campaigns.conversion_events import MakesPurchase, PerformsCustomEvent, StartsSession, UpgradesApp
from domain.campaigns.definition import Variant
from domain.campaigns.evidence import Comparison, Count, SelectionEvidence, Share, WinnerEvidence
from domain.journey import decisions as d
from infrastructure.event_store.codec import TOPICS, encode

HERE = Path(__file__).parent
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
RECEIPT = d.Receipt("r1", AT, "A")
OTHER = d.Receipt("r2", LATER, "B")
BOUGHT = d.Occurrence("p1", LATER)
RECEIVED = f.Received("r1", AT, "spring-sale", "A")
LINES = (f.OrderLine("tea", Decimal("9.99"), 2), f.OrderLine("cup"))
CONVERSION = d.Conversion(BOUGHT, RECEIPT)
REVENUE = d.Revenue(Decimal("19.98"), RECEIPT)
VARIANTS = (Variant("A", "Big picture"), Variant("B"), Variant("holdout", control=True))
CONVERSION_EVENTS = (
    MakesPurchase(259_200, "sku-9"),
    StartsSession(86_400, ("ios",)),
    PerformsCustomEvent(deadline_seconds=604_800, name="signed_up"),
    UpgradesApp(2_592_000),
)

WINNER = WinnerEvidence(
    position=2_048,
    test="sequential",
    significance=0.05,
    periods=((Count("A", 1_000, 120), Count("B", 990, 70), Count("holdout", 101, 5)),),
    comparisons=(Comparison("B", 0.0021, 0.0042), Comparison("holdout", 0.03, 0.03)),
)
SELECTED = SelectionEvidence(
    position=2_048,
    as_of=1_772_442_000_000_000,
    floor=0.05,
    shares=(Share("A", 1_000, 812.5, 120, 0.984375), Share("B", 990, 800.25, 70, 0.015625)),
    better=0.25,
)

EXAMPLES: tuple[msgspec.Struct, ...] = (
    app_group.AppGroupMade("shop", "Europe/Berlin"),
    app_group.DefaultCurrencyChanged("USD", by_upgrade=True),
    app_group.AppAdded("ios"),
    app_group.CustomEventDeclared("signed_up"),
    app_group.CustomEventSeen("shared"),
    app_group.CampaignAdded("spring-sale"),
    events.CampaignDrafted(
        "shop",
        "spring-sale",
        "Spring sale",
        events.Kind.CANVAS,
        VARIANTS,
        {"A": 45, "B": 45, "holdout": 10},
        CONVERSION_EVENTS,
        "email",
    ),
    events.CampaignRenamed("Spring sale 2"),
    events.ChannelChanged("push"),
    events.VariantsChanged(VARIANTS, {"A": 1, "B": 1, "holdout": 1}),
    events.VariantsRenamed({"A": "Small picture", "B": None, "holdout": None}),
    events.ConversionEventsChanged(CONVERSION_EVENTS[:1]),
    events.WeightsSet({"A": 90, "B": 0, "holdout": 10}),
    events.WinnerDeclared("A", WINNER),
    events.SelectionStarted(0.05),
    events.SelectionEnded(),
    events.WeightsAdjusted({"A": 8_000, "B": 1_000, "holdout": 1_000}, SELECTED),
    events.CampaignLaunched(),
    events.CampaignStopped(),
    events.CampaignArchived(),
    RECEIVED,
    f.SessionStarted("s1", AT, "ios", "1.2.3"),
    f.Purchase("p1", LATER, "sku-9", Decimal("9.99"), "USD", 2, "ios", "1.2.3", "ab12"),
    f.CustomEvent("c1", AT, "signed_up", "web", "2.0", "ab12"),
    f.AppVersionReported("v1", AT, "ios", "1.3.0"),
    f.Refund("x1", LATER, "p1", Decimal("9.99")),
    f.Order("o-1001", LATER, LINES, "EUR", Decimal("21.98"), "Order Completed", "web", "2.0", "ab12"),
    f.OrderRefund("x2", LATER, "o-1001", Decimal("1.99"), LINES[1:], "EUR", "Order Refunded"),
    f.OrderCancelled("x4", LATER, "o-1001", "Order Cancelled"),
    f.Void("d1", LATER, "p1", "ab12"),
    d.FactDisregarded("d1", RECEIVED),
    d.UpgradeRecorded(d.Occurrence("v1", AT), "ios", "1.2.3", "1.3.0"),
    d.UpgradeWithdrawn(d.Occurrence("v1", AT), "ios"),
    d.RecipientCounted("spring-sale", None, RECEIPT),
    d.RecipientRestated("spring-sale", "A", OTHER, RECEIPT),
    d.RecipientWithdrawn("spring-sale", "A", RECEIPT),
    d.ConversionRecorded("spring-sale", 0, CONVERSION),
    d.ConversionRestated("spring-sale", 0, d.Conversion(BOUGHT, OTHER), CONVERSION),
    d.ConversionWithdrawn("spring-sale", 0, CONVERSION),
    d.RevenueAttributed("spring-sale", BOUGHT, "USD", REVENUE),
    d.RevenueRestated("spring-sale", BOUGHT, "USD", REVENUE, d.Revenue(Decimal(0), OTHER)),
    d.RevenueWithdrawn("spring-sale", BOUGHT, "USD", REVENUE),
)


def path(topic: str) -> Path:
    """The golden file of a topic."""
    return HERE / f"{topic}.json"


def main() -> None:
    """Write what is missing."""
    for event in EXAMPLES:
        golden = path(TOPICS[type(event)])
        if not golden.exists():
            golden.write_text(json.dumps(json.loads(encode(event)), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
