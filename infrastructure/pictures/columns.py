"""Columns over an axis that is divided evenly: days, or hours from a receipt."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from infrastructure.pictures.lettering import clean, measure, named
from infrastructure.pictures.picture import Block
from infrastructure.pictures.svg import Drawn, join, number, rule, stretched, text

TALL: Final = 48
"""The height of the highest column."""

LETTERS: Final = 13
_HEAD: Final = 20
_HIGHER_HEAD: Final = 37
_MOST_WITH_GAPS: Final = 120


class Columns:
    """Columns of equal width, but for the last, which may be narrower: `length` is that of the axis in widths."""

    def __init__(self, counts: Sequence[int], length: float) -> None:
        self.counts = counts
        self.length = length

    @property
    def highest(self) -> int:
        """The most in a column."""
        return max(self.counts, default=0)

    def draw(self, y: float, height: float = TALL) -> Drawn:
        """All columns in one shape, on a line at their feet; the highest is as high as there is room."""
        gap = 0.15 if len(self.counts) <= _MOST_WITH_GAPS else 0.0
        # No shape is closed: filling closes it, and a page has hundreds of them.
        path = "".join(
            f"M{number(place + gap / 2)} 100V{100 - max(count / self.highest * 100, 2):.1f}"
            f"H{number(min(place + 1, self.length) - gap / 2)}V100"
            for place, count in enumerate(self.counts)
            if count > 0
        )
        foot = rule("p-zero", 0, 1, y + height)
        return join(stretched("p-fill", path, y, self.length, 100, height), foot) if path else foot


class Strip(NamedTuple):
    """Columns below words that name them and say how many there are."""

    name: str
    figures: str
    columns: Columns

    def head(self, room: float) -> int:
        """The room that its words need: one line, or two where the whole name has no room beside the figures."""
        is_short = measure(clean(self.name), LETTERS) + LETTERS + measure(self.figures, LETTERS) <= room
        return _HEAD if is_short else _HIGHER_HEAD

    def draw(self, head: int, room: float) -> Block:
        """The words in a room of this height, and the columns below."""
        if head == _HEAD:
            left = room - measure(self.figures, LETTERS) - LETTERS
            figures = text(self.figures, "100%", 13, "p-figure", anchor="end")
        else:
            left, figures = room, text(self.figures, "0", 30, "p-figure")
        name = text(named(self.name, left, LETTERS), "0", 13, "p-label")
        return Block(head + TALL, join(name, figures, self.columns.draw(head)))
