"""A month of a small tea shop's life: its campaigns and about 100,000 facts, the same on every call.

Instants are seconds since the start of March 2026 (UTC) until they are written into a fact.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

Fact = dict[str, Any]
Arrival = tuple[float, Fact]

CONVERTED = ("spring-sale", "customer-06001")
NOT_CONVERTED = ("spring-sale", "customer-06002")
GIVEN_BACK = ("spring-sale", "customer-05410")

# fmt: off
CAMPAIGNS: dict[str, Any] = {
    "app_group": "demo-shop", "apps": ["ios", "android", "web"], "time_zone": "Europe/Berlin",
    "custom_events": ["signed_up", "wishlist_shared"],
    "campaigns": [
        {"id": "spring-sale", "name": "Spring sale", "channel": "email",
         "variants": [{"id": "A", "name": "Picture of the harvest", "weight": 40},
                      {"id": "B", "name": "Three teas for two", "weight": 40},
                      {"id": "holdout", "name": "No e-mail", "weight": 20, "control": True}],
         "conversion_events": [{"type": "makes_purchase", "deadline": "3d"},
                               {"type": "starts_session", "deadline": "1d"}]},
        {"id": "glass-teapot", "name": "The glass teapot is back", "channel": "push",
         "conversion_events": [{"type": "makes_purchase", "product_id": "teapot-glass", "deadline": "7d"}]},
        {"id": "update-the-app", "name": "Update to 4.10", "channel": "in_app",
         "conversion_events": [{"type": "upgrades_app", "app_ids": ["ios", "android"], "deadline": "14d"}]},
        {"id": "onboarding", "name": "Onboarding", "kind": "canvas",
         "variants": [{"id": "tour", "name": "Full tour"}, {"id": "quick-start", "name": "Quick start"}],
         "conversion_events": [{"type": "performs_custom_event", "name": "signed_up", "deadline": "7d"},
                               {"type": "starts_session", "deadline": "2d"},
                               {"type": "makes_purchase", "deadline": "30d"},
                               {"type": "upgrades_app", "deadline": "30d"}]},
        {"id": "win-back", "name": "We miss you", "channel": "email",
         "variants": [{"id": "voucher", "name": "Five euros off", "weight": 75},
                      {"id": "control", "name": "No e-mail", "weight": 25, "control": True}],
         "conversion_events": [{"type": "makes_purchase", "deadline": "5d"},
                               {"type": "performs_custom_event", "name": "wishlist_shared",
                                "deadline": "3d"}]},
        {"id": "newsletter", "name": "Thursday newsletter", "channel": "email", "conversion_events": []},
    ],
}
PREFIXES = {"received": "r", "session_started": "s", "purchase": "p", "refund": "x", "custom_event": "c",
            "app_version": "v", "void": "d", "order": "o", "order_refund": "f"}
CENTS = {"teapot-glass": 3490, "teapot-iron": 5900, "cup-set": 2450, "assam-250": 1190, "matcha-30": 2290,
         "darjeeling-100": 1450, "earl-grey-100": 790, "oolong-100": 1690, "sencha-100": 1090, "sampler": 390}
# fmt: on
WISHLIST = {"name": "wishlist_shared"}
RATES = {"EUR": 100, "USD": 110, "GBP": 85, "JPY": 16_000}
MINUTE, HOUR, DAY = 60, 3_600, 86_400
WAKING = (5 * HOUR, 23.5 * HOUR, 18 * HOUR)
START = datetime(2026, 3, 1, tzinfo=UTC)


def _march(day: int, hour: float = 0) -> float:
    return (day - 1) * DAY + hour * HOUR


END, LAST_INSTANT = _march(32), _march(35)
RELEASES = ((0.0, "4.8.0"), (_march(9, 9), "4.9.0"), (_march(18, 9), "4.10.0"), (_march(26, 9), "4.10.1"))


class _Answer(NamedTuple):
    """How likely the users who receive a variant are to open the shop, to buy and to share a wishlist."""

    variant_id: str | None
    weight: int
    opens: float = 0.0
    buys: float = 0.0
    shares: float = 0.0
    control: bool = False


class _Sending(NamedTuple):
    campaign_id: str
    at: float
    audience: str
    share: float
    window: float
    answers: tuple[_Answer, ...]
    product_id: str | None = None


SALE = (_Answer("A", 40, 0.28, 0.07), _Answer("B", 40, 0.36, 0.12), _Answer("holdout", 20, control=True))
WIN_BACK = (_Answer("voucher", 75, 0.2, 0.07, 0.04), _Answer("control", 25, control=True))
PUSH = (_Answer(None, 1, 0.15, 0.05),)
NEWS = (_Answer(None, 1, 0.12, 0.015),)
SENDINGS = (
    _Sending("glass-teapot", _march(6, 17), "app", 0.7, 7 * DAY, PUSH, "teapot-glass"),
    _Sending("spring-sale", _march(10, 8), "all", 0.6, 3 * DAY, SALE),
    _Sending("win-back", _march(13, 16), "dormant", 0.9, 5 * DAY, WIN_BACK),
    _Sending("spring-sale", _march(17, 8), "all", 0.3, 3 * DAY, SALE),
    *(_Sending("newsletter", _march(day, 7), "all", 0.45, 3 * DAY, NEWS) for day in (5, 12, 19, 26)),
)


class _Customer(NamedTuple):
    id: str
    app_id: str
    currency: str
    joined: float
    sessions: int
    versions: list[tuple[float, str]]

    @property
    def audiences(self) -> set[str]:
        groups = {"all"} if self.app_id == "web" else {"all", "app"}
        return groups | {"dormant"} if self.sessions <= 3 and not self.joined else groups

    def version(self, at: float) -> str:
        return next(version for since, version in reversed(self.versions) if since <= at)


class _Month:
    def __init__(self) -> None:
        self.rng = Random(20260301)  # noqa: S311 - the same month on every call
        self.arrivals: list[Arrival] = []
        self.baskets = Random(27)  # noqa: S311 - apart: all else is the same, however many sales are orders
        self._numbers: Counter[str] = Counter()

    def record(self, kind: str, user_id: str, at: float, fields: Fact, delay: float | None = None) -> str:
        """Make a fact that arrives after the delay, else mostly at once, and return its id."""
        self._numbers[kind] += 1
        fact_id = f"{PREFIXES[kind]}-{self._numbers[kind]:06}"
        fact = _fact(kind, fact_id, user_id, at, fields)
        late, repeated = self.rng.random() < 0.02, self.rng.random() < 0.01
        if delay is None:
            delay = self.rng.uniform(2 * HOUR, 4 * DAY) if late else self.rng.expovariate(1 / 20)
        self.arrivals.append((at + delay, fact))
        if repeated:
            self.arrivals.append((at + delay + self.rng.expovariate(1 / HOUR), dict(fact)))
        return fact_id

    def soon(self, at: float, window: float) -> float:
        """Pick an instant mostly soon after `at`; about one in twenty lies beyond the window."""
        return at + self.rng.triangular(MINUTE, 1.25 * window, 0.05 * window)


def _fact(kind: str, fact_id: str, user_id: str, at: float, fields: Fact) -> Fact:
    instant = (START + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": kind, "id": fact_id, "user_id": user_id, **fields, "at": instant}


def facts() -> Iterator[Fact]:
    """Every fact of the month in the order it arrives, late and repeated ones among them."""
    month = _Month()
    for number in range(1, 6_001):
        _live(month, _customer(month.rng, number))
    month.arrivals += _stories()
    yield from (fact for _, fact in sorted(month.arrivals, key=itemgetter(0)))


def _live(month: _Month, customer: _Customer) -> None:
    _update_app(month, customer)
    if customer.joined:
        _join(month, customer)
    for _ in range(customer.sessions):
        _open(month, customer, _moment(month.rng, customer.joined))
    while month.rng.random() < customer.sessions / (customer.sessions + 12):
        _buy(month, customer, _moment(month.rng, customer.joined))
    if month.rng.random() < 0.15:
        month.record("custom_event", customer.id, _moment(month.rng, customer.joined), WISHLIST)
    _receive_all(month, customer)


def _customer(rng: Random, number: int) -> _Customer:
    joined = rng.randrange(25) * DAY + rng.triangular(*WAKING) if rng.random() < 0.2 else 0.0
    sessions = round(rng.gammavariate(1.2, 8.0) * (1 - joined / END))
    app_id = rng.choices(("ios", "android", "web"), (40, 35, 25))[0]
    return _Customer(
        f"customer-{number:05}",
        app_id,
        rng.choices(tuple(RATES), (80, 9, 7, 4))[0],
        joined,
        sessions,
        _versions(rng, joined),
    )


def _versions(rng: Random, joined: float) -> list[tuple[float, str]]:
    installed = max(release for release in RELEASES if release[0] <= joined)
    versions = [(joined, installed[1])]
    pace = rng.choice((1.5 * DAY, 20 * DAY))  # half of the users let the store update their apps
    for (released, version), until in zip(RELEASES[1:], (*(r[0] for r in RELEASES[2:]), END), strict=True):
        at = released + rng.expovariate(1 / pace)
        if joined < released and at < until:
            versions.append((at, version))
    return versions


def _moment(rng: Random, since: float) -> float:
    """Pick a waking hour of a day in March, not before `since`."""
    at = rng.randrange(int(since / DAY), 31) * DAY + rng.triangular(*WAKING)
    return at if at >= since else since + rng.uniform(0, HOUR)


def _update_app(month: _Month, customer: _Customer) -> None:
    if customer.app_id == "web":
        return
    shown = _march(20) + month.rng.uniform(6, 46) * HOUR
    outdated = customer.joined < shown and not customer.version(shown).startswith("4.10")
    if outdated and month.rng.random() < 0.8:
        month.record("received", customer.id, shown, {"campaign_id": "update-the-app"})
        if month.rng.random() < 0.4:
            customer.versions.append((month.soon(shown, 3 * DAY), "4.10.0"))
            customer.versions.sort()
    for at, version in customer.versions[0 if customer.joined else 1 :]:
        month.record("app_version", customer.id, at, {"app_id": customer.app_id, "version": version})


def _join(month: _Month, customer: _Customer) -> None:
    _open(month, customer, customer.joined)
    variant_id, signs_up = month.rng.choice((("tour", 0.36), ("quick-start", 0.48)))
    entered = customer.joined + month.rng.uniform(1, 10) * MINUTE
    month.record("received", customer.id, entered, {"campaign_id": "onboarding", "variant_id": variant_id})
    if month.rng.random() < signs_up:
        signed_up = {"name": "signed_up", "properties": {"plan": month.rng.choice(("free", "club"))}}
        month.record("custom_event", customer.id, month.soon(entered, 7 * DAY), signed_up)


def _receive_all(month: _Month, customer: _Customer) -> None:
    audiences, drawn = customer.audiences, dict[str, _Answer]()
    for sending in SENDINGS:
        reached = sending.audience in audiences and customer.joined <= sending.at
        if reached and month.rng.random() < sending.share:
            answer = _draw(month.rng, sending.answers, drawn.get(sending.campaign_id))
            drawn[sending.campaign_id] = answer
            _receive(month, customer, sending, answer)


def _draw(rng: Random, answers: tuple[_Answer, ...], earlier: _Answer | None) -> _Answer:
    if earlier and earlier.control:  # a control user stays one, or the comparison would be spoilt
        return earlier
    among = [answer for answer in answers if not (earlier and answer.control)]
    return rng.choices(among, [answer.weight for answer in among])[0]


def _receive(month: _Month, customer: _Customer, sending: _Sending, answer: _Answer) -> None:
    at = sending.at + month.rng.uniform(0, 20) * MINUTE
    variant = {"variant_id": answer.variant_id} if answer.variant_id else {}
    month.record("received", customer.id, at, {"campaign_id": sending.campaign_id} | variant)
    if month.rng.random() < answer.opens:
        _open(month, customer, month.soon(at, DAY))
    if month.rng.random() < answer.buys:
        _buy(month, customer, month.soon(at, sending.window), sending.product_id)
    if month.rng.random() < answer.shares:
        month.record("custom_event", customer.id, month.soon(at, sending.window), WISHLIST)


def _open(month: _Month, customer: _Customer, at: float) -> None:
    on_web = customer.app_id == "web" or month.rng.random() < 0.1
    app = {"app_id": "web"} if on_web else {"app_id": customer.app_id, "app_version": customer.version(at)}
    month.record("session_started", customer.id, at, app)


def _buy(month: _Month, customer: _Customer, at: float, product_id: str | None = None) -> None:
    rng = month.rng
    _open(month, customer, at)
    at += rng.uniform(1, 25) * MINUTE
    order = _order(product_id or rng.choice(tuple(CENTS)), customer.currency)
    if rng.random() < 0.15:
        order["quantity"] = rng.randint(2, 4)
    if rng.random() < 0.1:
        order["properties"] = rng.choice(({"voucher": "SPRING"}, {"gift_wrap": True}))
    refunded = at + rng.triangular(HOUR, LAST_INSTANT - at, 2 * DAY) if rng.random() < 0.031 else None
    delay = refunded - at + DAY if refunded and rng.random() < 0.1 else None  # the refund overtakes it
    basket = _basket(month.baskets, order) if month.baskets.random() < 0.2 else None
    kind = "purchase" if basket is None else "order"
    sale_id = month.record(kind, customer.id, at, basket or order, delay)
    if refunded:
        units = rng.randint(1, order.get("quantity", 1))
        month.record(*_given_back(kind, sale_id, customer.id, refunded, order, units))
    elif rng.random() < 0.005:
        found = at + rng.uniform(0.1, 40) * HOUR
        month.record("void", customer.id, found, {"fact_id": sale_id, "reason": "test order"})


def _basket(rng: Random, bought: Fact) -> Fact:
    """The same as an order (R27), with a free sampler in some: what it comes to is the same."""
    line = {name: bought[name] for name in ("product_id", "price", "quantity") if name in bought}
    order = {name: bought[name] for name in ("currency", "properties") if name in bought} | {"lines": [line]}
    if rng.random() < 0.5:
        total = Decimal(bought["price"]) * bought.get("quantity", 1)
        order |= {"lines": [line, {"product_id": "sampler"}], "total": str(total)}
    return order


def _given_back(
    kind: str, sale_id: str, user_id: str, at: float, bought: Fact, units: int
) -> tuple[str, str, float, Fact]:
    """Units of a sale come back: of an order by their product, of a purchase by what they cost."""
    if kind == "order":
        lines = [{"product_id": bought["product_id"], "quantity": units}]
        return "order_refund", user_id, at, {"order_id": sale_id, "lines": lines}
    return "refund", user_id, at, {"purchase_id": sale_id, "amount": str(Decimal(bought["price"]) * units)}


def _order(product_id: str, currency: str) -> Fact:
    amount = CENTS[product_id] * RATES[currency] // 100
    price = str(amount // 100) if currency == "JPY" else f"{amount // 100}.{amount % 100:02}"
    return {"product_id": product_id, "price": price, "currency": currency}


def _stories() -> Iterator[Arrival]:
    """Two users who do nothing else: one restated by an order reported late, one half an hour too late."""
    (sale, converted), (_, not_converted) = CONVERTED, NOT_CONVERTED
    a, b = ({"campaign_id": sale, "variant_id": variant_id} for variant_id in "AB")
    ios, android = ({"app_id": app_id, "app_version": "4.9.0"} for app_id in ("ios", "android"))
    tea, pot = _order("earl-grey-100", "EUR"), _order("teapot-iron", "EUR")
    for user, at, reported, kind, fact_id, fields in (
        (converted, _march(10, 8), None, "received", "r-900001", a),
        (converted, _march(10, 19.5), None, "session_started", "s-900001", ios),
        (converted, _march(12, 18.5), _march(28, 9), "purchase", "p-900001", tea),
        (converted, _march(17, 8), None, "received", "r-900002", b),
        (converted, _march(18, 20.25), None, "purchase", "p-900002", pot),
        (not_converted, _march(10, 8), None, "received", "r-900003", b),
        (not_converted, _march(10, 21), None, "session_started", "s-900002", android),
        (not_converted, _march(13, 8.5), None, "purchase", "p-900003", tea),
    ):
        yield reported or at, _fact(kind, fact_id, user, at, fields)
