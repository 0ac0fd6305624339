"""What /openapi.json says is true: calls made from it are answered as it says, and every route looks at the key."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction, load_all_checks
from schemathesis.specs.openapi import checks

from infrastructure.access.keys import Scope
from infrastructure.http.app import VERSION, create
from infrastructure.http.reference import write_markdown
from infrastructure.http.schemas import describe
from infrastructure.http.settings import WebSettings
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, post
from tests.support.commands import ROOT
from tests.support.serving import Api, serving

load_all_checks()

DESCRIBED = describe(create("sqlite:///nowhere.db"), VERSION)
SCHEMA = schemathesis.openapi.from_dict(DESCRIBED).exclude(path="/v1/stream")
"""But for the stream, which has no end: tests/infrastructure/outbound/test_stream.py."""

ANSWERS_EACH: list[CheckFunction] = [checks.negative_data_rejection]
"""A call with facts that are none is answered, each of them with a verdict (R16)."""
READS_ON = {"/v1/facts", "/users/track", "/campaigns/list", "/canvas/list"}
"""Those calls, and Braze's lists, which read no further than what they know, as Braze has it."""
REFUSES_MORE: list[CheckFunction] = [checks.positive_data_acceptance]
"""What has the form may still be refused: a position beyond the log, a rule of the rulebook."""


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A server with a campaign, a recipient and a conversion.

    It has no pages: GET /users/track would be that of a user with the id `track`, where the API has a POST.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory), [SALE], wait_seconds=0.5, web=WebSettings(pages="off")) as api,
    ):
        post(api.client(), RECEIPT, PURCHASE).raise_for_status()
        yield api


def asks_more(case: "schemathesis.Case[Any]") -> bool:
    """Whether a query has names that the schema does not: they are not read, and so refuse no call."""
    stated = DESCRIBED["paths"][case.path].get(case.method.lower(), {}).get("parameters", [])
    return not {*(case.query or {})} <= {each["name"] for each in stated if each["in"] == "query"}


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_every_call_is_answered_as_the_schema_says(api: Api, case: "schemathesis.Case[Any]") -> None:
    """Statuses, media types and shapes; never a server's error."""
    headers = {"Authorization": f"Bearer {api.key(*Scope)}"}
    excluded = REFUSES_MORE + (ANSWERS_EACH if case.path in READS_ON or asks_more(case) else [])
    case.call_and_validate(base_url=api.url, headers=headers, excluded_checks=excluded)


def operations() -> Iterator[tuple[str, str]]:
    """Every method and path, with ids that exist filled in."""
    for path, methods in DESCRIBED["paths"].items():
        for method in methods:
            yield method.upper(), path.format(campaign_id="sale", user_id="u1", webhook_id="none")


OPEN = {"/healthz", "/readyz", "/metrics"}
ENDLESS = {"/v1/stream"}
GUARDED = [(method, path) for method, path in operations() if path not in OPEN | ENDLESS]


def call(api: Api, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """A call with a body that says nothing."""
    return httpx.request(method, f"{api.url}{path}", headers=headers, json={}, timeout=10)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_route_looks_at_the_key(api: Api, method: str, path: str) -> None:
    """No key, no answer; a key of too little scope is told so; one of another app group finds nothing."""
    assert call(api, method, path, {}).status_code == 401
    told = {scope: call(api, method, path, {"Authorization": f"Bearer {api.key(scope)}"}) for scope in Scope}
    assert any(answer.status_code == 403 for answer in told.values())
    assert any(answer.status_code != 403 for answer in told.values())
    other = {"Authorization": f"Bearer {api.key(*Scope, app_group='other')}"}
    if "{" in path or "sale" in path or "u1" in path:
        assert call(api, method, path, other).status_code in {400, 404, 422}


def test_the_schema_names_every_route(api: Api) -> None:
    """What is served is what is described."""
    served: dict[str, Any] = httpx.get(f"{api.url}/openapi.json").json()
    assert served == DESCRIBED
    assert served["openapi"].startswith("3.1")


def test_the_reference_is_written_from_the_schema() -> None:
    """docs/api.md is what `make api` writes."""
    assert (ROOT / "docs" / "api.md").read_text() == write_markdown(DESCRIBED)
