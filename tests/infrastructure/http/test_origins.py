"""Where a request was sent to, as far as logging in is concerned; and buckets and memories, which are bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from infrastructure.http import buckets, memory
from infrastructure.http.buckets import Buckets
from infrastructure.http.memory import Memory
from infrastructure.http.origins import find_origin
from infrastructure.http.settings import HttpSettings, WebSettings


def request(host: str, peer: str | None) -> Request:
    """A request with this header Host, from this address."""
    headers = [(b"host", host.encode("latin-1", "replace"))]
    return Request({"type": "http", "headers": headers, "client": None if peer is None else (peer, 1)})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]", "127.8.9.1:1"],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_an_origin_over_plain_http(host: str, peer: str) -> None:
    """By any of its names, if the request comes from it too; the cookie has a plain name."""
    found = find_origin(request(host, peer), None)
    assert found is not None
    assert (found.text, found.is_https, found.cookie) == (f"http://{host.lower()}", False, "conversions")


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("evil.example:8080", "127.0.0.1"),
        ("localhost.evil.example", "127.0.0.1"),
        ("127.0.0.1.evil.example", "127.0.0.1"),
        ("localhost:8080", "192.0.2.7"),
        ("192.0.2.1:8080", "127.0.0.1"),
        ("localhost", None),
        ("", "127.0.0.1"),
        ("user@localhost", "127.0.0.1"),
        ("localhost/evil", "127.0.0.1"),
        ("localhost, evil.example", "127.0.0.1"),
        ("[::1", "127.0.0.1"),
        ("[::1]evil", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
    ],
)
def test_any_other_name_or_address_is_no_origin(host: str, peer: str | None) -> None:
    """A page of another site whose name is made to lead here is refused, and so is another machine."""
    assert find_origin(request(host, peer), None) is None


@given(st.text(), st.sampled_from(["127.0.0.1", "192.0.2.7", "nonsense", ""]))
def test_whatever_the_header_holds_it_is_an_origin_of_this_machine_or_none(host: str, peer: str) -> None:
    """No header ends in an error."""
    found = find_origin(request(host, peer), None)
    assert found is None or found.text.startswith(("http://127.", "http://localhost", "http://[::1]"))


@given(st.text())
def test_the_published_origin_holds_whatever_the_header_says(host: str) -> None:
    """Proxies put names of their own there."""
    found = find_origin(request(host, "192.0.2.7"), "https://ledger.example")
    assert found is not None
    assert (found.text, found.is_https) == ("https://ledger.example", True)
    assert found.cookie == "__Host-conversions"


@pytest.mark.parametrize(
    "origin",
    ["https://ledger.example", "https://Ledger.example:8443", "http://localhost:8080", "http://[::1]:1"],
)
def test_an_origin_may_be_published(origin: str) -> None:
    """Over HTTPS, or on this machine, as where a container's port is mapped."""
    assert WebSettings(origin=origin).origin == origin.lower()


@pytest.mark.parametrize(
    "origin",
    [
        "http://ledger.example",
        "https://ledger.example/",
        "https://ledger.example/path",
        "https://user@ledger.example",
        "https://ledger.example?x",
        "ledger.example",
        "ftp://localhost",
        "https://",
        "https:///",
    ],
)
def test_what_is_no_safe_origin_is_refused(origin: str) -> None:
    """With a sentence that says how to write it."""
    with pytest.raises(ValidationError, match=r"https://"):
        WebSettings(origin=origin)


@pytest.mark.parametrize("pages", ["on", "off"])
def test_the_environment_switches_the_dashboard(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On and off; its other settings have a prefix of their own."""
    monkeypatch.setenv("CONVERSIONS_WEB", pages)
    monkeypatch.setenv("CONVERSIONS_WEB_IDLE_HOURS", "2")
    assert HttpSettings().web.is_on == (pages == "on")
    assert HttpSettings().web.idle_hours == 2


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    """Each name has its own; what is refused costs nothing."""
    now = 100.0
    turns = Buckets(0.5, 3, clock=lambda: now)
    assert [turns.take("a") for _ in range(5)] == [0, 0, 0, 2, 2]
    assert turns.take("b") == 0
    now += 1
    assert turns.take("a") == 1
    now += 1
    assert [turns.take("a"), turns.take("a")] == [0, 2]
    now += 1_000
    assert [turns.take("a") for _ in range(4)] == [0, 0, 0, 2]


def test_buckets_and_memories_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was not seen for longest is forgotten."""
    monkeypatch.setattr(buckets, "_MOST", 2)
    monkeypatch.setattr(memory, "_MOST", 2)
    turns = Buckets(1, 1, clock=lambda: 0.0)
    remembered: Memory[str, int] = Memory(lambda: 1_000)
    for number, name in enumerate("abcd"):
        assert turns.take(name) == 0
        remembered.remember(name, number)
    assert len(turns._buckets) == len(remembered._values) == 2
    assert [remembered.recall(name) for name in "abcd"] == [None, None, 2, 3]
    remembered.forget("d")
    assert remembered.recall("d") is None
    Memory[str, int](lambda: -1).remember("e", 1)
