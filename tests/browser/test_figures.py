"""The figures of pages are those of `report --json`, which is another program over the same ledger."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page

from infrastructure.demo.shop import CAMPAIGNS
from infrastructure.web.links import campaign_path
from infrastructure.words.conversion_events import name_event, name_event_first
from tests.browser import world
from tests.browser.conftest import Open, Site
from tests.browser.reading import amounts, percent, read_table, table_of, whole
from tests.support.commands import run_process

IDS = [each["id"] for each in CAMPAIGNS["campaigns"]]


def ask_command(site: Site, *words: str) -> dict[str, Any]:
    """What a command of the terminal answers."""
    done = run_process(site.directory, *words, "--app-group", world.DEMO, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def money(revenue: dict[str, str]) -> dict[str, Decimal]:
    """Revenue as decimals."""
    return {currency: Decimal(amount) for currency, amount in revenue.items()}


def check_row(row: dict[str, str], figures: dict[str, Any], index: int) -> None:
    """A row of a conversion event's table has the figures of a variant, or of the campaign."""
    assert whole(row["Recipients"]) == figures["unique_recipients"]
    assert whole(row["Converted"]) == figures["conversions"][index]
    rate = figures["conversion_rates"][index]
    assert percent(row["Rate"]) == (None if rate is None else pytest.approx(rate, abs=0.00005))
    if index == 0:
        assert amounts(row["Revenue"]) == money(figures["revenue"])


def check_events(page: Page, report: dict[str, Any]) -> None:
    """All tables of conversion events have the report's figures, variants and campaign."""
    for event in report["conversion_events"]:
        *rows, total = table_of(page, f"^{re.escape(name_event_first(event))}( \\(primary\\))?$")
        shown = {row["Variant"].split()[0]: row for row in rows}
        assert len(rows) == len(report["variants"])
        for variant in report["variants"]:
            row = shown[variant["variant_id"]] if variant["variant_id"] else rows[0]
            check_row(row, variant, event["index"])
        check_row(total, report["totals"], event["index"])


@pytest.mark.parametrize("campaign_id", IDS)
def test_results_show_the_reports_figures(site: Site, open_window: Open, campaign_id: str) -> None:
    """R19: every variant and the campaign, each conversion event, revenue in each currency."""
    report = ask_command(site, "report", campaign_id)
    page = open_window(site).go(campaign_path(campaign_id))
    check_events(page, report)
    cards = page.locator(".card").all_inner_texts()
    assert f"{report['totals']['unique_recipients']:,}" in cards[0]
    assert f"{report['totals']['receipts']:,} receipts" in cards[0]
    assert amounts(cards[-1]) == money(report["totals"]["revenue"])
    position = page.get_by_text("As of position", exact=False).first.inner_text()
    assert position.endswith(report["position"])


def test_the_list_shows_the_reports_figures(site: Site, open_window: Open) -> None:
    """A row for each campaign, with its totals."""
    rows = read_table(open_window(site).go("/").locator("#list table"))
    shown = {row["Campaign"].split("\n")[1].split(" ·")[0]: row for row in rows}
    assert set(shown) == {*IDS, world.DRAFT, world.UNRECEIVED}
    for campaign_id, row in shown.items():
        totals = ask_command(site, "report", campaign_id)["totals"]
        assert whole(row["Receipts"]) == totals["receipts"]
        assert whole(row["Unique recipients"]) == totals["unique_recipients"]
        assert amounts(row["Revenue"]) == money(totals["revenue"])
        if totals["conversions"]:
            assert whole(row["Primary conversions"]) == totals["conversions"][0]
            assert percent(row["Rate"]) == pytest.approx(totals["conversion_rates"][0], abs=0.00005)


@pytest.mark.parametrize("clock", ["conversion", "receipt"])
def test_days_add_up_to_the_report(site: Site, open_window: Open, clock: str) -> None:
    """R20: the table by day, under either clock, sums to the campaign's totals."""
    report = ask_command(site, "report", "spring-sale")
    totals = report["totals"]
    rows = table_of(open_window(site).go(f"/campaigns/spring-sale?clock={clock}"), "^By day")
    assert sum(whole(row["Receipts"]) for row in rows) == totals["receipts"]
    assert sum(whole(row["New recipients"]) for row in rows) == totals["unique_recipients"]
    for event, conversions in zip(report["conversion_events"], totals["conversions"], strict=True):
        assert sum(whole(row[f"Conversions: {name_event(event)}"]) for row in rows) == conversions
    summed: dict[str, Decimal] = {}
    for row in rows:
        for currency, amount in amounts(row["Revenue"]).items():
            summed[currency] = summed.get(currency, Decimal(0)) + amount
    assert summed == money(totals["revenue"])
