"""Logging in and out, as a browser meets it: what it is sent, and what it is not."""

import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, update
from structlog.testing import capture_logs

from application.commands.definitions import read_campaigns
from domain.instants import microseconds
from infrastructure.access import keys, login_links
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.database.schema import sessions
from infrastructure.http import access
from infrastructure.http.settings import WebSettings
from infrastructure.web.headers import CONTENT_SECURITY_POLICY
from infrastructure.web.login_attempts import Attempts
from infrastructure.web.sessions import choose_next, login_path
from tests.infrastructure.http.test_http import eventually
from tests.infrastructure.web.probes import PROBES
from tests.support.ledgers import GROUP, NOW
from tests.support.serving import Api, serving
from tests.support.strategies import APP_GROUP

OTHER = "other-shop"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with pages that only show who looks at them."""
    with serving(tmp_path, more_routes=[PROBES], projecting=False) as api:
        yield api


def make_link(api: Api, key_id: str | None) -> str:
    """The path of a new link."""
    with api.service.database.writing() as connection:
        token = login_links.make(connection, key_id, microseconds(api.service.now()))
    return login_links.PATH + token


def make_key(api: Api, *scopes: Scope) -> tuple[str, str]:
    """The id of a new key, and its text."""
    text = api.key(*scopes)
    return text.split("_")[1], text


def revoke(api: Api, key_id: str) -> None:
    """Revoke a key."""
    with api.service.database.writing() as connection:
        assert keys.revoke(connection, key_id, microseconds(api.service.now()))


def make_group(api: Api) -> None:
    """Make the first app group."""
    api.service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": []}), stamp())


def cookie_of(response: httpx.Response) -> str:
    """The one cookie that a response sets."""
    (found,) = response.headers.get_list("set-cookie")
    return str(found)


def test_a_key_is_exchanged_for_a_session(api: Api) -> None:
    """The browser keeps a token of the session, goes on with the page it wanted, and the key is nowhere."""
    browser, (key_id, key) = api.browser(), make_key(api, Scope.READ)
    asked = browser.get("/probe/a%2Fb?x=1&y=%C3%A9")
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/login?next=%2Fprobe%2Fa%252Fb%3Fx%3D1%26y%3D%25C3%25A9",
    )
    form = browser.get(asked.headers["location"])
    next_path = re.search(r'name="next" value="([^"]*)"', form.text)
    assert next_path is not None
    given = browser.post("/login", data={"key": f" {key}\n", "next": next_path[1].replace("&amp;", "&")})
    assert (given.status_code, given.headers["location"]) == (303, "/probe/a%2Fb?x=1&y=%C3%A9")
    assert browser.get(given.headers["location"]).json() == {
        "key_id": key_id,
        "app_group": GROUP,
        "may_read": True,
        "may_manage": False,
    }
    assert key not in str(given.headers) + given.text
    assert key.split("_", 2)[2][:10] not in str(given.headers)


def test_the_cookie_is_for_this_host_and_not_for_scripts(api: Api) -> None:
    """Over plain HTTP on this machine it has a plain name; it has no lifetime, and so ends with the browser."""
    given = api.browser().post("/login", data={"key": api.key(Scope.READ)})
    assert re.fullmatch(r"conversions=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie_of(given))


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    """A proxy speaks HTTPS; browsers take the prefix over HTTPS alone, without a domain. The plain cookie is not read."""
    web = WebSettings(origin="https://ledger.example")
    with serving(tmp_path, more_routes=[PROBES], projecting=False, web=web) as api:
        browser = api.browser(Host="ledger.example")
        given = browser.post("/login", data={"key": api.key(Scope.READ)})
        cookie = cookie_of(given)
        assert re.fullmatch(r"__Host-conversions=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", cookie)
        assert given.headers["strict-transport-security"] == "max-age=31536000"
        named = cookie.partition(";")[0]
        assert browser.get("/probe", headers={"Cookie": named}).status_code == 200
        plain = named.removeprefix("__Host-")
        assert browser.get("/probe", headers={"Cookie": plain}).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "ledger.example:8080", "192.0.2.1"])
def test_over_plain_http_elsewhere_nobody_logs_in(api: Api, host: str) -> None:
    """The page says what to do; no key is taken, no link is used up, and no cookie is read."""
    key_id, key = make_key(api, Scope.READ)
    link, browser = make_link(api, key_id), api.browser()
    assert browser.get(link.replace("/once/", "/once/x")).status_code == 410
    for refused in (
        browser.get("/login", headers={"Host": host}),
        browser.post("/login", data={"key": key}, headers={"Host": host}),
        browser.get(link, headers={"Host": host}),
    ):
        assert refused.status_code == 403
        assert "CONVERSIONS_WEB_ORIGIN" in refused.text
        assert 'action="/login"' not in refused.text
        assert "set-cookie" not in refused.headers
    assert browser.get(link).status_code == 303
    assert browser.get("/probe").status_code == 200
    assert browser.get("/probe", headers={"Host": host}).status_code == 303


def test_a_login_makes_a_new_session_and_ends_the_one_before(api: Api) -> None:
    """Nobody can prepare a token that somebody else then logs in with."""
    prepared = "A" * 43
    browser, key = api.browser(), api.key(Scope.READ)
    browser.cookies.set("conversions", prepared, domain="127.0.0.1")
    tokens = []
    for _ in range(2):
        browser.post("/login", data={"key": key})
        tokens.append(next(each.value for each in browser.cookies.jar if each.value != prepared))
    assert len({*tokens, prepared}) == 3
    states = [
        api.browser(Cookie=f"conversions={token}").get("/probe").status_code for token in (prepared, *tokens)
    ]
    assert states == [303, 303, 200]


def test_a_wrong_key_is_refused_with_a_sentence(api: Api) -> None:
    """A key that is unknown, revoked or without a scope for pages; the page that was wanted is kept."""
    revoked_id, revoked = make_key(api, Scope.READ)
    revoke(api, revoked_id)
    wrong = {
        "": 401,
        "nonsense": 401,
        api.key(Scope.READ)[:-1]: 401,
        revoked: 401,
        api.key(Scope.INGEST): 403,
    }
    for key, status in wrong.items():
        given = api.browser().post("/login", data={"key": key, "next": "/probe?a=1"})
        assert given.status_code == status, given.text
        assert 'role="alert"' in given.text
        assert 'value="/probe?a=1"' in given.text
        assert "set-cookie" not in given.headers
        assert not key or key not in given.text
        said = "neither the scope read nor the scope manage" in given.text
        assert said == (status == 403)


@pytest.mark.parametrize("body", [b"key=%ff", b"&".join([b"a=1"] * 11), "key=\u00e9".encode()])
def test_a_form_that_this_page_does_not_send_is_refused(api: Api, body: bytes) -> None:
    """With a sentence; and what is too large is not read."""
    assert api.browser().post("/login", content=body).status_code == 400
    assert api.browser().post("/login", content=b"key=" + b"a" * 20_000).status_code == 413


def test_logging_out_ends_the_session(api: Api) -> None:
    """In the ledger and in the browser."""
    browser = api.logged_in()
    token = next(each.value for each in browser.cookies.jar)
    assert browser.get("/probe").status_code == 200
    left = browser.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert 'conversions=""' in cookie_of(left)
    assert not list(browser.cookies.jar)
    assert api.browser(Cookie=f"conversions={token}").get("/probe").status_code == 303
    assert api.browser().post("/logout").status_code == 303


def test_a_revoked_key_ends_its_sessions(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as it ends calls with the key itself: what a process remembers is over."""
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    key_id, key = make_key(api, Scope.READ)
    browser = api.browser()
    browser.post("/login", data={"key": key})
    assert browser.get("/probe").status_code == 200
    revoke(api, key_id)
    assert browser.get("/probe").status_code == 303


