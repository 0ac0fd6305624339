"""Worlds for property tests: campaigns and facts drawn so that the corners of docs/rules.md come up often.

Every fact of a world is valid by itself (R16), earlier than 2026, and has an id of its own among its user's
facts (R13): handing a world in can yield no refusal and no conflict. Shapes are those of docs/files.md.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Campaign = dict[str, Any]
ConversionEvent = dict[str, Any]
Fact = dict[str, Any]
World = tuple[list[Campaign], list[Fact]]

APPS = ["ios", "android", "web"]
OFTEN_IOS = ["ios", "ios", "ios", "android", "web"]
CUSTOM_EVENTS = ["signed_up", "shared"]
APP_GROUP: dict[str, Any] = {"app_group": "shop", "apps": APPS, "custom_events": CUSTOM_EVENTS}

USERS = ["u1", "U1"]
CAMPAIGN_IDS = ["spring", "Spring", "\u00e9t\u00e9"]
VARIANT_IDS = ["A", "B", "a"]
PRODUCTS = ["sku-1", "sku-2"]

# Only code points sort these so: cases, digits, composed and decomposed letters, beyond the 16-bit plane.
FACT_IDS = [
    head + tail
    for head in ("1", "B", "a", "\u00e9", "\uff5a", "\U0001f600")
    for tail in ("", "0", "10", "9", "B", "\u00e9", "e\u0301")
]
# Refunds and voids have few ids, so that a void often names one of them, or itself.
CORRECTION_IDS = [f"x{number}" for number in range(12)]

COMPARABLE = ["1.2", "1.3", "1.3", "1.2", "1.3.0", "01.3", "1.2.0", "1.10", "1.3", "1.2"]
VERSIONS = [*COMPARABLE, "1.2.3-beta2", "\u0661.\u0663"]
PRICES = ["9.99", "0", "20.00", "5", "0.000001", "123456789.123456"]
REFUNDED = ["5.00", "9.99", "0.000001", "30", "200000000"]
CURRENCIES = ["EUR", "USD", "JPY"]

# Lines without prices, of one product twice, of many units, and none at all (R27).
ORDERED: list[list[dict[str, Any]]] = [
    [{"product_id": "sku-1", "price": "9.99", "quantity": 2}, {"product_id": "sku-2", "price": "4.00"}],
    [{"product_id": "sku-1", "quantity": 3}],
    [{"product_id": "sku-1", "price": "5"}, {"product_id": "sku-1", "price": "7.50", "quantity": 2}],
    [{"product_id": "sku-1"}, {"product_id": "sku-2", "price": "0.000001", "quantity": 3}],
    [{"product_id": "sku-1", "price": "10", "quantity": None, "currency": "USD"}],
    [],
]
GIVEN_BACK: list[list[dict[str, Any]]] = [
    [{"product_id": "sku-1"}],
    [{"product_id": "sku-1", "quantity": 2}],
    [{"product_id": "sku-2", "price": "1.50"}, {"product_id": "sku-1", "quantity": 3}],
    [{"product_id": "sku-1", "price": "2"}, {"product_id": "sku-3"}, {"product_id": "sku-1"}],
]
# What an earlier version made of an order: purchases, which corrections of the order act on.
AS_PURCHASES = ["order:old:sku-1", "order:old:1", "order:old:sku-2", "order:old:er:sku-1"]
OLD_ORDERS = ["old", "old", "old:er"]

SECONDS = {
    1: 1,
    "45s": 45,
    "30m": 1_800,
    3_600: 3_600,
    "12h": 43_200,
    "1d": 86_400,
    "3d": 259_200,
    "30d": 2_592_000,
}
DEADLINES: list[int | str] = ["3d", 1, "45s", "30m", 3_600, "12h", "1d", "30d"]
REVENUE_ONLY = {"type": "makes_purchase", "deadline": "3d"}
TICK = timedelta(microseconds=1)
START = datetime(2024, 3, 1, 9, tzinfo=UTC)
ANCHORS = [START, START, START + timedelta(hours=1), START + timedelta(days=1), START + timedelta(days=30)]
YEARS_AWAY = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2019, 6, 1, tzinfo=UTC),
    datetime(2025, 6, 30, tzinfo=UTC),
]


class Dice:
    """A few throws, each of which picks one of some options; the smallest throw picks the first."""

    def __init__(self, throws: Iterable[int]) -> None:
        self._throws = iter(throws)

    def pick(self, options: Sequence[T]) -> T:
        """Pick one of the options with the next throw."""
        return options[next(self._throws) % len(options)]

    def pick_fields(self, *options: dict[str, Any]) -> dict[str, Any]:
        """Pick one of the options, each being some fields of one mapping."""
        return self.pick(options)

    def pick_some(self, options: Sequence[T], at_most: int) -> list[T]:
        """Pick one or more different options, in any order."""
        left = list(options)
        return [left.pop(left.index(self.pick(left))) for _ in range(self.pick(range(1, at_most + 1)))]


def dice_of(throws: int) -> st.SearchStrategy[Dice]:
    """Throw a fixed number of dice: far faster than a strategy for each field, and it shrinks as well.

    A throw has 120 faces, which most numbers of options divide, and few enough for Hypothesis to be fair.
    """
    return st.tuples(*[st.integers(0, 119)] * throws).map(Dice)


WORLD_DICE, CAMPAIGN_DICE, FACT_DICE, CORRECTION_DICE = dice_of(29), dice_of(18), dice_of(19), dice_of(17)
FACTS_DICE = st.sampled_from([0, 8, 14, 20, 22]).flatmap(
    lambda at_least: st.lists(FACT_DICE, min_size=at_least, max_size=24)
)
CORRECTIONS_DICE = st.lists(CORRECTION_DICE, max_size=11)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw one to three campaigns, and up to 40 facts of one or two users about them."""
    dice = draw(WORLD_DICE)
    users = dice.pick_some(USERS, 2)
    ids = dice.pick_some(CAMPAIGN_IDS, 3)
    campaigns = [campaign_from(draw(CAMPAIGN_DICE), campaign_id) for campaign_id in ids]
    story = dice.pick([no_story, no_story, undone_upgrade])(dice, users[0], campaigns)
    others = [receipt_or_behaviour(dice, users, campaigns) for dice in draw(FACTS_DICE)]
    facts = distinct([*others, *story])
    for dice in draw(CORRECTIONS_DICE):
        facts = distinct([*facts, correction(dice, users, facts)])
    return campaigns, facts


