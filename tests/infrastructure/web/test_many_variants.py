"""The results page of a campaign of many variants: what it shows, and what it says that is left out."""

from collections.abc import Iterator

import pytest

from domain.experiment.results import MOST_VARIANTS
from infrastructure.web.event_tables import MOST_ROWS
from tests.infrastructure.web.shops import SALE, Shop, bought, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("many")) as api:
        yield api


def open_shop(api: Api, number: int) -> Shop:
    """A shop whose sale has so many variants and control: the last has the most recipients, all of the one before convert."""
    ids = [f"variant-{each:03}" for each in range(number)]
    variants = [*({"id": each} for each in ids), {"id": "holdout", "control": True}]
    shop = Shop.open(api, SALE | {"variants": variants})
    shop.take(*(received(f"u-{each}", each) for each in ids))
    shop.take(received("more", ids[-1]), received("held", "holdout"))
    shop.take(bought(f"u-{ids[-2]}"))
    return shop


def test_tables_show_control_and_the_variants_of_the_most_recipients(api: Api) -> None:
    """The page says so, and links to all; figures of the whole campaign are of all variants either way."""
    shop = open_shop(api, MOST_ROWS)
    few, every = (shop.get(shop.of(), **given).text for given in ({}, {"variants": "all"}))
    ids = [f"variant-{each:03}" for each in range(MOST_ROWS)]
    assert [each for each in ids if f'<th scope="row"><bdi>{each}</bdi>' not in few] == ids[-3:-2]
    assert f"{MOST_ROWS} of {MOST_ROWS + 1} variants" in few
    assert "variants=all" in few
    assert [each for each in ids if f'<th scope="row"><bdi>{each}</bdi>' not in every] == []
    assert "Show all variants" not in every
    for page in (few, every):
        assert '<th scope="row"><bdi>holdout</bdi>' in page
        assert f"{MOST_ROWS + 1} users" in page or f"1/{MOST_ROWS + 1}" in page


def test_a_campaign_of_few_variants_shows_them_without_a_word(api: Api) -> None:
    """Nothing is left out, and nothing is said of it."""
    shop = open_shop(api, 2)
    page = shop.get(shop.of()).text
    assert "Show all variants" not in page
    assert "would take too long" not in page
    assert shop.get(shop.of(kind=".json")).json()["results"]["left_out"] == []


def test_of_very_many_variants_the_page_says_what_is_not_computed(api: Api) -> None:
    """And the JSON has null for it; the test that decides is there for each of them."""
    shop = open_shop(api, MOST_VARIANTS)
    assert f"The campaign has more than {MOST_VARIANTS} variants" in shop.get(shop.of()).text
    found = shop.client.get("/v1/campaigns/sale/results", params={"test": "fixed"}).json()
    assert found["left_out"] == [
        "probability_best",
        "expected_loss",
        "anytime_interval",
        "sequential",
        "sequential_interval",
    ]
    (event, _) = found["conversion_events"]
    for name in found["left_out"]:
        rows = event["variants" if name in found["left_out"][:2] else "comparisons"]
        assert {each[name] for each in rows} == {None}
    assert None not in {each["p"] for each in event["comparisons"]}