def move_clock(api: Api, hours: float) -> None:
    """Let it be some hours after the tests' usual now."""
    api.service.now = lambda: NOW + timedelta(hours=hours)


def test_a_session_that_is_not_used_ends_even_while_it_is_remembered(api: Api) -> None:
    """After twelve hours; the process that remembers it looks at the clock."""
    browser = api.logged_in()
    assert browser.get("/probe").status_code == 200
    move_clock(api, 12.001)
    assert browser.get("/probe").status_code == 303


def test_a_session_ends_after_a_week_even_if_it_is_used(api: Api) -> None:
    """However short the time since its last use is."""
    browser = api.logged_in()
    with api.service.database.writing() as connection:
        connection.execute(update(sessions).values(used_at=microseconds(NOW + timedelta(hours=167))))
    for hours, status in ((167.9, 200), (168, 303)):
        move_clock(api, hours)
        assert browser.get("/probe").status_code == status


def test_a_page_notes_that_its_session_is_used(api: Api) -> None:
    """Beside the answer, which does not wait for it; so the session lasts on."""
    browser = api.logged_in()
    move_clock(api, 11.9)
    assert browser.get("/probe").status_code == 200

    def read_use() -> int:
        with api.service.database.reading() as connection:
            return int(connection.execute(select(sessions.c.used_at)).scalar_one())

    eventually(lambda: read_use() == microseconds(NOW + timedelta(hours=11.9)))
    move_clock(api, 23.8)
    assert browser.get("/probe").status_code == 200


