"""The header Accept as reports read it: RFC 9110, 12.5.1."""

import pytest

from infrastructure.http.answers import wants_csv


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ([], False),
        (["*/*"], False),
        (["text/csv"], True),
        (["TEXT/CSV; header=present; q=1.000"], True),
        (["text/csv, application/json"], True),
        (["application/json, text/csv"], False),
        (["application/json", "text/csv"], False),
        (["text/csv;q=0.5, application/json"], False),
        (["text/csv, application/json;q=0.9"], True),
        (["application/json; q=0.2,text/csv; q=0.3"], True),
        (["text/csv, */*"], True),
        (["text/csv;q=0.5, */*;q=0.1"], True),
        (["text/csv;q=0.5, */*"], False),
        (["text/csv;q=0.5, application/*;q=0.4"], True),
        (["text/csv;q=0"], False),
        (["text/csv;q=0, text/*"], False),
        (["text/*"], True),
        (["text/*, application/json;q=0.1"], False),
        (["text/*, application/json;q=0"], True),
        (["application/json;q=0.000, */*"], True),
        (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], False),
    ],
)
def test_what_is_accepted_is_weighed(accept: list[str], csv: bool) -> None:
    """CSV is to be named and wanted before JSON, or JSON not to be acceptable."""
    assert wants_csv(accept) is csv
