"""Addresses of pages: every id has one that browsers leave alone, and it leads back to the id."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.access.keys import Scope
from infrastructure.web.links import campaign_path, path_of, read_step, user_path
from tests.infrastructure.web.shops import Shop, log_in, received
from tests.support.serving import Api, serving

DOT_SEGMENT = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
"""What browsers take for this folder or the one above (WHATWG URL, single-dot and double-dot path segments)."""
IDS = st.text(st.sampled_from(".=%2Eeé/\\?#~;:"), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("addresses")) as api:
        yield api


@given(IDS)
def test_a_step_is_no_dot_segment_and_leads_back(given_id: str) -> None:
    """Also for ids that read like the step of another one."""
    step = path_of(given_id).removeprefix("/")
    assert not DOT_SEGMENT.fullmatch(step)
    assert "/" not in step
    assert read_step(step) == given_id


@pytest.mark.parametrize(
    "given_id", [".", "..", "=.", "=..", "=%2E", "list", "details", "data_series", "new"]
)
def test_pages_of_awkward_ids_open(api: Api, given_id: str) -> None:
    """Of campaigns and of users, and as JSON and CSV; what is typed in its plain form stays what it is."""
    shop = Shop.open(api, {"id": given_id, "variants": [{"id": "A"}]})
    shop.take(received(given_id, "A", given_id))
    for page, kind in (("", ""), ("", ".json"), ("", ".csv"), ("people", ""), ("history", "")):
        answer = shop.get(raw(shop, campaign_path(given_id, page, kind)))
        if kind == ".json":
            assert answer.json()["campaign_id"] == given_id
    assert shop.get(raw(shop, user_path(given_id, ".json"))).json()["user_id"] == given_id
    assert shop.get(raw(shop, campaign_path(given_id) + path_of("users", given_id))).status_code == 200
    manager = log_in(api, shop.app_group, Scope.MANAGE)
    assert manager.get(raw(shop, campaign_path(given_id, "edit"))).status_code == 200
    assert unquote(user_path("a=.b")) == "/users/a=.b"


def raw(shop: Shop, path: str) -> httpx.URL:
    """The path as it is."""
    return shop.browser.base_url.copy_with(raw_path=path.encode())
