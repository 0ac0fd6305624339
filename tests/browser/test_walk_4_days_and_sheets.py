"""Walk 4: last week only, either clock, revenue in all currencies, and sheets whose sums are the report's."""

import csv
from collections import Counter
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from infrastructure.web.links import campaign_path
from tests.browser.conftest import Open, Site
from tests.browser.hands import WAYS, hands_of
from tests.browser.reading import amounts, table_of, whole
from tests.browser.test_figures import ask_command, check_events, money

FIRST, LAST = "2026-03-09", "2026-03-15"


def download(page: Page, link: Locator, directory: Path) -> list[dict[str, str]]:
    """The rows of a sheet that a link leads to; its name says of what and when."""
    with page.expect_download() as started:
        link.click()
    name = started.value.suggested_filename
    assert name.endswith(".csv")
    assert "-at-" in name
    started.value.save_as(directory / name)
    return list(csv.DictReader(StringIO((directory / name).read_text())))


@pytest.mark.parametrize("way", WAYS)
def test_last_week_only(site: Site, open_window: Open, way: str) -> None:
    """The receipts of a week: as `report --received-from --to` says, with the days in the fields; then all time."""
    page = open_window(site, **WAYS[way]).go(campaign_path("spring-sale"))
    hands = hands_of(way, page)
    hands.write(page.get_by_label("Received from"), FIRST)
    hands.write(page.get_by_label("to, included"), LAST)
    hands.press(page.get_by_role("button", name="Show", exact=True))
    page.wait_for_url(f"**from={FIRST}**")
    report = ask_command(site, "report", "spring-sale", "--received-from", FIRST, "--to", LAST)
    check_events(page, report)
    everything = ask_command(site, "report", "spring-sale")
    assert report["totals"]["receipts"] < everything["totals"]["receipts"]
    hands.press(page.get_by_role("link", name="All time"))
    page.wait_for_url(lambda url: "from=" not in url)
    check_events(page, everything)


@pytest.mark.parametrize("key", ["[", "]"])
def test_the_keys_of_periods_say_where_none_is_chosen(site: Site, open_window: Open, key: str) -> None:
    """Everybody can read it, and the field that chooses one has the focus."""
    page = open_window(site).go(campaign_path("spring-sale"))
    page.keyboard.press(key)
    expect(page.get_by_text("No period is chosen: choose its days under Received from.")).to_be_in_viewport()
    expect(page.get_by_label("Received from")).to_be_focused()


@pytest.mark.parametrize("way", ["mouse", "no script", "keyboard"])
def test_either_clock(site: Site, open_window: Open, way: str) -> None:
    """R20: by the day of the receipt all conversions are on the days of the sendings; the sums are the same."""
    page = open_window(site, **WAYS[way]).go(campaign_path("spring-sale"))
    hands = hands_of(way, page)
    by_conversion = table_of(page, "^By day")
    hands.pick(page.get_by_label("A conversion counts on"), "the day of the receipt")
    hands.press(page.get_by_role("button", name="Show", exact=True))
    expect(page.get_by_role("heading", name="By day, a conversion on the day of the receipt")).to_be_visible()
    by_receipt = table_of(page, "^By day")
    assert {row["Day"] for row in by_receipt} == {"10 Mar 2026", "17 Mar 2026"}
    assert len(by_conversion) > len(by_receipt)
    for head in ("Receipts", "Conversions: purchase in 3 d", "Conversions: app opened in 1 d"):
        assert sum(whole(row[head]) for row in by_receipt) == sum(whole(row[head]) for row in by_conversion)


def test_sheets_add_up_to_the_report(site: Site, open_window: Open, tmp_path: Path) -> None:
    """The report's own, the days', the conversions', and the recipients' with their revenue in every currency."""
    report = ask_command(site, "report", "spring-sale")
    totals, controls = report["totals"], [each for each in report["variants"] if each["control"]]
    window = open_window(site, accept_downloads=True)
    page = window.go(campaign_path("spring-sale"))
    assert set(amounts(page.locator(".card").last.inner_text())) == set(totals["revenue"])
    of_report = download(page, page.get_by_role("link", name="CSV", exact=True).first, tmp_path)
    revenue = {
        row["currency"]: Decimal(row["value"])
        for row in of_report
        if row["figure"] == "revenue" and not row["variant_id"]
    }
    assert revenue == money(totals["revenue"])

    page.get_by_text("The figures by day").click()
    days = download(
        page, page.get_by_role("region", name="Figures by day").get_by_role("link", name="CSV"), tmp_path
    )
    of_days: Counter[tuple[str, str]] = Counter()
    for row in days:
        if not row["variant_id"]:
            of_days[row["figure"], row["conversion_event"] or row["currency"]] += Decimal(row["value"])  # type: ignore[assignment]
    assert of_days["conversions", "A"] == totals["conversions"][0]
    assert {currency: of_days["revenue", currency] for currency in revenue} == revenue

    page.get_by_role("link", name="People", exact=True).click()
    recipients = download(page, page.get_by_role("link", name="CSV of all"), tmp_path)
    everybody = {
        currency: money(totals["revenue"])[currency] + money(controls[0]["revenue"]).get(currency, Decimal(0))
        for currency in revenue
    }
    summed = {
        currency: sum((Decimal(row[f"revenue_{currency}"] or 0) for row in recipients), Decimal(0))
        for currency in revenue
    }
    assert summed == everybody

    page.get_by_role("link", name="Conversions", exact=True).click()
    conversions = download(page, page.get_by_role("link", name="CSV of all"), tmp_path)
    counted = Counter((row["letter"], row["variant_id"]) for row in conversions)
    assert counted == {
        (letter, variant["variant_id"]): variant["conversions"][index]
        for variant in report["variants"]
        for index, letter in enumerate("AB")
    }
