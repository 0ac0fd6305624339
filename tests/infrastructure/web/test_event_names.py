"""Conversion events on pages and in their pictures: by what they are, since variants have letters too."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.infrastructure.web.shops import OTHER, Shop, bought, received
from tests.support.serving import Api, serving

PRODUCT = f"sku-{'9' * 251}"
CUSTOM = "wishlist_" + "s" * 200
SALE: dict[str, Any] = {
    "id": "sale",
    "name": "Spring sale",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "control", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "makes_purchase", "deadline": "3d", "product_id": PRODUCT},
        {"type": "performs_custom_event", "deadline": "36h", "name": CUSTOM},
        {"type": "starts_session", "deadline": "1d"},
    ],
}
PAGES = (
    "/campaigns/sale",
    "/campaigns/sale?from=2026-03-01",
    "/campaigns/sale/people",
    "/campaigns/sale/people?list=conversions",
    "/campaigns/sale/compare?with=other",
    "/campaigns/sale/compare?from=2026-03-01&as_of_clock=occurred",
    "/campaigns/sale/history",
    "/campaigns/sale/users/u1",
    "/users/u1",
    "/users/u1?density=full",
)
ALONE = re.compile(
    r"\b[ABCD](?: \(primary\))?:|\b(?:on|of|Conversions?|Rate) [ABCD]\b|[ABCD], credited|converted: [ABCD]"
)
"""A letter of which nobody knows whether it is a variant's or a conversion event's."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Two campaigns, a recipient of each variant, and a user who converted on two of four conversion events."""
    with serving(tmp_path_factory.mktemp("names")) as api:
        yield fill(api)


def fill(api: Api) -> Shop:
    """Make the campaigns and send the facts."""
    shop = Shop.open(api)
    shop.client.patch("/v1/app-group", json={"custom_events": [CUSTOM]}).raise_for_status()
    for campaign in (SALE, OTHER):
        shop.client.post("/v1/campaigns", json=campaign).raise_for_status()
    receipts = (
        received("u1", "A"),
        received("u2", "B"),
        received("u3", "control"),
        received("u1", "only", "other"),
    )
    shop.take(*receipts, bought("u1"), bought("u1", fact_id="p2") | {"product_id": PRODUCT})
    return shop


@pytest.mark.parametrize("address", PAGES)
def test_a_letter_is_always_said_to_be_an_event_s(shop: Shop, address: str) -> None:
    """Titles and descriptions of pictures too; and control is not said to be control again."""
    # In the filter by variant each choice is a variant.
    raw = re.sub(r'<select[^>]*name="variant".*?</select>', "", shop.get(address).text, flags=re.DOTALL)
    said = re.sub(
        r"[Ee]vent [ABCD]( \(primary\))?", "event", unescape(re.sub(r"<[^>]*>|[\u2068\u2069]", " ", raw))
    )
    said = re.sub(r"[Vv]ariants? [AB]\b", "variant", re.sub(r"\s+", " ", said))
    assert not [said[max(0, each.start() - 40) : each.end() + 40] for each in ALONE.finditer(said)]
    assert not re.search(r"control \(?control\b", said)


@pytest.mark.parametrize(
    "address", ["/campaigns/sale", "/campaigns/sale/people", "/campaigns/sale/compare?with=other"]
)
def test_a_long_id_is_cut_and_the_whole_name_is_its_title(shop: Shop, address: str) -> None:
    raw = re.sub("[\u2068\u2069]", "", shop.get(address).text)
    short = f"urchase of {PRODUCT[:23]}\N{HORIZONTAL ELLIPSIS} in 3\N{NO-BREAK SPACE}d</span>"
    assert re.search(rf'<span title="[Pp]urchase of {PRODUCT} in 3 d">[Pp]{short}', raw)


def test_in_pictures_a_long_name_is_cut_to_its_room_and_is_their_title(shop: Shop) -> None:
    for address in ("/campaigns/sale", "/users/u1?density=full"):
        raw = re.sub("[\u2068\u2069]", "", shop.get(address).text)
        assert f"<title>Purchase of {PRODUCT} in 3 d</title><tspan>Purchase of sku-9" in raw
        assert f"<title>Custom event {CUSTOM} in 36 h</title>" in raw


def test_a_filter_has_names_to_choose_from_and_letters_as_values(shop: Shop) -> None:
    raw = shop.get("/campaigns/sale/people").text
    assert re.search(r'<option value="A"[^>]*>purchase in 3 d \(event A\)', raw)
    assert "(event C)" in raw
    assert '<option value="control">control: 1</option>' in raw


def test_the_changes_of_a_journey_and_of_figures_name_the_conversion_event(shop: Shop) -> None:
    assert "The user converted on purchase in 3 d (event A) of sale: " in shop.page("/users/u1").text
    changes = shop.page("/campaigns/sale/compare?from=2026-03-01&as_of_clock=occurred").text
    assert "conversion on purchase in 3 d (event A)" in changes
    assert "Conversion rate: purchase in 3 d" in changes
