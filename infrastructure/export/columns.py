"""Columns of exports: what kind of value stands in each, whatever the format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "whole", "boolean", "instant", "day", "decimal", "json"]
"""What rows hold: `decimal` and `json` as text, instants as aware datetimes, days as dates; any of them may be null."""

Row = tuple[Any, ...]


class Column(NamedTuple):
    """A column of an export."""

    name: str
    kind: Kind = "text"


Shapes = Mapping[Kind, Callable[[Any], Any]]
"""How a format has the values of a kind, where it does not take them as they are; null stays null."""


def shaped(rows: Sequence[Row], columns: Sequence[Column], shapes: Shapes) -> list[Sequence[Any]]:
    """The rows' columns, as a format has them."""
    return [
        values if (shape := shapes.get(column.kind)) is None else _each(values, shape)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _each(values: Sequence[Any], shape: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else shape(value) for value in values]
