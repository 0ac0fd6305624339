"""`conversions keys` and `conversions rejects`: what operators of the service do by hand."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.instants import microseconds
from infrastructure import metrics
from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.inbound import rejects
from infrastructure.inbound.rejects import Refusal, RejectSweep
from tests.infrastructure.http.test_http import MISSING, RECEIPT, SALE, post, problem
from tests.support.commands import run
from tests.support.ledgers import GROUP, open_ledger
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

DAY = 86_400_000_000
REFUSED = Refusal("malformed", "no fact", "{}")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign."""
    with serving(tmp_path, [SALE]) as api:
        yield api


def told(directory: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = run(directory, *arguments, "--json")
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_key_is_shown_once_listed_by_its_prefix_and_revoked(api: Api, tmp_path: Path) -> None:
    """It opens what its scopes say, and nothing once it is revoked; the list holds no secret."""
    made = told(
        tmp_path,
        "keys",
        "create",
        "--app-group",
        GROUP,
        "--scope",
        "read",
        "--scope",
        "ingest",
        "--expires-in",
        "90d",
    )
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert made["scopes"] == ["ingest", "read"]
    assert made["expires_at"] > made["created_at"]
    assert httpx.get(f"{api.url}/v1/app-group", headers=headers).json()["app_group"] == GROUP
    problem(httpx.post(f"{api.url}/v1/campaigns", headers=headers), 403, "missing_scope")
    listed = run(tmp_path, "keys", "list")
    assert made["key_id"] in listed.stdout
    assert made["key"].split("_", 2)[2] not in listed.stdout
    revoked = told(tmp_path, "keys", "revoke", f"cl_{made['key_id']}_…")
    assert revoked["state"] == "revoked"
    assert [each["state"] for each in told(tmp_path, "keys", "list")["keys"]] == ["revoked"]


def test_a_key_printed_for_people_is_alone_on_standard_output(api: Api, tmp_path: Path) -> None:
    """So that a script can take it; what else is to be said stands on standard error."""
    done = run(tmp_path, "keys", "create", "--app-group", "new", "--scope", "manage")
    key = done.stdout.strip()
    assert key.startswith("cl_")
    said = " ".join(done.stderr.split())
    assert "no app group new yet" in said
    assert "POST /v1/campaigns makes it too, with UTC." in said
    assert key not in done.stderr
    made = httpx.patch(
        f"{api.url}/v1/app-group", headers={"Authorization": f"Bearer {key}"}, json={"apps": ["web"]}
    )
    assert made.json() == {
        "app_group": "new",
        "time_zone": "UTC",
        "default_currency": None,
        "apps": ["web"],
        "custom_events": [],
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--app-group", GROUP, "--scope", "read", "--expires-in", "soon"], "bad_option"),
        (["--app-group", GROUP, "--scope", "ingest", "--app", "nope"], "bad_option"),
        (["--app-group", "", "--scope", "read"], "bad_option"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    api: Api, tmp_path: Path, options: list[str], code: str
) -> None:
    """With a code, and none is made."""
    done = run(tmp_path, "keys", "create", *options, "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == code
    assert told(tmp_path, "keys", "list")["keys"] == []
    assert api.url


def test_rejected_facts_are_taken_once_what_was_missing_is_there(api: Api, tmp_path: Path) -> None:
    """R13, R16: listed with their reasons, tried again after the campaign was made, and gone once taken."""
    client = api.client()
    purchase = {
        "type": "purchase",
        "id": "p",
        "user_id": "u9",
        "product_id": "x",
        "price": "@",
        "currency": "USD",
        "at": "2026-03-01T10:00:00Z",
        "app_id": "nope",
    }
    sent = json.dumps({"facts": [MISSING, purchase, {"type": "what"}, RECEIPT]}).replace(
        '"@"', "123456789012.345678"
    )
    assert len(client.post("/v1/facts", content=sent).json()["rejected"]) == 3
    listed = told(tmp_path, "rejects", "list")
    assert {each["code"]: each["number"] for each in listed["kept"]} == {
        "unknown_campaign": 1,
        "unknown_app": 1,
        "malformed": 1,
    }
    assert listed["rejects"][0]["fact"] == MISSING
    assert listed["rejects"][0]["source"] == "facts"
    again = told(tmp_path, "rejects", "retry", status=3)
    assert (again["tried"], again["accepted"], again["rejected"], again["unreadable"]) == (3, 0, 3, 1)
    client.post("/v1/campaigns", json={"id": "nope"}).raise_for_status()
    client.patch("/v1/app-group", json={"apps": ["nope"]}).raise_for_status()
    again = told(tmp_path, "rejects", "retry", "--code", "unknown_campaign")
    assert (again["tried"], again["accepted"]) == (1, 1)
    assert told(tmp_path, "rejects", "retry", status=3)["accepted"] == 1
    report = client.get("/v1/campaigns/nope/report").json()
    assert (report["totals"]["receipts"], report["totals"]["revenue"]) == (1, {"USD": "123456789012.345678"})
    assert [each["code"] for each in told(tmp_path, "rejects", "list")["rejects"]] == ["malformed"]
    assert "1 of 1 shown" in run(tmp_path, "rejects", "list").stdout


def test_what_is_rejected_again_has_the_newest_reason(api: Api, tmp_path: Path) -> None:
    """R16: the campaign was made, its variant was not; the reasons are told by code, for people and as JSON."""
    client = api.client()
    post(client, MISSING | {"variant_id": "B"}, MISSING | {"id": "r10"}, {"type": "what"})
    before = told(tmp_path, "rejects", "list")["rejects"]
    client.post("/v1/campaigns", json={"id": "nope", "status": "draft"}).raise_for_status()
    again = told(tmp_path, "rejects", "retry", status=3)
    assert again["reasons"] == [
        {"code": "campaign_is_draft", "number": 2},
        {"code": "malformed", "number": 1},
    ]
    client.post("/v1/campaigns/nope/launch").raise_for_status()
    for_people = run(tmp_path, "rejects", "retry").stdout
    assert "1 unknown_variant" in for_people
    assert "1 malformed" in for_people
    after = told(tmp_path, "rejects", "list")["rejects"]
    assert [each["code"] for each in after] == ["unknown_variant", "malformed"]
    assert after[0]["message"] != before[0]["message"]
    assert after[0]["rejected_at"] > before[0]["rejected_at"]
    assert {name: after[0][name] for name in ("reject_id", "source", "fact")} == {
        name: before[0][name] for name in ("reject_id", "source", "fact")
    }
    assert after[1] == before[2]


def test_rejected_facts_are_forgotten_by_code_by_age_and_by_id(api: Api, tmp_path: Path) -> None:
    """Those that all the options name, of one app group, and it says how many; with none, all of them."""
    client, other = api.client(), api.client(app_group="other")
    other.patch("/v1/app-group", json={}).raise_for_status()
    post(other, MISSING)
    post(client, *[MISSING | {"id": f"r{n}"} for n in range(5)], {"type": "what"})
    ids = [each["reject_id"] for each in told(tmp_path, "rejects", "list", "--app-group", GROUP)["rejects"]]

    def forgotten(*options: str) -> int:
        number: int = told(tmp_path, "rejects", "forget", "--app-group", GROUP, *options)["forgotten"]
        return number

    assert forgotten("--code", "unknown_campaign", "--before", "2026-01-01T00:00:00Z") == 0
    assert forgotten("--id", ids[0], "--id", ids[1], "--id", "999999") == 2
    assert forgotten("--id", ids[2], "--code", "malformed") == 0
    assert forgotten("--code", "malformed", "--before", "2099-01-01T00:00:00Z") == 1
    assert "3 forgotten" in run(tmp_path, "rejects", "forget", "--app-group", GROUP).stdout
    assert (kept(api.service), kept(api.service, "other")) == (0, 1)
    refused = run(tmp_path, "rejects", "forget", "--app-group", GROUP, "--before", "yesterday", "--json")
    assert (refused.returncode, json.loads(refused.stderr)["error"]["code"]) == (1, "bad_time")


def test_what_was_tried_again_hides_nothing_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step looks at few rows; the next minute's looks at the rows behind them, and at the first ones after the last."""
    monkeypatch.setattr(rejects, "_AT_ONCE", 5)
    with open_ledger(tmp_path) as service:
        keep(service, 48)
        with service.database.writing() as connection:
            first = [each.reject_id for each in rejects.read_page(connection, GROUP, limit=10)]
            rejects.refuse_again(connection, dict.fromkeys(first, ("malformed", "again")), 3 * DAY)
        sweep = sweep_of(service, now=3 * DAY)
        for left in (48, 48, 10):
            sweep_all(sweep)
            assert kept(service) == left
        with service.database.writing() as connection:
            rejects.refuse_again(connection, dict.fromkeys(first[:5], ("malformed", "again")), 9 * DAY)
        sweep = sweep_of(service, now=9 * DAY)
        for left in (10, 5):
            sweep_all(sweep)
            assert kept(service) == left


def test_rejected_facts_are_bounded(tmp_path: Path) -> None:
    """The oldest make room; those that came later stay, and each app group has room of its own."""
    with serving(tmp_path, [SALE]) as api:
        client, other = api.client(), api.client(Scope.INGEST, Scope.MANAGE, app_group="other")
        other.patch("/v1/app-group", json={}).raise_for_status()
        post(other, MISSING)
        for number in range(4):
            post(client, *[MISSING | {"id": f"m{number}-{n}"} for n in range(3)])
        sweep_all(RejectSweep(api.service.database, 5, 1, api.service.projector.clock))
        kept = told(tmp_path, "rejects", "list", "--app-group", GROUP)["rejects"]
        assert [each["fact"]["id"] for each in kept] == ["m2-1", "m2-2", "m3-0", "m3-1", "m3-2"]
        assert len(told(tmp_path, "rejects", "list", "--app-group", "other")["rejects"]) == 1


def test_nothing_is_kept_where_none_is_to_be(tmp_path: Path) -> None:
    """The answer says as ever what was wrong."""
    with serving(tmp_path, [SALE], rejects_kept=0) as api:
        post(api.client(), MISSING)
        assert kept(api.service) == 0


def test_a_fact_too_long_to_be_kept_is_listed_by_its_names_and_its_size(api: Api, tmp_path: Path) -> None:
    """Nothing that was rejected is lost without a word; a retry says that it takes no such thing."""
    long = {"properties": {"much": "x" * rejects.LONGEST_FACT}, "name": "seen", "type": "custom_event"}
    post(api.client(), MISSING | long, RECEIPT)
    [listed] = told(tmp_path, "rejects", "list")["rejects"]
    assert (listed["code"], listed["fact"].pop("characters") > rejects.LONGEST_FACT) == (
        "unknown_field",
        True,
    )
    assert listed["fact"] == {"type": "custom_event", "id": "r9", "user_id": "u9"}
    retried = run(tmp_path, "rejects", "retry")
    assert retried.returncode == 3
    assert "1 unreadable" in retried.stdout
    assert "correct them and send them again" in retried.stdout.replace("\n", " ")


def kept(service: Service, app_group: str = GROUP) -> int:
    """How many rejected facts of an app group are kept."""
    with service.database.reading() as connection:
        return sum(rejects.count(connection, app_group).values())


def keep(service: Service, number: int, *, now: int = 0, app_group: str = GROUP) -> None:
    """Reject so many facts in one call."""
    with service.database.writing() as connection:
        rejects.keep(connection, app_group, "facts", [REFUSED] * number, now)


def sweep_of(service: Service, *, number: int = 1_000, now: int = 0) -> RejectSweep:
    """A sweep by a clock that stands still; what is older than a day is too old."""
    return RejectSweep(service.database, number, 1, lambda: now)


def sweep_all(sweep: RejectSweep) -> int:
    """Do the steps of one minute; how many they were."""
    return next(steps for steps in count(1) if not sweep())


def test_a_sweep_is_many_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to remove, no step removes more than so many; the bound holds after the last."""
    monkeypatch.setattr(rejects, "_AT_ONCE", 400)
    with open_ledger(tmp_path) as service:
        keep(service, 5_000)
        sweep = sweep_of(service, number=10)
        left = [5_000]
        while sweep():
            left.append(kept(service))
        assert max(one - other for one, other in pairwise(left)) == 400
        assert left[-1] == 10


def test_what_is_too_old_goes_though_its_app_group_has_nothing_rejected_any_more(tmp_path: Path) -> None:
    """And where none is to be kept from now on, what was kept before goes too."""
    with open_ledger(tmp_path) as service:
        keep(service, 50, app_group="quiet")
        keep(service, 100, now=DAY)
        sweep_all(sweep_of(service, now=DAY))
        assert (kept(service, "quiet"), kept(service)) == (50, 100)
        sweep_all(sweep_of(service, now=DAY + 1))
        assert (kept(service, "quiet"), kept(service)) == (0, 100)
        sweep_all(sweep_of(service, number=0, now=DAY + 1))
        assert kept(service) == 0


def test_sweeps_and_calls_at_once_end_in_no_deadlock(tmp_path: Path) -> None:
    """Two services may serve one database: what one has at hand the other leaves to it."""
    with open_ledger(tmp_path) as service:

        def reject(number: int) -> None:
            keep(service, 100, now=number * DAY, app_group=f"group{number % 3}")
            sweep_all(sweep_of(service, number=50, now=number * DAY))

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(reject, range(60))) == [None] * 60
        sweep_all(sweep_of(service, number=50, now=60 * DAY))
        assert kept(service, "group0") <= 50


def test_a_scrape_does_not_count_all_rejected_facts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while it tells what was counted, of all app groups together."""

    def scraped() -> list[str]:
        found = metrics.describe_ledger(service.database, service.log, lambda: microseconds(service.now()))
        return [line.rpartition(" ")[2] for line in found if line.startswith("conversions_rejects_kept{")]

    with open_ledger(tmp_path) as service:
        monkeypatch.setattr(metrics, "_REJECTS_SECONDS", 1e9)
        keep(service, 2)
        keep(service, 3, app_group="other")
        assert scraped() == ["5"]
        keep(service, 1)
        assert scraped() == ["5"]
        monkeypatch.setattr(metrics, "_REJECTS_SECONDS", 1e-6)
        assert scraped() == ["6"]
