"""What an experiment found, in a sentence, with the charts that show it: a picture to be handed on."""

from collections.abc import Sequence
from typing import Final

from infrastructure.pictures.lettering import isolate
from infrastructure.pictures.picture import Block, Picture, lines, stack

ROOM: Final = 720
"""The width of a file within its margins: what its charts cut names for."""

_LETTERS: Final = 14
_GAP: Final = 18


def verdict(title: str, sentence: str, warnings: Sequence[str], charts: Sequence[Picture]) -> Picture:
    """The sentence, what speaks against believing it, and charts below their titles."""
    words = [
        lines(sentence, ROOM, _LETTERS, "p-sentence"),
        *(lines(f"\N{WARNING SIGN} {each}", ROOM, _LETTERS, "p-warning") for each in warnings),
    ]
    body = stack([stack(words), *map(_below_title, charts)], gap=_GAP)
    said = [
        isolate(sentence),
        *map(isolate, warnings),
        *(f"{isolate(each.title)}: {each.description}" for each in charts),
    ]
    return Picture("verdict", title, " ".join(said), body.height, body.drawn)


def _below_title(chart: Picture) -> Block:
    return stack([lines(chart.title, ROOM, _LETTERS, "p-subheading"), chart.block])
