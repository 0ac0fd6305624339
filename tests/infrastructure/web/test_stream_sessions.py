"""The stream for those who are logged in: their app group's decisions, until the session or its key ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.database.schema import sessions
from infrastructure.http import access, stream
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, problem
from tests.infrastructure.outbound.test_stream import following
from tests.support.ledgers import GROUP, take
from tests.support.serving import Api, serving


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign and a conversion."""
    with serving(tmp_path, [SALE], projecting=False) as api:
        take(api.service, [RECEIPT, PURCHASE])
        yield api


def revoke_all(api: Api) -> None:
    """Revoke every key."""
    with api.service.database.writing() as connection:
        for key in keys.list_all(connection):
            keys.revoke(connection, key.key_id, microseconds(api.service.now()))


def test_a_session_follows_its_own_app_group(api: Api) -> None:
    """As a key does; nothing of it is seen by another."""
    with following(api.logged_in(Scope.READ), after="0") as frames:
        sources = [each["source"] for each in frames.take(2)]
        assert sources == [f"/conversion-ledger/app-groups/{GROUP}"] * 2
    with following(api.logged_in(Scope.READ, app_group="other"), after="0", campaign_id="sale") as frames:
        assert frames.response.status_code == 404


@pytest.mark.parametrize("ending", ["logout", "key"])
def test_a_stream_ends_with_its_session(api: Api, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """At the next heartbeat, whether somebody logged out or the key was revoked."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    browser = api.logged_in(Scope.READ)
    with following(browser, after="0") as frames:
        frames.take(2)
        if ending == "key":
            revoke_all(api)
        else:
            assert browser.post("/logout").status_code == 303
        assert not list(frames)
    assert frames.comments[-1] == "the stream ends here"


@pytest.mark.parametrize("only", [{}, {"only": "positions"}])
def test_a_stream_looks_at_its_session_between_heartbeats(
    api: Api, monkeypatch: pytest.MonkeyPatch, only: dict[str, str]
) -> None:
    """A heartbeat is a quarter of a minute; a page of the session is refused after two seconds."""
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    browser = api.logged_in(Scope.READ)
    with following(browser, None, after="0", **only) as frames:
        next(iter(frames))
        assert browser.post("/logout").status_code == 303
        list(frames)
    assert frames.comments[-1] == "the stream ends here"
    assert "heartbeat" not in frames.comments


def test_a_stream_keeps_no_session_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is open and unwatched is no use of the session."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.01)
    browser = api.logged_in(Scope.READ)
    begun = api.service.now()
    api.service.now = lambda: begun.replace(hour=begun.hour + 11)
    with following(browser, after="0") as frames:
        frames.take(2)
        for line in frames._lines:
            if line.startswith(": heartbeat"):
                break
    with api.service.database.reading() as connection:
        assert connection.execute(select(sessions.c.used_at)).scalar_one() == microseconds(begun)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_opens_no_stream(api: Api, site: str) -> None:
    """It could not read it, but it would take a place."""
    browser = api.logged_in(Scope.READ)
    problem(browser.get("/v1/stream", headers={"Sec-Fetch-Site": site}), 401, "unauthorized")


def test_a_key_beside_a_cookie_counts(api: Api) -> None:
    """Whoever sends a key means the key."""
    browser = api.logged_in(Scope.READ)
    headers = {"Authorization": f"Bearer {api.key(Scope.INGEST)}"}
    problem(browser.get("/v1/stream", headers=headers), 403, "missing_scope")
    with httpx.Client(base_url=api.url) as nobody:
        problem(nobody.get("/v1/stream"), 401, "unauthorized")


def test_a_page_hears_that_the_log_has_moved_and_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions that only grow, whatever was recorded, and no decision; the session's end ends it."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(stream, "_LEAST_BETWEEN_MOVES", 0.01)
    browser = api.logged_in(Scope.READ)
    with following(browser, only="positions") as frames:
        found = iter(frames)
        moves: list[Any] = []
        for number in range(2):
            take(api.service, [RECEIPT | {"id": f"moved-{number}"}])
            moves.append(next(found))
        assert moves[0] < moves[1]
        assert frames.last_event_id == str(moves[1])
        assert browser.post("/logout").status_code == 303
        assert all(isinstance(each, int) for each in found)
    assert frames.comments[-1] == "the stream ends here"
    with following(api.logged_in(Scope.READ), only="everything") as refused:
        assert refused.response.status_code == 400
