"""Columns of exports and the kinds of their values, whatever the format."""

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
"""How a format converts the values of a kind, if it does; null stays null."""


def shape_columns(rows: Sequence[Row], columns: Sequence[Column], shapes: Shapes) -> list[Sequence[Any]]:
    """The columns of rows, converted for a format."""
    return [
        values if (shape := shapes.get(column.kind)) is None else _shape_values(values, shape)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _shape_values(values: Sequence[Any], shape: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else shape(value) for value in values]