def test_a_link_logs_in_once(api: Api) -> None:
    """The second time it is gone, also for whoever used it; looking at it without opening it changes nothing."""
    key_id, _ = make_key(api, Scope.READ, Scope.MANAGE)
    link, browser = make_link(api, key_id), api.browser()
    assert browser.head(link).status_code == 204
    assert browser.get(link, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 204
    used = browser.get(link)
    assert (used.status_code, used.headers["location"]) == (303, "/")
    assert used.headers["referrer-policy"] == "no-referrer"
    assert browser.get("/probe").json()["key_id"] == key_id
    for again in (browser.get(link), api.browser().get(link)):
        assert again.status_code == 410
        assert "used already" in again.text


@pytest.mark.parametrize("scopes", [[Scope.READ], [Scope.INGEST]])
def test_a_link_is_as_good_as_its_key(api: Api, scopes: list[Scope]) -> None:
    """A link of a key that was revoked, or cannot see pages, logs nobody in."""
    key_id, _ = make_key(api, *scopes)
    if scopes == [Scope.READ]:
        revoke(api, key_id)
    assert api.browser().get(make_link(api, key_id)).status_code == 410


def test_the_first_link_leads_to_the_first_app_group(api: Api) -> None:
    """Whoever followed it sees no other page; and is bound to the group's key when it is made."""
    browser = api.browser()
    begun = browser.get(make_link(api, None))
    assert (begun.status_code, begun.headers["location"]) == (303, "/start")
    nobody = {"key_id": None, "app_group": "", "may_read": False, "may_manage": False}
    assert browser.get("/anybody").json() == nobody
    assert browser.get("/probe").headers["location"] == "/start"
    assert browser.get("/probe.json").status_code == 403
    assert browser.get("/v1/stream").status_code == 401
    made = browser.post("/adopt")
    assert made.json() == {"adopted": True, "again": False}
    make_group(api)
    assert browser.get("/probe").json()["may_manage"]


def test_the_first_link_is_worth_nothing_once_there_is_an_app_group(api: Api) -> None:
    """Neither the link nor a session that it began."""
    late, browser = make_link(api, None), api.browser()
    assert browser.get(late).status_code == 303
    unused = make_link(api, None)
    make_group(api)
    assert browser.get("/anybody").status_code == 303
    assert browser.get(unused).status_code == 410


def test_attempts_are_limited(tmp_path: Path) -> None:
    """With a page and the time to wait; right keys and links count too, so that nobody can tell them apart by it."""
    web = WebSettings(logins_a_minute=3)
    with serving(tmp_path, projecting=False, web=web) as api:
        browser, key = api.browser(), api.key(Scope.READ)
        states = [browser.post("/login", data={"key": each}).status_code for each in ("x", key)]
        states.append(browser.get("/login/once/nonsense").status_code)
        assert states == [401, 303, 410]
        for refused in (browser.post("/login", data={"key": key}), browser.get("/login/once/nonsense")):
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 20
            assert "too often" in refused.text
        assert browser.get("/login").status_code == 200


def test_attempts_are_counted_by_address_and_in_total() -> None:
    """A whole IPv6 subnet is one address; what is refused by its own bucket takes nothing from all others."""
    attempts = Attempts(WebSettings(logins_a_minute=2, all_logins_a_minute=5))
    assert [bool(attempts.take("192.0.2.1")) for _ in range(4)] == [False, False, True, True]
    subnet = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
    assert [bool(attempts.take(each)) for each in subnet] == [False, False, True]
    assert [bool(attempts.take(each)) for each in ("2001:db8:0:1::1", "192.0.2.2")] == [False, True]


def test_no_log_has_a_key(api: Api) -> None:
    """A refusal names the key's id if the form is right; a token is in no log either."""
    (key_id, key), sends = make_key(api, Scope.READ), api.key(Scope.INGEST)
    wrong, link = f"{key[:-4]}AAAA", make_link(api, key_id)
    with capture_logs() as logs:
        browser = api.browser()
        for each in (key, wrong, sends, "secret words"):
            browser.post("/login", data={"key": each, "next": f"/probe?k={each[:3]}"})
        browser.get(link)
        browser.get(link)
        browser.get("/probe")
    text = str(logs)
    tokens = [each.value for each in browser.cookies.jar]
    for secret in (key, wrong, sends, "secret words", link.rpartition("/")[2], *tokens):
        assert secret is not None
        assert secret not in text
        assert secret[-20:] not in text
    told = [(each["event"], each.get("reason"), each["key_id"]) for each in logs if "login." in each["event"]]
    assert told == [
        ("login.succeeded", None, key_id),
        ("login.refused", "unknown_key", key_id),
        ("login.refused", "missing_scope", sends.split("_")[1]),
        ("login.refused", "unknown_key", None),
        ("login.succeeded", None, key_id),
        ("login.refused", "link_over", None),
    ]
    assert {each["client"] for each in logs if "login." in each["event"]} == {"127.0.0.1"}


def test_every_answer_of_the_login_is_shut(api: Api) -> None:
    """Pages and redirects load nothing from elsewhere, send no referrer, and are not stored."""
    browser = api.browser()
    for answer in (
        browser.get("/login"),
        browser.post("/login", data={"key": "x"}),
        browser.post("/login", data={"key": api.key(Scope.READ)}),
        browser.get("/login/once/x"),
        browser.post("/logout"),
        browser.get("/probe"),
    ):
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|hx-on|js:", answer.text)


@given(st.text(max_size=50) | st.from_regex(r"[/\\\t ]{0,4}[a-z:.@/\\?#%\x00-\x20]{0,20}"))
@example("//evil.example/a")
@example("/\\evil.example")
@example("\\\\evil.example")
@example("/\t/evil.example")
@example("https://evil.example")
@example("javascript:alert(1)")
@example("/%0d%0aLocation:%20https://evil.example")
@example("/login?next=/login")
@example("/logout")
def test_no_next_leads_away(text: str) -> None:
    """Whatever it is, a browser stays at this host, and does not log in again or out."""
    chosen = choose_next(text)
    # As browsers read it: without tabs and line breaks, and a backslash is a slash.
    read = re.sub(r"[\t\r\n]", "", chosen).strip().replace("\\", "/")
    for base in ("https://ledger.example/login", "http://127.0.0.1:8080/login?next=x"):
        assert urlsplit(urljoin(base, read)).netloc == urlsplit(base).netloc
    assert chosen == read
    assert chosen.isascii()
    assert urlsplit(chosen).path not in {"/login", "/logout", "/start"}
    assert login_path(chosen).isascii()


@given(st.text("abc/%-._~", max_size=30), st.text("abc=&%+", max_size=30))
def test_a_next_of_ours_is_kept(path: str, query: str) -> None:
    """A path and its query come back as they were."""
    text = f"/x{path}?{query}"
    assert choose_next(text) == text


def test_a_next_that_leads_away_is_not_followed(api: Api) -> None:
    """Neither out of the form nor out of the link to it."""
    browser = api.browser()
    form = browser.get("/login", params={"next": "//evil.example"})
    assert 'name="next" value="/"' in form.text
    given = browser.post("/login", data={"key": api.key(Scope.READ), "next": "//evil.example"})
    assert given.headers["location"] == "/"
    hostile = browser.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in hostile.text


def test_each_session_sees_its_own_app_group(api: Api) -> None:
    """Two of them at the same time, on the same server."""
    first, second = api.logged_in(Scope.READ), api.logged_in(Scope.READ, app_group=OTHER)
    for _ in range(2):
        assert first.get("/probe").json()["app_group"] == GROUP
        assert second.get("/probe").json()["app_group"] == OTHER


def test_a_program_gets_no_redirect(api: Api) -> None:
    """The twins of pages, and parts that a script asks for, are answered with a problem."""
    browser = api.browser()
    for path, headers in (("/probe.json", {}), ("/probe.csv", {}), ("/probe", {"HX-Request": "true"})):
        answer = browser.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert "www-authenticate" in answer.headers
    assert browser.get("/probe/a%2Ejson").status_code == 303, "an id that ends like a twin is a page"


def test_the_script_of_a_page_opens_the_login(api: Api) -> None:
    """With the page that is asked for, or the one that is shown where something is sent; never with another host's."""
    browser = api.browser(**{"HX-Request": "true", "HX-Current-URL": "https://evil.example/probe/x?y=1"})
    assert browser.get("/probe?a=1").headers["hx-redirect"] == "/login?next=%2Fprobe%3Fa%3D1"
    assert browser.post("/probe/change").headers["hx-redirect"] == "/login?next=%2Fprobe%2Fx%3Fy%3D1"
    outside = {"HX-Current-URL": "https://evil.example//evil.example"}
    assert browser.post("/probe/change", headers=outside).headers["hx-redirect"] == "/login"
    assert "hx-redirect" not in api.browser().get("/probe.json").headers


def test_who_may_only_read_cannot_change(api: Api) -> None:
    """A page says which scope it needs; a program gets the problem."""
    reader, manager = api.logged_in(Scope.READ), api.logged_in(Scope.MANAGE)
    refused = reader.post("/probe/change")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "This needs a key with the scope manage; you are logged in with a key with read." in refused.text
    assert refused.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    part = reader.post("/probe/change", headers={"HX-Request": "true"})
    assert (part.status_code, part.json()["code"]) == (403, "missing_scope")
    changed = manager.post("/probe/change")
    assert changed.json()["actor"].startswith("key:")
    assert manager.get("/probe").json()["may_read"]


def test_without_a_dashboard_there_are_no_pages(tmp_path: Path) -> None:
    """And a cookie is worth nothing."""
    with serving(tmp_path, projecting=False, web=WebSettings(pages="off")) as api:
        assert api.browser().get("/login").status_code == 404
        assert api.client().get("/v1/app-group").status_code in {200, 404}
