"""The colours that a reader chose, in a cookie."""

from collections.abc import Iterator

import pytest

from infrastructure.http.settings import WebSettings
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server that all these tests share."""
    with serving(tmp_path_factory.mktemp("theme"), web=WebSettings(pages="on"), projecting=False) as api:
        yield api


def test_the_colours_are_kept_for_a_year_and_taken_back(api: Api) -> None:
    """Also before somebody logs in; `system` takes the choice back."""
    browser = api.browser()
    answer = browser.post("/theme", data={"theme": "dark", "back": "/login?next=%2Fa"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fa")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("theme=dark;")
    assert "Max-Age=31536000" in cookie
    assert "SameSite=lax" in cookie
    assert 'data-theme="dark"' in browser.get("/login").text
    browser.post("/theme", data={"theme": "system", "back": "/"})
    assert 'data-theme="system"' in browser.get("/login").text


@pytest.mark.parametrize(
    "back",
    ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:alert(1)", "/a\nb", "/é"],
)
def test_the_way_back_is_a_path_of_ours(api: Api, back: str) -> None:
    """Anything else leads to the first page."""
    assert api.browser().post("/theme", data={"theme": "light", "back": back}).headers["location"] == "/"


def test_an_unknown_theme_is_refused(api: Api) -> None:
    """With 400, and no cookie."""
    answer = api.browser().post("/theme", data={"theme": "<script>", "back": "/"})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
