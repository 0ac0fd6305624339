"""What no page answers: a browser gets a page all the same, a program gets problem details; all of it is hardened."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from infrastructure.web import rendering
from infrastructure.web.headers import CONTENT_SECURITY_POLICY
from tests.infrastructure.http.test_http import SALE, problem
from tests.infrastructure.web.probes import PROBES
from tests.infrastructure.web.shops import Page
from tests.support.serving import Api, serving

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FAILING = APIRouter(include_in_schema=False)


@FAILING.get("/failing")
async def fail() -> dict[str, Any]:
    """Fail as nobody foresaw."""
    raise RuntimeError("unforeseen")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests, which change nothing."""
    with serving(tmp_path_factory.mktemp("nopage"), [SALE], more_routes=[PROBES, FAILING]) as api:
        yield api


@pytest.fixture(scope="module")
def browser(api: Api) -> httpx.Client:
    """Somebody who is logged in, with what a browser accepts."""
    made = api.logged_in()
    made.headers.update(BROWSER)
    return made


def page_of(answer: httpx.Response, status: int, code: str) -> Page:
    """The page of a problem, which has the headers of every page."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = Page.read(answer.text)
    assert code in page.text
    return page


@pytest.mark.parametrize("path", ["/nonsense", "/campaigns/", "/campaigns/sale/a/b", "/users/", "/%00"])
def test_an_unknown_address_is_a_page_to_a_browser(api: Api, browser: httpx.Client, path: str) -> None:
    """With its links for whoever is logged in; problem details to a program, also by another ending."""
    assert "Log out" in page_of(browser.get(path), 404, "not_found").text
    with httpx.Client(base_url=api.url) as stranger:
        assert "Log out" not in page_of(stranger.get(path, headers=BROWSER), 404, "not_found").text
        problem(stranger.get(path), 404, "not_found")
    problem(browser.get("/nonsense.json"), 404, "not_found")
    problem(browser.get("/v1/nonsense"), 404, "not_found")


def test_an_address_with_a_slash_too_many_names_the_page(browser: httpx.Client) -> None:
    """Only where there is one, and never another host."""
    page = page_of(browser.get("/campaigns/sale/"), 404, "not_found")
    assert page.links["/campaigns/sale"] == "/campaigns/sale"
    for path in ("/nonsense/", "//evil.example/", "/campaigns/sale/a/b/"):
        assert (
            "Did you mean"
            not in browser.get(browser.base_url.join("/").copy_with(raw_path=path.encode())).text
        )


def test_a_method_that_a_page_does_not_take_is_a_page(api: Api, browser: httpx.Client) -> None:
    """The header says which it takes, for programs too."""
    answer = browser.put("/campaigns/new")
    page = page_of(answer, 405, "method_not_allowed")
    assert "This address does not take PUT; it takes GET, POST." in page.text
    assert "change what you asked for" not in page.text
    assert answer.headers["allow"] == "GET, POST"
    page = page_of(browser.get("/logout"), 405, "method_not_allowed")
    assert "There is no page to open at this address: it only takes what a form sends." in page.text
    assert page.links["the list of campaigns"] == "/"
    answer = api.client().delete("/v1/campaigns/sale")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, PATCH"


def test_a_form_that_another_site_sent_is_refused_with_a_page(browser: httpx.Client) -> None:
    """A person may meet that, in an old browser for instance."""
    answer = browser.post("/campaigns/new", headers={"Sec-Fetch-Site": "cross-site"})
    assert "send the form from there" in page_of(answer, 403, "cross_site").text
    problem(browser.post("/v1/facts", headers={"Sec-Fetch-Site": "cross-site"}), 403, "cross_site")


def test_what_nobody_foresaw_is_a_page_too(
    api: Api, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where even that page fails, problem details."""
    page_of(browser.get("/failing"), 500, "unforeseen")
    problem(api.client().get("/failing"), 500, "unforeseen")

    def fail(_request: object) -> str:
        raise RuntimeError("twice")

    monkeypatch.setattr(rendering, "_read_theme", fail)
    problem(browser.get("/failing"), 500, "unforeseen")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/campaigns.json", 200),
        ("/campaigns.csv", 200),
        ("/campaigns", 308),
        ("/campaigns/sale.json", 200),
        ("/campaigns/sale.csv", 200),
        ("/campaigns/sale/people.csv", 200),
        ("/campaigns/nope.json", 404),
        ("/rejected.json", 200),
        ("/users?id=", None),
        ("/static/nope.css", 404),
    ],
)
def test_what_is_no_page_is_hardened_too(browser: httpx.Client, path: str, status: int | None) -> None:
    """A browser shows JSON, CSV, redirects and static files as documents of this site."""
    answer = browser.get(path)
    assert status in {None, answer.status_code}, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "cache-control" in answer.headers