@st.composite
def arrivals(draw: st.DrawFn, facts: Sequence[Fact]) -> list[list[Fact]]:
    """Draw a way for the facts to arrive: in any order, some again as identical copies, cut into batches."""
    if not facts:
        return []
    again = draw(st.lists(st.sampled_from(facts), max_size=len(facts)))
    order = [deepcopy(fact) for fact in draw(st.permutations([*facts, *again]))]
    cuts = sorted(draw(st.sets(st.integers(1, len(order)))))
    batches = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return [batch for batch in batches if batch]


def identity(fact: Fact) -> tuple[str, str]:
    """Tell what a fact is known by within its app group (R13)."""
    return fact["user_id"], fact["id"]


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """Keep one fact of each identity."""
    return list({identity(fact): fact for fact in facts}.values())


def campaign_from(dice: Dice, campaign_id: str) -> Campaign:
    """Make a campaign (R1, R5): the default variant, one to three, or one or two and a control group."""
    campaign: Campaign = {"id": campaign_id}
    shape = dice.pick(["treated", "with control", "with control", "default"])
    if shape != "default":
        ids = dice.pick_some(VARIANT_IDS, 3 if shape == "treated" else 2)
        campaign["variants"] = [{"id": variant_id} for variant_id in ids]
    if shape == "with control":
        place = dice.pick(range(len(campaign["variants"]) + 1))
        campaign["variants"].insert(place, {"id": "holdout", "control": True})
    count = dice.pick([1, 2, 3, 4, 1, 2, 3, 2, 1, 2, 0, None])
    if count is not None:
        campaign["conversion_events"] = [conversion_event(dice) for _ in range(count)]
    return campaign


def conversion_event(dice: Dice) -> ConversionEvent:
    """Make any of the four types with any filter (R2), and a deadline between a second and 30 days (R3)."""
    kind = dice.pick(
        ["makes_purchase", "upgrades_app", "upgrades_app", "starts_session", "performs_custom_event"]
    )
    event = {"type": kind, "deadline": dice.pick(DEADLINES)}
    match kind:
        case "makes_purchase":
            return event | dice.pick_fields({}, {"product_id": None}, {"product_id": "sku-1"})
        case "performs_custom_event":
            return event | {"name": dice.pick(CUSTOM_EVENTS)}
        case _:
            return event | dice.pick_fields(
                {}, {"app_ids": None}, {"app_ids": ["ios"]}, {"app_ids": ["ios", "web"]}
            )


def no_story(_: Dice, __: str, ___: Sequence[Campaign]) -> list[Fact]:
    """Leave it to chance."""
    return []


