"""What holds for every picture: harmless with any name, well-formed, described, and without colours of its own."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.pictures.bars import Step, Weight, funnel, rate_bar, small_bar, weights_bar
from infrastructure.pictures.formatting import RATE
from infrastructure.pictures.histogram import histogram
from infrastructure.pictures.intervals import Estimate, intervals
from infrastructure.pictures.journey import journey
from infrastructure.pictures.journey_facts import (
    Behaviour,
    Conversion,
    Density,
    Kind,
    Lane,
    Receipt,
    Window,
)
from infrastructure.pictures.lettering import measure
from infrastructure.pictures.picture import PHONE, Picture, colours, stylesheet
from infrastructure.pictures.series import Figure, Mark, series
from infrastructure.pictures.verdict import verdict
from tests.infrastructure.pictures.drawn import bare, inline, parse, words

DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def _intervals(name: str) -> Picture:
    rows = [Estimate(name, 0.1, (0.05, None), is_winner=True), Estimate("B", -0.2, (None, 8.0))]
    return intervals(name, [*rows, Estimate(name, None), Estimate("C", 0.0, is_control=True)])


def _series(name: str) -> Picture:
    figures = [Figure(name, [1, 0, 5]), Figure("A", [0, 0, 0])]
    return series(
        DAY, figures, clock="receipt", zone=name, marks=[Mark(DAY, name), Mark(DAY, name, is_winner=True)]
    )


def _journey(name: str, density: Density = Density.COMPACT) -> Picture:
    receipt = Receipt(
        AT, name, [Window("A", AT + timedelta(days=3)), Window("B", AT + timedelta(days=9), is_open=True)]
    )
    lane = Lane(name, [receipt], [Conversion("A", AT + timedelta(days=1), AT)])
    happened = [
        Behaviour(AT + timedelta(hours=place), kind, name, is_voided=place == 2)
        for place, kind in enumerate(Kind)
    ]
    return journey([lane], happened, zone=UTC, density=density)


PICTURES: dict[str, Callable[[str], Picture]] = {
    "small": lambda _: small_bar(0.04, 0.08),
    "rate": lambda _: rate_bar(0.04, (0.03, 0.05), 0.08),
    "weights": lambda name: weights_bar([Weight(name, 1), Weight(name, 2, is_control=True)]),
    "funnel": lambda name: funnel([Step(name, 10), Step(name, 3)]),
    "intervals": _intervals,
    "series": _series,
    "histogram": lambda _: histogram([(0, 3), (72, 1)], 72),
    "journey": _journey,
    "full_journey": lambda name: _journey(name, Density.FULL),
    "verdict": lambda name: verdict(name, name, [name], [intervals(name, [Estimate(name, 0.1)], unit=RATE)]),
}
EACH = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
HOSTILE = "</title><script>alert(1)</script>\"'&\x00\n\u202e\u2069\u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301"


@EACH
def test_a_picture_is_described_and_its_ids_are_its_own(draw: Callable[[str], Picture]) -> None:
    one, other = (inline(draw("A"), name) for name in ("one", "other"))
    ids = [[each.attrib["id"] for each in root.iter() if "id" in each.attrib] for root in (one, other)]
    assert ids == [["one-title", "one-desc"], ["other-title", "other-desc"]]
    assert (one.get("role"), one.get("aria-labelledby")) == ("img", "one-title one-desc")
    assert all(one.findtext(each) for each in ("title", "desc"))


@EACH
def test_a_page_whose_policy_forbids_styles_and_scripts_can_show_it(draw: Callable[[str], Picture]) -> None:
    for each in inline(draw(HOSTILE)).iter():
        assert each.tag in {"svg", "title", "desc", "g", "rect", "line", "path", "circle", "text", "tspan"}
        assert not {
            name for name in each.attrib if name == "style" or name.startswith("on") or "href" in name
        }
        assert "url(" not in "".join(each.attrib.values())


@EACH
def test_every_class_that_is_drawn_is_in_the_sheet(draw: Callable[[str], Picture]) -> None:
    known = set(re.findall(r"\.((?:p-|picture)[a-z0-9-]*)", stylesheet())) | {
        f"p-{draw('A').kind}",
        "p-row",
        "p-label",
    }
    drawn = {name for each in inline(draw("A")).iter() for name in each.get("class", "").split()}
    assert drawn - known - {"p-text"} == set()


@EACH
def test_a_file_has_its_colours_and_loads_nothing(draw: Callable[[str], Picture]) -> None:
    text = draw(HOSTILE).standalone()
    root = parse(text)
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert colours() in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text


@EACH
def test_beside_its_figures_a_picture_is_hidden_from_those_who_hear_the_page(
    draw: Callable[[str], Picture],
) -> None:
    root = parse(draw("A").decorative())
    assert (root.get("aria-hidden"), root.find("desc"), root.get("aria-labelledby")) == ("true", None, None)


@EACH
@settings(max_examples=25, deadline=None)
@given(name=st.text(st.characters(codec=None, categories=None), min_size=1, max_size=255) | st.just(HOSTILE))
def test_any_name_is_harmless(draw: Callable[[str], Picture], name: str) -> None:
    """Well-formed as XML and as UTF-8, on one line, and our own words keep their direction."""
    picture = draw(name)
    for drawn in (picture.inline("p"), picture.standalone()):
        drawn.encode()
        root = parse(drawn)
        for each in root.iter():
            text = (each.text or "") + "".join(child.tail or "" for child in each)
            if each.tag != "style":
                assert not re.search(
                    "[\x00-\x08\x0b-\x1f\x7f-\x9f\n\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066\u2067]", text
                )
                assert text.count("\u2068") == text.count("\u2069")


@EACH
def test_a_long_name_is_cut_and_can_be_read_whole(draw: Callable[[str], Picture]) -> None:
    root = inline(draw("z" * 255))
    for text in root.iter("text"):
        shown = words(text)
        if "zz" in shown:
            assert "\N{HORIZONTAL ELLIPSIS}" in shown
            assert measure(shown, 13) <= (720 if root.get("class") == "picture p-verdict" else PHONE)
            whole = text.findtext(".//title") or root.findtext("desc") or ""
            assert "z" * 255 in bare(whole)


def test_every_colour_of_the_sheet_is_defined_for_light_and_dark() -> None:
    palette, _, shapes = stylesheet().partition("/* Shapes */")
    used = set(re.findall(r"var\((--p-[a-z]+)\)", shapes))
    defined = re.findall(r"(--p-[a-z]+): light-dark\((#\w{6}), (#\w{6})\);", palette)
    assert used <= {name for name, _, _ in defined}
    assert "var(" not in colours()
    light, dark = colours().split("@media (prefers-color-scheme: dark)")
    assert all(first in light and second in dark for name, first, second in defined if name in used)
    forced = palette.partition("forced-colors")[2]
    assert used <= set(re.findall(r"(--p-[a-z]+):", forced)), "a reader's own colours replace all of ours"


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_their_ground(scheme: int) -> None:
    """WCAG 2.2: 4.5 for text, 3 for what is drawn."""
    palette = {
        name: (light, dark)[scheme]
        for name, light, dark in re.findall(r"--p-([a-z]+): light-dark\((#\w{6}), (#\w{6})\)", stylesheet())
    }
    for name in ("ink", "dim", "winner", "warning", "accent"):
        assert _contrast(palette[name], palette["ground"]) >= 4.5, name
    for name in ("zero", "fill"):
        assert _contrast(palette[name], palette["ground"]) >= 3, name
    for name in ("pale", "fill", "neutral"):
        assert _contrast(palette["ink"], palette[name]) >= 4.5, f"a number on {name}"


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(each) for each in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
