"""Texts of others in a picture: harmless, cut to their room, and each in its own direction of writing."""

from typing import Final
from unicodedata import category, combining, east_asian_width

from markupsafe import Markup

from infrastructure.pictures.svg import Drawn, element

_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_SKINS: Final = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_EMBEDDINGS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that change the direction of whatever follows them; in a name they could turn our own words round."""

# Widths of letters in parts of the font's size, rather too wide than too narrow: fonts differ from reader to reader.
_NARROW, _SMALL, _CAPITAL, _BROAD, _FULL = 0.34, 0.58, 0.72, 0.95, 1.05
_NARROW_LETTERS: Final = frozenset("iljtfrI.,:;'|!()[] \N{NO-BREAK SPACE}")
_BROAD_LETTERS: Final = frozenset("mwMW@%&\N{EM DASH}\N{HORIZONTAL ELLIPSIS}")


def clean(text: str) -> str:
    """The text without what XML or a reader cannot bear: control characters are replaced, lines are joined."""
    return "".join(map(_clean, text))


def _clean(letter: str) -> str:
    if letter in "\t\n\r\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        return " "
    is_bad = letter in _EMBEDDINGS or category(letter) in {"Cc", "Cs"} or (ord(letter) & 0xFFFE) == 0xFFFE
    return _UNREADABLE if is_bad else letter


def isolate(text: str) -> str:
    """A text of others inside our own: cleaned, and kept from changing the direction of what is beside it."""
    return f"\N{FIRST STRONG ISOLATE}{clean(text)}\N{POP DIRECTIONAL ISOLATE}"


def measure(text: str, size: float) -> float:
    """About how many pixels the text is wide."""
    return sum(map(_width, text)) * size


def _width(letter: str) -> float:
    if combining(letter) or category(letter) in {"Mn", "Me", "Cf"}:
        return 0.0
    if letter in _NARROW_LETTERS:
        return _NARROW
    if letter in _BROAD_LETTERS:
        return _BROAD
    if letter.isupper():
        return _CAPITAL
    if letter.isascii():
        return _SMALL
    return _FULL if east_asian_width(letter) in {"W", "F", "A"} else _CAPITAL


def cut(text: str, room: float, size: float) -> str:
    """As much of the cleaned text as has room, with an ellipsis where that is not all."""
    text = clean(text)
    if measure(text, size) <= room:
        return text
    left, kept = room - measure(_ELLIPSIS, size), 0
    for letter in text:
        left -= _width(letter) * size
        if left < 0:
            break
        kept += 1
    while kept and _continues(text, kept):
        kept -= 1
    return text[:kept].rstrip() + _ELLIPSIS


def _continues(text: str, place: int) -> bool:
    """Whether a letter is drawn as one with the letter before it."""
    letter = text[place]
    is_part = category(letter) in {"Mn", "Me", "Mc"} or letter in _SKINS
    return is_part or _JOINER in (letter, text[place - 1])


def named(text: str, room: float, size: float) -> Drawn:
    """A text of others to be drawn: cut, isolated, and with the whole of it to be seen on pointing at it."""
    shown = cut(text, room, size)
    if shown == clean(text):
        return Markup("{}").format(isolate(shown))
    return Markup("{}{}").format(element("title", isolate(text)), element("tspan", isolate(shown)))


def wrap(text: str, room: float, size: float) -> list[str]:
    """The cleaned text in lines that have room; a word that has none is cut."""
    lines: list[str] = []
    for word in clean(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(cut(word, room, size))
    return lines