def undone_upgrade(dice: Dice, user: str, campaigns: Sequence[Campaign]) -> list[Fact]:
    """Make an upgrade at a window's end, which a report from just before that window undoes (R10, R14).

    Where that report is voided in its turn, the upgrade is back (R17).
    """
    hopes = [(c, e) for c in campaigns for e in c.get("conversion_events", []) if e["type"] == "upgrades_app"]
    if not hopes:
        return []
    campaign, event = dice.pick(hopes)
    app = {"type": "app_version", "app_id": (event.get("app_ids") or APPS)[0]}
    told = [
        (START, receipt(dice, campaign)),
        (YEARS_AWAY[1], app | {"version": "1.2"}),
        (START - TICK, app | {"version": dice.pick(["1.3", "1.3.0", "01.3", "1.10"])}),
        (START + timedelta(seconds=SECONDS[event["deadline"]]), app | {"version": "1.3"}),
    ]
    own = {"user_id": user}
    facts = [f | own | {"id": dice.pick(FACT_IDS), "at": instant_from(dice, [at])} for at, f in told]
    void = own | {"type": "void", "id": dice.pick(CORRECTION_IDS), "at": facts[0]["at"]}
    return facts + dice.pick([[], [], [void | {"fact_id": facts[2]["id"]}]])


def receipt_or_behaviour(dice: Dice, users: Sequence[str], campaigns: Sequence[Campaign]) -> Fact:
    """Make a receipt, a behaviour some conversion event hopes for, or any behaviour, near a window's ends."""
    fact = {"user_id": dice.pick(users), "id": dice.pick(FACT_IDS)}
    events = [event for c in campaigns for event in c.get("conversion_events") or [REVENUE_ONLY]]
    what = dice.pick(["received", "received", "received", "hoped for", "hoped for", "hoped for", "any"])
    if what == "received":
        at = instant_from(dice, ANCHORS * 4 + YEARS_AWAY)
        return fact | {"at": at} | receipt(dice, dice.pick(campaigns))
    event = dice.pick(events) if what == "hoped for" else conversion_event(dice)
    at = instant_from(dice, instants_around(event["deadline"]))
    return fact | {"at": at} | BEHAVIOURS[event["type"]](dice, event)


def receipt(dice: Dice, campaign: Campaign) -> Fact:
    """Make a receipt of a campaign; only one with a single variant may leave it out (R5)."""
    variant_ids = [variant["id"] for variant in campaign.get("variants", [{"id": "default"}])]
    optional = [{}, {"variant_id": None}] if len(variant_ids) == 1 else []
    named = [{"variant_id": variant_id} for variant_id in variant_ids]
    return {"type": "received", "campaign_id": campaign["id"]} | dice.pick_fields(*named, *optional)


def session(dice: Dice, event: ConversionEvent) -> Fact:
    """Make a session, which may report a version (R10)."""
    app_id = dice.pick([*(event.get("app_ids") or []), *OFTEN_IOS])
    reported = {"app_version": dice.pick(VERSIONS)}
    version = dice.pick_fields({}, {"app_version": None}, reported, reported)
    return {"type": "session_started", "app_id": app_id} | version


def purchase(dice: Dice, event: ConversionEvent) -> Fact:
    """Make a purchase, also one for nothing or of several (R11), or an order (R27)."""
    if dice.pick([False, True, False]):
        return order(dice)
    product_id = dice.pick([event.get("product_id") or "sku-1", *PRODUCTS])
    money = {"price": dice.pick(PRICES), "currency": dice.pick(CURRENCIES)}
    quantity = dice.pick_fields({}, {"quantity": None}, {"quantity": 1}, {"quantity": 2}, {"quantity": 1_000})
    as_an_order_was = dice.pick_fields({}, {}, {"id": dice.pick(AS_PURCHASES)})
    fact = {"type": "purchase", "product_id": product_id} | money | quantity | as_an_order_was
    return fact | perhaps_in_an_app(dice)


def order(dice: Dice) -> Fact:
    """Make an order: of lines, of a total, or both; perhaps one that came as a named event (R27)."""
    lines = dice.pick(ORDERED)
    total = {"total": dice.pick(["21.98", "0", "1000"])}
    told = {"lines": lines} | dice.pick_fields({}, total) if lines else total
    agreed = next((line["currency"] for line in lines if "currency" in line), None)
    currency = {"currency": agreed or dice.pick(CURRENCIES)}
    named = dice.pick_fields({}, {}, {"name": dice.pick(CUSTOM_EVENTS)})
    return {"type": "order"} | told | (currency if agreed is None else {}) | named | perhaps_in_an_app(dice)


