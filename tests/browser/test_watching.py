"""Whatever goes wrong in a window fails its test: shown on pages that are wrong on purpose."""

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.watched import Window

ORIGIN = "http://127.0.0.1:1"
STRICT = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"}


@pytest.mark.parametrize(
    ("page", "tells"),
    [
        ("<script>document.title = 'x'</script>", "script-src"),
        ("<p style='color: red'>red</p>", "style-src"),
        ("<body onload='x()'>", "script-src"),
        ("<img src=https://elsewhere.example/x.png>", "img-src"),
        ("<script src=/throws.js></script>", "script: on purpose"),
        ("<script src=/missing.js></script>", "answer: 404"),
        ("<script src=/lost.js></script>", "failed request"),
        ("<script src=/asks.js></script>", "dialog: are you there"),
    ],
)
def test_what_goes_wrong_is_noticed(browser: Browser, page: str, tells: str) -> None:
    """A forbidden script or style, an error, an answer, a request that fails, a dialog."""

    def answer(route: Route) -> None:
        match route.request.url.removeprefix(ORIGIN):
            case "/":
                route.fulfill(
                    body=f"<!doctype html><title>t</title>{page}", headers=STRICT, content_type="text/html"
                )
            case "/throws.js":
                route.fulfill(body="throw new Error('on purpose')", content_type="text/javascript")
            case "/asks.js":
                route.fulfill(body="alert('are you there')", content_type="text/javascript")
            case "/missing.js":
                route.fulfill(status=404)
            case _:
                route.abort()

    window = Window.open(browser, ORIGIN)
    try:
        window.context.route("**/*", answer)
        window.go("/")
        with pytest.raises(AssertionError, match=tells):
            window.check()
    finally:
        window.context.close()
