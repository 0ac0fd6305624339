"""How long conversions took: every one is in a column, and the deadline is inside."""

import pytest

from infrastructure.pictures.histogram import histogram
from tests.infrastructure.pictures.drawn import bare, columns, inline, numbers, of_class, share, texts


@pytest.mark.parametrize(
    ("deadline", "width"),
    [(1, "1 hour"), (24, "1 hour"), (72, "2 hours"), (168, "6 hours"), (336, "12 hours"), (720, "1 day")],
)
def test_columns_have_a_round_width_and_hold_every_conversion(deadline: int, width: str) -> None:
    picture = histogram([(hours, 1) for hours in range(deadline + 1)], deadline)
    said = bare(picture.description)
    assert f"A column is {width};" in said
    highest = numbers(said)[-1]
    (drawn,) = columns(inline(picture))
    assert len(drawn) <= 36
    assert sum(height * highest for _, _, height in drawn) == pytest.approx(deadline + 1, rel=0.03)


def test_the_deadline_itself_is_in_the_last_column() -> None:
    """R6: both ends of a window are inside."""
    picture = histogram([(72, 5)], 72)
    ((start, end, _),) = columns(inline(picture))[0]
    assert (start, end) == pytest.approx((70 / 72, 1), abs=0.01)
    assert "5 (half within 3 days)" in texts(inline(picture))


def test_half_of_all_is_where_half_of_all_is() -> None:
    assert "10 (half within 6 hours)" in texts(inline(histogram([(5, 5), (40, 5)], 72)))
    assert "11 (half within 41 hours)" in texts(inline(histogram([(5, 5), (40, 6)], 72)))
    assert "1 (half within 5 days)" in texts(inline(histogram([(100, 1)], 720)))


def test_a_finer_resolution_has_finer_columns() -> None:
    picture = histogram([(minute / 60, 1) for minute in range(90)], 1.5, resolution=1 / 60)
    assert "A column is 5 minutes" in picture.description
    assert "90 (half within 45 minutes)" in bare(picture.description)
    assert "The deadline is 90 minutes." in texts(inline(picture))


def test_the_deadline_is_drawn_where_it_is() -> None:
    root = inline(histogram([(5, 1)], 72))
    assert share(of_class(root, "p-change")[0].get("x1")) == 1
    later = inline(histogram([(5, 1), (144, 1)], 72))
    assert share(of_class(later, "p-change")[0].get("x1")) == 0.5


def test_without_conversions_there_is_an_empty_axis() -> None:
    picture = histogram([], 72)
    assert picture.description.startswith("0. The deadline is 3 days.")
    assert not of_class(inline(picture), "p-fill")
    assert {"0", "1 day", "2 days", "3 days"} <= set(texts(inline(picture)))