def custom_event(dice: Dice, event: ConversionEvent) -> Fact:
    """Make a custom event, with or without properties."""
    name = dice.pick([event["name"], event["name"], *CUSTOM_EVENTS])
    properties = dice.pick_fields(
        {}, {"properties": None}, {"properties": {"plan": "pro", "seats": [1, 2.5, None]}}
    )
    return {"type": "custom_event", "name": name} | properties | perhaps_in_an_app(dice)


def version_report(dice: Dice, event: ConversionEvent) -> Fact:
    """Make a version report: perhaps an upgrade, a downgrade, the same, or what cannot be compared (R10)."""
    app_id = dice.pick([*(event.get("app_ids") or []), *OFTEN_IOS])
    previous = dice.pick_fields({}, {"previous_version": None}, {"previous_version": dice.pick(VERSIONS)})
    return {"type": "app_version", "app_id": app_id, "version": dice.pick(VERSIONS)} | previous


BEHAVIOURS: dict[str, Callable[[Dice, ConversionEvent], Fact]] = {
    "starts_session": session,
    "makes_purchase": purchase,
    "performs_custom_event": custom_event,
    "upgrades_app": version_report,
}


def perhaps_in_an_app(dice: Dice) -> Fact:
    """Make the fields of no app, of an app, or of an app and the version it reports (R10)."""
    app_id, version = {"app_id": dice.pick(OFTEN_IOS)}, {"app_version": dice.pick(VERSIONS)}
    return dice.pick_fields({}, {"app_id": None, "app_version": None}, app_id, app_id | version)


def correction(dice: Dice, users: Sequence[str], facts: Sequence[Fact]) -> Fact:
    """Make a refund (R12, R27) or a void (R17), before or after what it names, or naming what it must not."""
    amiss = [{"user_id": dice.pick(users), "id": dice.pick([*CORRECTION_IDS[:4], "nothing"])}]
    purchases = [fact for fact in facts if fact["type"] == "purchase"]
    voids = [fact for fact in facts if fact["type"] == "void"]
    orders = [fact for fact in facts if fact["type"] == "order"]
    orders += [{"user_id": fact["user_id"], "id": each} for fact in facts[:1] for each in OLD_ORDERS]
    kind = dice.pick(["refund", "void", "order_refund", "order_cancelled"])
    right = {"refund": purchases, "void": facts}.get(kind, orders)
    named = dice.pick(dice.pick([right or amiss, right or amiss, voids or facts or amiss, amiss]))
    fact = {
        "user_id": named["user_id"],
        "id": dice.pick(CORRECTION_IDS),
        "at": instant_from(dice, ANCHORS + YEARS_AWAY),
    }
    if kind == "void":
        return fact | {"type": "void", "fact_id": named["id"]} | dice.pick_fields({}, {"reason": "fraud"})
    if kind == "refund":
        return fact | {"type": "refund", "purchase_id": named["id"], "amount": dice.pick(REFUNDED)}
    fact |= {"type": kind, "order_id": named["id"]} | dice.pick_fields({}, {"name": dice.pick(CUSTOM_EVENTS)})
    return fact if kind == "order_cancelled" else fact | given_back(dice)


def given_back(dice: Dice) -> Fact:
    """Make what an order's refund gives back: lines, an amount, or everything; perhaps in another currency (R27)."""
    lines, amount = {"lines": dice.pick(GIVEN_BACK)}, {"amount": dice.pick(REFUNDED)}
    return dice.pick_fields(lines, lines, amount, {}) | dice.pick_fields({}, {}, {"currency": "EUR"})


def instants_around(deadline: int | str) -> list[datetime]:
    """List a window's two ends, seen from each anchor, a microsecond either side of them, and years away."""
    end = timedelta(seconds=SECONDS[deadline])
    inside = [timedelta(0), end, end / 2, TICK, end, end / 2, end - TICK]
    outside = [-TICK, end + TICK, -TICK, -2 * end]
    return [anchor + step for step in [*inside, *outside] for anchor in ANCHORS] + YEARS_AWAY


def instant_from(dice: Dice, instants: Sequence[datetime]) -> str:
    """Write one of the instants as RFC 3339, in some offset, with digits that reading cuts."""
    offset_minutes = dice.pick([0, 0, 120, -330])
    local = dice.pick(instants).astimezone(timezone(timedelta(minutes=offset_minutes)))
    offset = local.isoformat()[-6:] if offset_minutes else "Z"
    return f"{local:%Y-%m-%dT%H:%M:%S.%f}{dice.pick(['', '', '9'])}{offset}"
