"""What changed a report's figures, and what a report is of, in words."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from application.queries.differences import FigureChange, Value
from application.queries.reads import Days
from application.queries.report import AnyReport, CurrentReport, ReportAsOf, ReportOfDays
from domain.facts import Purchase, Received
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from infrastructure.words.changes import describe_change, name_figure, state_value
from infrastructure.words.quantities import NO_FIGURE, Writing, isolated
from infrastructure.words.reports import describe_scope
from projections.campaign_report.changes import Change, Stands, What
from projections.campaign_report.reading import CampaignReport

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
R1, CONTROL = Receipt("r1", AT, "A"), Receipt("r0", AT, "holdout")
P1 = Occurrence("p1", AT)
BOUGHT = Purchase(id="p1", at=AT, product_id="tea", price=Decimal(10), currency="EUR")


def change(what: What, before: Stands, now: Stands, **more: Any) -> Change:
    """A change of ann's, unless another user is given."""
    return Change(AT, "j1", what, before, now, **{"user_id": "ann"} | more)


def revenue(net: str, receipt: Receipt = R1) -> Revenue:
    """Revenue of a purchase."""
    return Revenue(Decimal(net), receipt)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            change(
                "receipt",
                None,
                R1,
                unique_recipients=Counter({"variant": 1, "campaign": 1}),
                because=Received("r1", AT, "sale", "A"),
            ),
            (
                "receipt r1 of 2026-03-02 10:00:00 UTC counts for variant A; "
                "a new unique recipient of the variant and the campaign"
            ),
        ),
        (
            change("receipt", CONTROL, None, unique_recipients=Counter({"variant": -1})),
            (
                "receipt r0 of 2026-03-02 10:00:00 UTC no longer counts for the control group (holdout); "
                "no longer a unique recipient of the variant"
            ),
        ),
        (
            change("conversion", None, Conversion(P1, R1), index=1, because=BOUGHT),
            "conversion on event B is new: purchase p1 of 2026-03-02 10:00:00 UTC, credited to variant A",
        ),
        (
            change(
                "conversion",
                Conversion(P1, CONTROL),
                Conversion(P1, R1),
                index=0,
                because=Received("r1", AT, "sale", "A"),
            ),
            (
                "conversion on event A changed from p1 of 2026-03-02 10:00:00 UTC, "
                "credited to the control group (holdout), to p1 of 2026-03-02 10:00:00 UTC, credited to variant A; "
                "because of receipt r1 of 2026-03-02 10:00:00 UTC"
            ),
        ),
        (
            change("conversion", None, Conversion(P1, R1), index=1),
            "conversion on event B: p1 of 2026-03-02 10:00:00 UTC, credited to variant A",
        ),
        (
            change("revenue", revenue("1200.00"), revenue("0"), purchase=P1, currency="EUR", is_order=True),
            (
                "revenue of order p1 of 2026-03-02 10:00:00 UTC changed from 1,200.00 EUR to 0.00 EUR, "
                "credited to variant A"
            ),
        ),
        (
            change("revenue", revenue("5.00"), None, purchase=P1, currency="USD"),
            (
                "revenue of purchase p1 of 2026-03-02 10:00:00 UTC no longer counts: 5.00 USD, "
                "credited to variant A"
            ),
        ),
    ],
)
def test_r14_a_change_is_said_with_what_it_was_before(changed: Change, said: str) -> None:
    """R9, R12, R14, R18, R27: what counts, the credit, and the fact behind it unless it is the change's own."""
    found = describe_change(changed, {"holdout"})
    assert (found.user, found.who, found.text) == ("ann", "ann", said)


def test_an_erased_user_has_no_name_and_ids_turn_no_sentence_around() -> None:
    evil = change("receipt", None, Receipt("r\u202e", AT, "A\x1b"), user_id=None)
    found = describe_change(evil, set(), Writing(name=isolated))
    assert (found.user, found.who) == (None, "a user whose identity was erased")
    assert not set(found.text) & set("\u202e\x1b")


@pytest.mark.parametrize(
    ("figure", "index", "currency", "values", "name", "said"),
    [
        ("conversions", 1, None, (1_000, 1_200), "conversions, event B", ("1,000", "1,200", "+200")),
        (
            "conversion_rate",
            0,
            None,
            (0.25, 0.2),
            "conversion rate, event A",
            ("25.00 %", "20.00 %", "-5.00 points"),
        ),
        (
            "conversion_rate",
            0,
            None,
            (None, 0.2),
            "conversion rate, event A",
            (NO_FIGURE, "20.00 %", NO_FIGURE),
        ),
        (
            "revenue",
            None,
            "EUR",
            (Decimal(1_200), Decimal("1190.5")),
            "revenue",
            ("1,200.00 EUR", "1,190.50 EUR", "-9.50 EUR"),
        ),
    ],
)
def test_figures_that_changed_have_their_units(
    figure: str,
    index: int | None,
    currency: str | None,
    values: tuple[Value, Value],
    name: str,
    said: tuple[str, ...],
) -> None:
    """A difference of rates is in points, and one of a rate that was not there is none (R18)."""
    found = FigureChange("A", False, figure, index, currency, *values)  # noqa: FBT003 - the row's own order
    assert name_figure(found) == name
    assert (
        state_value(found, found.before),
        state_value(found, found.after),
        state_value(found, found.difference, signed=True),
    ) == said


NO_REPORT = cast(CampaignReport, None)
"""The words are of what was asked: they read no figure."""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (CurrentReport(NO_REPORT, None, AT), None),
        (ReportAsOf(NO_REPORT, AT, "recorded", AT), "As of 2026-03-02 10:00:00 UTC: what it said."),
        (
            ReportAsOf(NO_REPORT, AT, "occurred", AT),
            "As of 2026-03-02 10:00:00 UTC: what is known now to have been true.",
        ),
        (
            ReportOfDays(NO_REPORT, Days(date(2026, 3, 2), None), "UTC", AT),
            "Receipts of 2026-03-02 and later; days in UTC.",
        ),
        (
            ReportOfDays(NO_REPORT, Days(None, date(2026, 3, 5)), "Europe/Berlin", AT),
            "Receipts of 2026-03-05 and earlier; days in Europe/Berlin.",
        ),
        (
            ReportOfDays(NO_REPORT, Days(date(2026, 3, 2), date(2026, 3, 5)), "UTC", AT),
            "Receipts from 2026-03-02 to 2026-03-05, both days included; days in UTC.",
        ),
    ],
)
def test_r20_a_report_says_of_which_instant_or_days_it_is(answer: AnyReport, said: str | None) -> None:
    """R20: days are named with their zone, and both ends are inside."""
    assert describe_scope(answer) == said
