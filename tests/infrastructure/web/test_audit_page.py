"""The page of the last audit, and the page about the ledger."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from infrastructure.audit.auditing import Options, audit_ledger
from infrastructure.audit.keeping import keep
from infrastructure.web.links import campaign_path, user_path
from tests.infrastructure.web.shops import HOSTILE, SALE, Shop, bought, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("audits")) as api:
        yield api


def audit(api: Api, campaign_id: str | None = None) -> None:
    """Audit the ledger, and keep the outcome."""
    service = api.service
    keep(
        service.database,
        audit_ledger(service.database, service.projector, Options(campaign_id), lambda *_: None),
    )


def spoil(shop: Shop, variant: str = "B") -> None:
    """A row of a read model says what is not so."""
    shop.client.get("/v1/campaigns/sale/conversions").raise_for_status()
    of = {"group": shop.app_group, "variant": variant}
    with shop.api.service.database.writing() as connection:
        found = connection.execute(
            text(
                "UPDATE conversions_1 SET variant_id = :variant WHERE app_group = :group AND conversion_event = 0"
            ),
            of,
        )
        assert found.rowcount == 1


def test_before_the_first_audit_the_page_says_how_to_make_one(api: Api) -> None:
    """With the command, for page and program."""
    shop = Shop.open(api, SALE)
    page = shop.page("/audit")
    assert "No audit was made yet" in page.text
    assert "conversions audit" in page.text
    assert shop.get("/audit.json").json()["audit"] is None


def test_an_audit_in_which_nothing_differs(api: Api) -> None:
    """When, of what, up to where; what counts; what it proves and what not; and what came since."""
    shop = Shop.open(api, SALE)
    shop.take(received("u1", "A"), bought("u1", "12.50"))
    audit(api)
    page = shop.page("/audit")
    for said in (
        "✓ Nothing differs: every figure is the one that the rules give.",
        "Of all campaigns",
        "Receipts 1",
        "Conversions 1",
        "Revenue, EUR 12.50 EUR",
        "What it proves",
        "What it does not prove",
    ):
        assert said in page.text
    assert "recorded since" not in page.text
    position = shop.take(received("u2", "A"))
    told = shop.get("/audit.json").json()
    missing = int(position) - int(told["audit"]["position"])
    assert missing > 0
    assert f"{missing} events were recorded since, up to position {position}" in shop.page("/audit").text


def test_every_difference_is_shown_with_both_stories(api: Api) -> None:
    """With the user, linked to the explanation; those of another app group are not there, nor is their number."""
    shop, other = Shop.open(api, SALE), Shop.open(api, SALE)
    for each in (shop, other):
        each.take(received("u1", "A"), bought("u1"))
    spoil(shop)
    audit(api)
    page = shop.page("/audit")
    assert "✗ 1 thing differs from what the rules give." in page.text
    assert "conversion A of campaign sale , user u1 : credited to another variant." in page.text
    assert "variant A" in page.text
    assert "variant B" in page.text
    assert page.links["u1"] == "/campaigns/sale/users/u1"
    assert "Conversion credited to another variant conversions 1" in page.text
    (listed,) = shop.get("/audit.json").json()["audit"]["listed"]
    assert (listed["user_id"], listed["judged"]["variant_id"], listed["said"]["variant_id"]) == (
        "u1",
        "A",
        "B",
    )
    assert "Nothing differs" in other.page("/audit").text
    assert other.get("/audit.json").json()["audit"]["differences"] == 0


def test_an_erased_user_has_no_name(api: Api) -> None:
    """The difference stays."""
    shop = Shop.open(api, SALE)
    shop.take(received("somebody", "A") | {"id": "r1"}, bought("somebody"))
    spoil(shop)
    audit(api)
    with api.service.database.writing() as connection:
        gone = text("DELETE FROM identities WHERE app_group = :group")
        connection.execute(gone, {"group": shop.app_group})
    page = shop.page("/audit")
    assert "a user whose identity was erased" in page.text
    assert "somebody" not in page.text


def test_earlier_audits_are_a_link_away(api: Api) -> None:
    """The last one of all campaigns comes first; the other by its id, and only to those whose app group it is of."""
    shop, other = Shop.open(api, SALE), Shop.open(api)
    audit(api)
    audit(api, "sale")
    told = shop.get("/audit.json").json()
    assert [each["campaign_id"] for each in told["kept"]] == ["sale", None]
    newest = told["kept"][0]["audit_id"]
    page = shop.page("/audit", id=newest)
    assert "Of the campaign sale alone" in page.text
    assert shop.get("/audit.json", id=newest).json()["audit"]["campaign_id"] == "sale"
    for bad in (str(newest), "0", "x", "9" * 30):
        assert other.get("/audit.json", 400, id=bad).json()["code"] == "unknown_audit"
    assert "no longer kept" in other.page("/audit", 400, id=str(newest)).text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids_are_only_text(api: Api, name: str) -> None:
    """As the campaign, the variant, the user and the fact of a difference."""
    shop = Shop.open(api, SALE | {"id": name, "variants": [{"id": name}, {"id": "B"}]})
    shop.take(received(name, name, name), bought(name, fact_id=name))
    shop.client.get(f"/v1{campaign_path(name)}/conversions").raise_for_status()
    with api.service.database.writing() as connection:
        of = {"group": shop.app_group}
        connection.execute(text("UPDATE conversions_1 SET variant_id = 'B' WHERE app_group = :group"), of)
    audit(api)
    page = shop.page("/audit")
    assert " ".join(name.split()) in page.text
    assert page.links[" ".join(name.split())].endswith(user_path(name))
    assert not page.find(lambda tag, given: tag == "script" and "src" not in given)


def test_the_page_of_audits_needs_a_session(api: Api) -> None:
    """It leads to the login, and its twin says that nobody is logged in."""
    browser = api.browser()
    assert browser.get("/audit").headers["location"] == "/login?next=%2Faudit"
    assert browser.get("/audit.json").status_code == 401
