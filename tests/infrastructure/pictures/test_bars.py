"""Bars: their lengths are their numbers."""

import pytest

from infrastructure.pictures.bars import Step, Weight, funnel, rate_bar, small_bar, weights_bar
from tests.infrastructure.pictures.drawn import bare, inline, numbers, of_class, share, texts


@pytest.mark.parametrize(("rate", "high"), [(0.0412, 0.08), (0.08, 0.08), (0.0, 0.08), (0.5, 1.0)])
def test_a_small_bar_is_as_long_as_its_title_says_on_the_scale_of_its_description(
    rate: float, high: float
) -> None:
    picture = small_bar(rate, high)
    long = share(of_class(inline(picture), "p-fill")[0].get("width"))
    (written,), (_, scale) = numbers(picture.title), numbers(picture.description)
    assert written == pytest.approx(rate * 100)
    assert long == pytest.approx(written / scale, abs=1e-4)


def test_without_a_rate_there_is_no_bar() -> None:
    for picture in (small_bar(None, 0.08), rate_bar(None, None, 0.08)):
        assert picture.title == "no figure"
        assert not of_class(inline(picture), "p-fill")


def test_a_scale_to_nothing_has_empty_bars() -> None:
    assert share(of_class(inline(small_bar(0.0, 0.0)), "p-fill")[0].get("width")) == 0


def test_a_rate_too_small_for_a_pixel_is_seen_and_written() -> None:
    picture = small_bar(0.000012, 0.5)
    assert share(of_class(inline(picture), "p-fill")[0].get("width")) == 0.005
    assert bare(picture.title) == "0.0012 %"


def test_a_rate_bar_has_its_interval() -> None:
    picture = rate_bar(0.04, (0.03, 0.06), 0.08)
    assert bare(picture.title) == "4.00 %, interval from 3.00 % to 6.00 %"
    root = inline(picture)
    rate, low, high = numbers(picture.title)
    assert share(of_class(root, "p-fill")[0].get("width")) == pytest.approx(rate / 8)
    level = of_class(root, "p-interval")[0]
    assert [share(level.get("x1")), share(level.get("x2"))] == pytest.approx([low / 8, high / 8])


def test_weights_share_the_bar_and_control_is_hatched() -> None:
    """Variants have the parts that the description says; their numbers lead to their names."""
    picture = weights_bar(
        [Weight("A", 45), Weight("B", 45), Weight("holdout", 10, is_control=True), Weight("none", 0)]
    )
    root = inline(picture)
    parts = [each for each in of_class(root, "p-part") if each.get("width", "").endswith("%")]
    said = [numbers(each) for each in picture.description.split(". ")]
    assert [share(each.get("width")) * 100 for each in parts] == pytest.approx(
        [percent for _, percent in said if percent]
    )
    assert share(parts[-1].get("x")) == pytest.approx(0.9)
    assert {
        "1 A",
        "2 B",
        "3 holdout (control)",
        "4 none",
        "45 (45.0 %)",
        "10 (10.0 %)",
        "0 (0.0 %)",
        "1",
        "2",
        "3",
    } <= set(texts(root))
    hatch = next(each for each in root.iter("path") if each.get("class") == "p-hatch")
    places = numbers(hatch.attrib["d"].replace("M", " ").replace("L", " "))[::2]
    assert 900 <= min(places) < max(places) <= 1000.1


def test_without_control_nothing_is_hatched() -> None:
    assert not of_class(inline(weights_bar([Weight("A", 1), Weight("B", 2)])), "p-hatch")


def test_weights_that_are_all_zero_draw_no_part() -> None:
    """A form may have it for a moment; only launching refuses it."""
    root = inline(weights_bar([Weight("A", 0), Weight("B", 0)]))
    assert not [each for each in of_class(root, "p-part") if each.get("width", "").endswith("%")]
    assert texts(root).count("0 (0.0 %)") == 2


def test_steps_of_a_funnel_are_of_one_scale_and_rates_are_of_those_who_received() -> None:
    picture = funnel(
        [Step("Received", 12_000), Step("A: makes a purchase", 480), Step("B: opens any app", 6_000)]
    )
    root = inline(picture)
    widths = [share(each.get("width")) for each in of_class(root, "p-fill")]
    counts = [numbers(each.rpartition(": ")[2])[0] for each in bare(picture.description).split(". ")]
    assert widths == pytest.approx([each / counts[0] for each in counts])
    assert [each for each in texts(root) if "%" in each] == ["480 (4.00 %)", "6,000 (50.00 %)"]


def test_a_funnel_that_nobody_entered_has_zeros_and_no_rates() -> None:
    root = inline(funnel([Step("Received", 0), Step("A", 0)]))
    assert texts(root) == ["Received", "0", "A", "0"]
    assert funnel([]).height == 0
