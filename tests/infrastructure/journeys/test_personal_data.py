"""Personal data stays out of the events: who it was, and what was said freely, stand aside and can be cut off."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from infrastructure.database.schema import identities, kept_aside
from tests.support.ledgers import open_ledger, rows, take

pytestmark = pytest.mark.usefixtures("each_database")

USER = "somebody@example.org"
PRIVATE = "a very private plan"


def test_no_event_holds_a_user_id_or_free_text(tmp_path: Path) -> None:
    """The user's id, properties and reasons are in no event; a keyed hash and an opaque id stand there instead."""
    with open_ledger(tmp_path, [{"id": "spring"}]) as service:
        at = "2024-03-01T09:00:00Z"
        answers = take(
            service,
            [
                {"type": "custom_event", "id": "c1", "user_id": USER, "name": "signed_up", "at": at, "properties": {"note": PRIVATE}},
                {"type": "purchase", "id": "p1", "user_id": USER, "product_id": "x", "price": "1", "currency": "EUR", "at": at, "properties": {"note": PRIVATE}},
                {"type": "void", "id": "d1", "user_id": USER, "fact_id": "p1", "at": at, "reason": PRIVATE},
            ],
        ).answers  # fmt: skip
        assert {answer.verdict.value for answer in answers} == {"accepted"}
        log = "".join(str(row) for row in rows(service))
        with service.database.reading() as connection:
            identity = connection.execute(select(identities)).one()
            aside = {row.fact_id: row.text for row in connection.execute(select(kept_aside))}
    assert USER not in log
    assert PRIVATE not in log
    assert identity.journey_id in log
    assert identity.key.hex() not in log
    assert aside == {"c1": f'{{"note":"{PRIVATE}"}}', "p1": f'{{"note":"{PRIVATE}"}}', "d1": f'"{PRIVATE}"'}


def test_a_refused_fact_leaves_no_trace(tmp_path: Path) -> None:
    """R13, R16: not even an identity is made for a user whose only fact was refused, and the id stays free."""
    fact = {
        "type": "session_started",
        "id": "s1",
        "user_id": USER,
        "app_id": "tv",
        "at": "2024-03-01T09:00:00Z",
    }
    with open_ledger(tmp_path, [{"id": "spring"}]) as service:
        before = len(rows(service))
        assert [answer.code for answer in take(service, [fact]).answers] == ["unknown_app"]
        assert len(rows(service)) == before
        with service.database.reading() as connection:
            assert connection.execute(select(identities)).all() == []
        answers = take(service, [fact | {"app_id": "ios"}]).answers
        assert [answer.verdict.value for answer in answers] == ["accepted"]


def test_r13_properties_are_equal_as_json(tmp_path: Path) -> None:
    """Order of keys and the writing of numbers play no part; any other value is a conflict."""
    fact = {"type": "custom_event", "id": "c1", "user_id": "u", "name": "x", "at": "2024-03-01T09:00:00Z"}
    with open_ledger(tmp_path, [{"id": "spring"}]) as service:
        sent: list[dict[str, Any]] = [
            fact | {"properties": {"a": 1, "b": [1.5, None]}},
            fact | {"properties": {"b": [1.50, None], "a": 1.0}},
            fact | {"properties": {"a": 2, "b": [1.5, None]}},
            fact | {"properties": {"a": True, "b": [1.5, None]}},
            fact,
        ]
        answers = take(service, sent).answers
    conflict = "conflicting_fact"
    assert [answer.code or answer.verdict.value for answer in answers] == [
        "accepted",
        "duplicate",
        *[conflict] * 3,
    ]
