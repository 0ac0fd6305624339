"""The header Accept: whether a caller wants a report as JSON or as CSV (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterable

from infrastructure.http.answers import JSON

CSV = "text/csv"

_WEIGHT = re.compile(r";q=(0(?:\.[0-9]*)?|1(?:\.0*)?)(?:;|$)", re.ASCII)


def wants_csv(accept: Iterable[str]) -> bool:
    """Whether the caller names CSV and prefers it to JSON, or accepts CSV and does not accept JSON.

    The greater weight is preferred; with equal weights, the one that is named first.
    """
    asked = _weights(accept)
    json, csv = _weight(asked, JSON), _weight(asked, CSV)
    if not json or CSV not in asked:
        return not json and csv > 0
    named = [kind for kind in asked if kind in {JSON, CSV}]
    return csv > json or (csv == json and named[0] == CSV)


def _weights(accept: Iterable[str]) -> dict[str, float]:
    """The weight of each range of media types, in the order of the header; 1 for a range without a readable weight."""
    weights = {}
    for each in ",".join(accept).lower().split(","):
        spaceless = "".join(each.split())
        found = _WEIGHT.search(spaceless)
        weights[spaceless.partition(";")[0]] = float(found[1]) if found else 1.0
    return weights


def _weight(asked: dict[str, float], kind: str) -> float:
    """The weight of a media type, by the narrowest range that covers it; 0 means that it is not acceptable."""
    return next((asked[each] for each in (kind, kind.partition("/")[0] + "/*", "*/*") if each in asked), 0.0)
