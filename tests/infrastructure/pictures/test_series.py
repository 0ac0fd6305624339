"""A campaign by day: columns are as high as their days, in few or in very many of them."""

from datetime import date, timedelta

import pytest

from infrastructure.pictures.series import Figure, Mark, series
from tests.infrastructure.pictures.drawn import bare, columns, inline, numbers, of_class, share, texts

FIRST = date(2026, 3, 1)


def test_columns_are_as_high_as_their_days() -> None:
    counts = [40, 0, 10, 80, 20]
    picture = series(FIRST, [Figure("Receipts", counts)], clock="conversion", zone="Europe/Berlin")
    (drawn,) = columns(inline(picture))
    assert [height for _, _, height in drawn] == pytest.approx([each / 80 for each in counts if each])
    assert [int(start * 5) for start, _, _ in drawn] == [0, 2, 3, 4]
    said = bare(picture.description)
    assert said.startswith(
        "1 Mar 2026 to 5 Mar 2026: 5 days of Europe/Berlin. A conversion is on its own day."
    )
    assert "Receipts: 150 (most: 80 on 4 Mar)." in said
    assert "150 (most: 80 on 4 Mar)" in texts(inline(picture))


def test_each_figure_has_a_scale_of_its_own() -> None:
    figures = [Figure("Receipts", [1_000, 500]), Figure("A", [1, 2])]
    drawn = columns(inline(series(FIRST, figures, clock="conversion", zone="UTC")))
    assert [[height for _, _, height in each] for each in drawn] == [[1.0, 0.5], [0.5, 1.0]]


def test_the_other_clock_is_said() -> None:
    said = series(FIRST, [Figure("A", [1])], clock="receipt", zone="UTC").description
    assert "the day of the receipt that it is credited to" in said


@pytest.mark.parametrize("number", [1, 2, 31, 240, 241, 3_660])
def test_the_first_and_the_last_day_are_written_and_no_day_is_lost(number: int) -> None:
    counts = [place % 7 for place in range(number)]
    picture = series(FIRST, [Figure("A", counts)], clock="conversion", zone="UTC")
    root = inline(picture)
    ticks = [bare(each.text or "") for each in of_class(root, "p-tick")]
    assert ticks[0] == "1 Mar 2026"
    assert bare(picture.description).startswith(f"1 Mar 2026 to {ticks[-1]}: {number:,} day")
    assert 1 <= len(ticks) <= 5
    drawn = columns(root)[0] if sum(counts) else []
    assert len(drawn) <= 240
    widths = numbers(bare(picture.description).partition("A column is ")[2])[0] if number > 240 else 1
    highest = max((sum(counts[at : at + int(widths)]) for at in range(0, number, int(widths))), default=0)
    least = 0.02 * highest
    assert sum(height * highest for _, _, height in drawn) == pytest.approx(
        sum(counts), abs=len(drawn) * least
    )


def test_many_days_share_a_column_and_it_is_said() -> None:
    picture = series(FIRST, [Figure("A", [1] * 1_000)], clock="conversion", zone="UTC")
    assert "1,000 days of UTC. A column is 5 days." in bare(picture.description)
    assert "A: 1,000 (most: 5 from 1 Mar 2026)." in bare(picture.description)
    picture = series(FIRST, [Figure("A", [1] * 1_001)], clock="conversion", zone="UTC")
    assert "A column is 5 days, the last one 1." in picture.description
    *_, (start, end, height) = columns(inline(picture))[0]
    assert (end - start, height) == pytest.approx((1 / 1_001, 0.2), abs=1e-4)


def test_changes_are_lines_at_their_days_with_numbers_that_lead_to_words() -> None:
    changed = [
        Mark(FIRST + timedelta(20), "B", is_winner=True),
        Mark(FIRST + timedelta(10), "weights: A 30, B 60"),
    ]
    picture = series(FIRST, [Figure("A", [1] * 31)], clock="conversion", zone="UTC", marks=changed)
    root = inline(picture)
    lines = of_class(root, "p-change")
    assert [share(each.get("x1")) for each in lines] == pytest.approx([10.5 / 31, 20.5 / 31], abs=1e-4)
    assert ["p-won" in each.get("class", "") for each in lines] == [False, True]
    assert {"1", "2\N{BLACK STAR}", "1 11 Mar 2026: weights: A 30, B 60", "2 21 Mar 2026: winner: B"} <= set(
        texts(root)
    )
    assert "11 Mar 2026: weights: A 30, B 60." in bare(picture.description)


def test_changes_on_one_day_share_a_number_and_very_many_are_counted() -> None:
    changed = [Mark(FIRST + timedelta(each // 2), f"change {each}") for each in range(12)]
    root = inline(series(FIRST, [Figure("A", [1] * 31)], clock="conversion", zone="UTC", marks=changed))
    assert "1\N{EN DASH}4" in texts(root)
    assert "4 further changes: see the history." in texts(root)


def test_without_a_day_it_is_said() -> None:
    assert texts(inline(series(FIRST, [], clock="conversion", zone="UTC"))) == ["No day yet."]
    assert not columns(inline(series(FIRST, [Figure("A", [0, 0])], clock="conversion", zone="UTC")))


def test_a_name_is_written_whole_beside_its_figures_or_above_them() -> None:
    """A phone has room for it on a line of its own."""
    figures = [Figure("Receipts", [3_778] * 31), Figure("A: makes a purchase of any tea", [600] * 31)]
    root = inline(series(FIRST, figures, clock="conversion", zone="UTC"))
    assert "A: makes a purchase of any tea" in {bare(each) for each in texts(root)}
    assert not any("\N{HORIZONTAL ELLIPSIS}" in each for each in texts(root))
