"""Requests that other sites make a browser send, with our cookie: the whole matrix."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infrastructure.access.keys import Scope
from infrastructure.http.settings import WebSettings
from tests.infrastructure.http.test_http import SALE, problem
from tests.infrastructure.web.probes import PROBES
from tests.support.serving import Api, serving

OTHERS = [
    "https://evil.example",
    "null",
    "",
    "http://127.0.0.1",
    "http://localhost:{port}",
    "https://127.0.0.1:{port}",
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server that all these tests share: they are refused, or change nothing."""
    with serving(tmp_path_factory.mktemp("csrf"), [SALE], more_routes=[PROBES], projecting=False) as api:
        yield api


@pytest.fixture(scope="module")
def cookie(api: Api) -> str:
    """The cookie of somebody who may change everything."""
    browser = api.logged_in(Scope.MANAGE)
    return "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)


def send(
    api: Api, cookie: str | None, method: str = "POST", path: str = "/probe/change", **headers: str
) -> httpx.Response:
    """A request with these headers and no other that says who sends it."""
    named = {
        name.replace("_", "-"): value.format(port=api.url.rpartition(":")[2])
        for name, value in headers.items()
    }
    with httpx.Client(base_url=api.url) as client:
        return client.request(method, path, headers=named | ({} if cookie is None else {"Cookie": cookie}))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "nonsense", ""])
@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}"])
def test_what_another_site_sends_is_refused(api: Api, cookie: str, site: str, origin: str | None) -> None:
    """What the browser says of the sender counts, whatever else is there: a sibling host is another site too."""
    origins = {} if origin is None else {"Origin": origin}
    problem(send(api, cookie, Sec_Fetch_Site=site, **origins), 403, "cross_site")


def test_what_our_own_pages_send_is_carried_out(api: Api, cookie: str) -> None:
    """Whatever the header Origin says: a page that sends no referrer is `null` there."""
    for origins in ({}, {"Origin": "null"}):
        assert send(api, cookie, Sec_Fetch_Site="same-origin", **origins).status_code == 200


def test_an_older_browser_names_the_origin(api: Api, cookie: str) -> None:
    """It has to be ours exactly: scheme, host and port."""
    assert send(api, cookie, Origin="http://127.0.0.1:{port}").status_code == 200
    for other in OTHERS:
        problem(send(api, cookie, Origin=other), 403, "cross_site")


def test_a_browser_that_says_nothing_is_refused(api: Api, cookie: str) -> None:
    """There is no way to know who sends it."""
    problem(send(api, cookie), 403, "cross_site")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "path", ["/logout", "/login", "/probe/change", "/v1/campaigns", "/v1/facts", "/nowhere"]
)
def test_every_path_and_every_method_that_may_change_something_is_guarded(
    api: Api, cookie: str, method: str, path: str
) -> None:
    """Pages and the HTTP interface alike, before the route is looked for."""
    problem(send(api, cookie, method, path, Sec_Fetch_Site="cross-site"), 403, "cross_site")


@pytest.mark.parametrize("name", ["conversions", "__Host-conversions"])
def test_either_cookie_is_guarded_valid_or_not(api: Api, name: str) -> None:
    """And a cookie of something else is none of ours."""
    problem(send(api, f"{name}=nonsense", Sec_Fetch_Site="cross-site"), 403, "cross_site")
    assert send(api, f"x{name}=nonsense", Sec_Fetch_Site="cross-site").status_code == 303


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_only_reads_is_not_guarded(api: Api, cookie: str, method: str) -> None:
    """A link on another site leads to a page."""
    assert send(api, cookie, method, "/probe", Sec_Fetch_Site="cross-site").status_code == 200


def test_a_key_without_a_cookie_is_not_guarded(api: Api, cookie: str) -> None:
    """No other site can make a browser send a key; with a cookie beside it the guard holds."""
    key = {"Authorization": f"Bearer {api.key(Scope.MANAGE)}"}
    assert (
        send(api, None, "PATCH", "/v1/campaigns/sale", Sec_Fetch_Site="cross-site", **key).status_code == 400
    )
    problem(
        send(api, cookie, "PATCH", "/v1/campaigns/sale", Sec_Fetch_Site="cross-site", **key),
        403,
        "cross_site",
    )


def test_a_cookie_is_no_key(api: Api, cookie: str) -> None:
    """The HTTP interface wants a key, whoever sends the cookie; the stream alone takes a session."""
    for method, path in (
        ("GET", "/v1/campaigns"),
        ("POST", "/v1/campaigns"),
        ("GET", "/v1/campaigns/sale/report"),
    ):
        problem(send(api, cookie, method, path, Sec_Fetch_Site="same-origin"), 401, "unauthorized")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Sec_Fetch_Site": "same-origin"}, 401),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 401),
    ],
)
def test_another_site_logs_nobody_in(api: Api, headers: dict[str, str], status: int) -> None:
    """Its reader would work in an app group of the attacker's; there is no cookie yet that could say so."""
    assert send(api, None, "POST", "/login", **headers).status_code == status


def test_the_published_origin_is_ours_behind_a_proxy(tmp_path: Path) -> None:
    """Whatever name the proxy puts into the header Host."""
    web = WebSettings(origin="https://ledger.example")
    with serving(tmp_path, more_routes=[PROBES], projecting=False, web=web) as api:
        cookie = "__Host-conversions=x"
        assert send(api, cookie, Origin="https://ledger.example").status_code == 303
        for other in ("http://ledger.example", "https://ledger.example:444", "http://127.0.0.1:{port}"):
            problem(send(api, cookie, Origin=other), 403, "cross_site")
