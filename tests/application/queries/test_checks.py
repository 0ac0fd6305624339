"""What makes no sense is refused before anything is read: with a code, and the parameter that is at fault."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from application.queries.lists import Cut, read_letter
from application.queries.reads import AskedCampaign, BadQuestion, Days, Instants, Reads
from application.queries.report import MOST_CHANGES, read_difference
from application.queries.results import read_results
from application.queries.series import read_series
from domain.campaigns.conversion_events import MakesPurchase
from domain.campaigns.definition import Definition, Variant
from domain.campaigns.evidence import DecidingTest

EARLY, LATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

UNREAD = AskedCampaign(cast(Reads, None), "shop", "sale")
"""A campaign of which nothing can be read: whoever tries fails."""

DEFINITION = Definition((Variant("A"),), (MakesPurchase(3_600), MakesPurchase(7_200)))


@pytest.mark.parametrize(
    ("question", "code", "place"),
    [
        (lambda: Days(LATE.date(), EARLY.date()), "bad_date", "from"),
        (lambda: Days(LATE.date(), EARLY.date(), place="received_from"), "bad_date", "received_from"),
        (lambda: Instants(LATE, EARLY), "bad_time", "from"),
        (
            lambda: read_difference(UNREAD, Instants(EARLY, LATE), "recorded", MOST_CHANGES + 1),
            "bad_limit",
            "limit",
        ),
        (lambda: read_series(UNREAD, "wall"), "bad_clock", "clock"),
        (lambda: read_letter("C", DEFINITION, "event"), "bad_conversion_event", "event"),
        (lambda: read_letter("AB", DEFINITION, "converted"), "bad_conversion_event", "converted"),
        (lambda: read_results(UNREAD, DecidingTest.FIXED, 0), "bad_uplift", "uplift"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    question: Callable[[], object], code: str, place: str
) -> None:
    """By whoever asks: terminal and HTTP have these checks from here."""
    with pytest.raises(BadQuestion) as refused:
        question()
    assert (refused.value.code, refused.value.place) == (code, place)


@pytest.mark.parametrize("uplift", [0.0, -1.0, float("inf"), float("nan")])
def test_an_uplift_is_a_share_above_minus_one_and_not_zero(uplift: float) -> None:
    """For which recipients needed can be computed."""
    with pytest.raises(BadQuestion, match="is no uplift to look for"):
        read_results(UNREAD, DecidingTest.FIXED, uplift)


def test_a_refused_period_names_both_ends() -> None:
    """Instants in UTC, days as they are written."""
    with pytest.raises(BadQuestion, match=r"2026-03-02T00:00:00Z comes after 2026-03-01T00:00:00Z"):
        Instants(LATE, EARLY)
    with pytest.raises(BadQuestion, match=r"^2026-03-02 comes after 2026-03-01: "):
        Days(date(2026, 3, 2), date(2026, 3, 1))


def test_periods_may_be_open_or_of_one_day() -> None:
    """Both ends are included."""
    assert Days(EARLY.date(), EARLY.date()).last == EARLY.date()
    assert Days(None, EARLY.date()).first is None
    assert Instants(EARLY, EARLY).last == EARLY


def test_letters_name_conversion_events_in_either_case() -> None:
    """None is none of them."""
    assert [read_letter(letter, DEFINITION, "event") for letter in ("A", "b", None)] == [0, 1, None]


class Row:
    """A row of a list."""

    def __init__(self, key: str) -> None:
        self.key = key

    def as_json(self) -> dict[str, Any]:
        """The row."""
        return {"key": self.key}


def page_of(keys: str, cut: Cut) -> tuple[str, str | None, str | None]:
    """The rows of a page, and where the one before and the next one begin."""
    page = cut.page("rows", UNREAD, 7, [Row(key) for key in keys])
    return "".join(row["key"] for row in page.rows), page.before, page.after


@pytest.mark.parametrize(
    ("keys", "page"),
    [("", ("", None, None)), ("ab", ("ab", None, None)), ("abc", ("ab", None, "b"))],
)
def test_a_page_says_where_the_next_one_begins(keys: str, page: Any) -> None:
    """A list reads one row more than it shows."""
    assert page_of(keys, Cut(limit=2)) == page


@pytest.mark.parametrize(
    ("keys", "page"),
    [("", ("", None, None)), ("yz", ("yz", "y", None)), ("yz!", ("yz", "y", "z"))],
)
def test_a_later_page_says_where_the_one_before_it_ends(keys: str, page: Any) -> None:
    """An empty one, whose rows are gone, has no neighbours: the list begins again."""
    assert page_of(keys, Cut(2, after="x")) == page


@pytest.mark.parametrize(
    ("keys", "page"),
    [("", ("", None, None)), ("vw", ("vw", None, "w")), ("uvw", ("vw", "v", "w"))],
)
def test_going_back_a_list_reads_one_row_more_at_its_beginning(keys: str, page: Any) -> None:
    """The page that it came from is always after it."""
    assert page_of(keys, Cut(2, before="x")) == page
