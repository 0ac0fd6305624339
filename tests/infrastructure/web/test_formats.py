"""How pages write figures, addresses and cells."""

from datetime import UTC, datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.web.formats import Formats, choose_locale
from infrastructure.web.links import campaign_path, user_path, with_query
from infrastructure.web.routing import guard_cell

ENGLISH = Formats(Locale("en"), ZoneInfo("Europe/Berlin"))
GERMAN = Formats(Locale("de"), ZoneInfo("UTC"))


def test_numbers_are_the_readers() -> None:
    """Separators and decimals; a figure that is not there is a dash, and no zero."""
    assert (ENGLISH.number(12_345), GERMAN.number(12_345)) == ("12,345", "12.345")
    assert (ENGLISH.percent(0.12346), GERMAN.percent(0.12346)) == (
        "12.35\N{NO-BREAK SPACE}%",
        "12,35\N{NO-BREAK SPACE}%",
    )
    assert ENGLISH.money("1234.50", "EUR") == "1,234.50\N{NO-BREAK SPACE}EUR"
    assert ENGLISH.money("1234", "JPY") == "1,234\N{NO-BREAK SPACE}JPY"
    assert (ENGLISH.signed(3.4), ENGLISH.signed(-3.6), ENGLISH.signed(0)) == ("+3", "\N{MINUS SIGN}4", "0")
    assert ENGLISH.points(-0.01234) == "\N{MINUS SIGN}1.23"
    assert (ENGLISH.p(0.00001), ENGLISH.p(0.04321)) == ("< 0.0001", "0.0432")
    assert {ENGLISH.number(None), ENGLISH.percent(None), ENGLISH.p(None), ENGLISH.points(None)} == {
        "\N{EN DASH}"
    }


def test_one_thing_is_not_many() -> None:
    """What is counted has its plural, and its number the reader's separators."""
    assert [ENGLISH.counted(number, "receipt") for number in (0, 1, 2)] == [
        "0 receipts",
        "1 receipt",
        "2 receipts",
    ]
    assert GERMAN.counted(1_200, "user") == "1.200 users"


def test_an_instant_is_in_the_zone_with_utc_beside_it() -> None:
    """In summer and in winter."""
    written = ENGLISH.instant(datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert ">1 Jul 2026, 14:00:00 CEST<" in written
    assert 'title="2026-07-01 12:00:00 UTC"' in written
    assert ">1 Jan 2026, 13:00:00 CET<" in ENGLISH.instant("2026-01-01T12:00:00Z")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de-CH, en;q=0.5", "de"),
        ("en;q=0.1, fr", "fr"),
        ("xx, *", "en"),
        ("de;q=x, nb", "nb"),
        (",;q=,", "en"),
    ],
)
def test_the_language_is_the_one_with_the_greatest_weight(header: str, language: str) -> None:
    """English where none is known, or the header makes no sense."""
    assert choose_locale(header).language == language


@given(st.text(min_size=1))
def test_any_header_has_a_locale(header: str) -> None:
    assert choose_locale(header).language


@given(st.text(min_size=1, max_size=255).filter(lambda text: text.isprintable()))
def test_an_id_is_one_step_of_a_path(text: str) -> None:
    """It comes back as it was, and never ends a path as a twin does."""
    for path in (campaign_path(text), user_path(text)):
        assert path.count("/") == 2
        assert "." not in path
        assert unquote(path.rsplit("/", 1)[1]) == text
    assert campaign_path("new") != "/campaigns/new"


def test_a_query_leaves_out_what_has_no_value() -> None:
    assert with_query("/", {"a": None, "b": "", "c": "1 & 2"}) == "/?c=1+%26+2"
    assert with_query("/", {}) == "/"


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@sum", "\tx", "-1+1", "-=2"])
def test_a_cell_that_would_begin_a_formula_is_guarded(cell: str) -> None:
    assert guard_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-8.00", "-3", "tea", 4, -4.5, "", None])
def test_numbers_and_other_text_stay(cell: object) -> None:
    assert guard_cell(cell) == cell


def test_true_and_false_are_as_json_has_them() -> None:
    """As in the tables of the report: a sheet counts them by one word."""
    assert [guard_cell(each) for each in (True, False, "True", 1)] == ["true", "false", "True", 1]
