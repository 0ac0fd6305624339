"""The header Accept: whether a report is asked for as JSON or as CSV (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterable

from infrastructure.http.answers import JSON

CSV = "text/csv"

_WEIGHT = re.compile(r";q=(0(?:\.[0-9]*)?|1(?:\.0*)?)(?:;|$)", re.ASCII)


def wants_csv(accept: Iterable[str]) -> bool:
    """Whether CSV is asked for by name and before JSON, or JSON is not acceptable and CSV is.

    "Before" is by weight, and where they weigh the same by which stands first.
    """
    asked = _weights(accept)
    json, csv = _weight(asked, JSON), _weight(asked, CSV)
    if not json or CSV not in asked:
        return not json and csv > 0
    named = [kind for kind in asked if kind in {JSON, CSV}]
    return csv > json or (csv == json and named[0] == CSV)


def _weights(accept: Iterable[str]) -> dict[str, float]:
    """What each range of media types weighs, in the order they are named; 1 where nothing is said that can be read."""
    weights = {}
    for each in ",".join(accept).lower().split(","):
        spaceless = "".join(each.split())
        found = _WEIGHT.search(spaceless)
        weights[spaceless.partition(";")[0]] = float(found[1]) if found else 1.0
    return weights


def _weight(asked: dict[str, float], kind: str) -> float:
    """By the narrowest range that has it; 0 is not acceptable."""
    ranges = (kind, kind.partition("/")[0] + "/*", "*/*")
    return next((asked[each] for each in ranges if each in asked), 0.0)
