"""A picture: what is drawn, and what it says to those who do not see it; written for a page or as a file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from markupsafe import Markup

from infrastructure.pictures.lettering import clean, wrap
from infrastructure.pictures.svg import Drawn, element, join, number, text

WIDE: Final = 760
"""The width of a file."""

PHONE: Final = 300
"""What has room at this width has room everywhere."""

_MARGIN: Final = 20
_TITLE: Final = 17
_SHAPES: Final = "/* Shapes */"
_COLOUR: Final = re.compile(r"(--p-[a-z-]+):\s*light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\);")


@dataclass(frozen=True)
class Picture:
    """A drawing as wide as its room, `height` pixels high; `title` and `description` say the same in words."""

    kind: str
    title: str
    description: str
    height: float
    drawn: Drawn

    def inline(self, name: str) -> Drawn:
        """For a page that links pictures.css; `name` differs from that of all other pictures and ids of the page."""
        return element(
            "svg",
            *self._words(name),
            self.drawn,
            class_=f"picture p-{self.kind}",
            role="img",
            aria_labelledby=f"{name}-title {name}-desc",
            width="100%",
            height=self.height,
        )

    def decorative(self) -> Drawn:
        """For a place where the same figures stand beside it as text."""
        return element(
            "svg",
            self.drawn,
            class_=f"picture p-{self.kind}",
            aria_hidden="true",
            width="100%",
            height=self.height,
        )

    def standalone(self, width: int = WIDE) -> str:
        """A file with its own colours, for light and dark; nothing in it is loaded from anywhere."""
        room = width - 2 * _MARGIN
        body = stack([lines(self.title, room, _TITLE, "p-heading"), self.block])
        height = number(body.height + 2 * _MARGIN)
        inside = element("svg", body.drawn, x=_MARGIN, y=_MARGIN, width=room, overflow="visible")
        drawn = element(
            "svg",
            *self._words("picture"),
            element("style", colours()),
            element("rect", class_="p-ground", width="100%", height="100%"),
            inside,
            xmlns="http://www.w3.org/2000/svg",
            class_=f"picture p-{self.kind}",
            role="img",
            aria_labelledby="picture-title picture-desc",
            width=width,
            height=height,
            view_box=f"0 0 {width} {height}",
        )
        return f"{drawn}\n"

    @property
    def block(self) -> "Block":
        """The drawing as a part of another."""
        return Block(self.height, self.drawn)

    def _words(self, name: str) -> tuple[Drawn, Drawn]:
        return (
            element("title", clean(self.title), id=f"{name}-title"),
            # The names in it are clean already, and isolated: to clean it again would take that away.
            element("desc", self.description, id=f"{name}-desc"),
        )


class Block(NamedTuple):
    """A part of a picture, as wide as the picture."""

    height: float
    drawn: Drawn


def stack(blocks: Iterable[Block], *, gap: float = 0) -> Block:
    """Blocks below each other."""
    drawn, y = [], 0.0
    for place, each in enumerate(blocks):
        y += gap if place else 0
        drawn.append(element("g", each.drawn, transform=f"translate(0 {number(y)})") if y else each.drawn)
        y += each.height
    return Block(y, join(*drawn))


def lines(words: str, room: float, size: float, kind: str) -> Block:
    """A sentence in as many lines as it needs."""
    wrapped, step = wrap(words, room, size), round(size * 1.4)
    drawn = (text(line, "0", size + step * place, kind) for place, line in enumerate(wrapped))
    return Block(step * len(wrapped) + (8 if wrapped else 0), join(*drawn))


@cache
def stylesheet() -> str:
    """The classes of all pictures, for a page."""
    return files(__package__).joinpath("pictures.css").read_text(encoding="utf-8")


@cache
def colours() -> Drawn:
    """The same classes for a file: colours are written out, for programs that know no variables."""
    palette, _, shapes = stylesheet().partition(_SHAPES)
    found = _COLOUR.findall(palette)
    light = _fill(shapes, {name: first for name, first, _ in found})
    dark = _fill(shapes, {name: second for name, _, second in found})
    return Markup("{}@media (prefers-color-scheme: dark) {{{}}}").format(Markup(light), Markup(dark))  # noqa: S704 - our own sheet


def _fill(rules: str, palette: dict[str, str]) -> str:
    return re.sub(r"var\((--p-[a-z-]+)\)", lambda found: palette[found[1]], rules)
