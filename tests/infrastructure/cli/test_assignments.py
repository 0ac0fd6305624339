"""Which variant users get: over HTTP and by the command, from what they received as it stands at that moment."""

import gzip
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.commands.definitions import read_campaigns
from application.queries.assignments import MOST_USER_IDS, Assignments
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.journeys.reading import IndexedReceipts
from tests.infrastructure.http.test_http import RECEIPT, SALE, post, problem
from tests.support.commands import run
from tests.support.ledgers import GROUP, open_ledger, rows, take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

OTHER = "other"
DRAFT = SALE | {"id": "draft", "status": "draft"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign and a draft; read models are of no concern here."""
    with serving(tmp_path, [SALE, DRAFT], projecting=False) as api:
        yield api


def ask(client: httpx.Client, users: Any, campaign_id: str = "sale") -> httpx.Response:
    return client.post(f"/v1/campaigns/{campaign_id}/assignments", json={"user_ids": users})


def assigned(client: httpx.Client, *users: str, campaign_id: str = "sale") -> list[dict[str, Any]]:
    told = ask(client, users, campaign_id).raise_for_status().json()
    assert (told["app_group"], told["campaign_id"]) == (GROUP, campaign_id)
    assert [each["user_id"] for each in told["assignments"]] == list(users)
    found: list[dict[str, Any]] = told["assignments"]
    return found


def receipt(fact_id: str, user: str, variant: str, day: int = 1) -> dict[str, Any]:
    at = f"2026-03-{day:02}T09:00:00Z"
    return RECEIPT | {"id": fact_id, "user_id": user, "variant_id": variant, "at": at}


def void(fact_id: str, user: str, named: str) -> dict[str, Any]:
    return {"type": "void", "id": fact_id, "user_id": user, "fact_id": named, "at": "2026-04-01T09:00:00Z"}


def test_users_keep_what_they_received_and_the_others_are_shared_by_weights(api: Api) -> None:
    """R5: at once, whatever read models are brought up to; a receipt that came late is none the later."""
    client = api.client()
    unseen = assigned(client, "new")[0]
    assert unseen["because"] == "weights"
    facts = [receipt("r2", "u1", "B", day=9), receipt("r1", "u1", "A", day=2), receipt("r3", "u2", "holdout")]
    # Of one instant, the latest has the greatest id.
    facts += [receipt("r5", "u3", "B"), receipt("r4", "u3", "A"), receipt("r6", "u2", "A", day=5)]
    assert post(client, *facts).json()["accepted"] == 6
    found = assigned(client, "u1", "u2", "new", "u3", "u1")
    assert found == [
        {"user_id": "u1", "variant_id": "B", "control": False, "because": "received"},
        {"user_id": "u2", "variant_id": "holdout", "control": True, "because": "received"},
        unseen,
        {"user_id": "u3", "variant_id": "B", "control": False, "because": "received"},
        {"user_id": "u1", "variant_id": "B", "control": False, "because": "received"},
    ]


def test_voided_receipts_do_not_count(api: Api) -> None:
    """R17: neither of a variant nor of control, and not when the void came first."""
    client = api.client()
    unseen = assigned(client, "u1", "u2")
    post(client, receipt("r1", "u1", "A"), receipt("r2", "u1", "holdout", day=2), void("v1", "u1", "r2"))
    post(client, void("v2", "u2", "r3"), receipt("r3", "u2", "holdout"))
    assert assigned(client, "u1")[0] == {
        "user_id": "u1", "variant_id": "A", "control": False, "because": "received"
    }  # fmt: skip
    assert assigned(client, "u2")[0] == unseen[1]
    post(client, void("v3", "u1", "r1"))
    assert assigned(client, "u1", "u2") == unseen


def test_nobody_gets_anything_of_what_is_not_launched(api: Api) -> None:
    """R4: and what is launched again goes out as before."""
    client = api.client()
    post(client, receipt("r1", "u1", "A"))
    none: dict[str, Any] = {"variant_id": None, "control": False}
    assert assigned(client, "u1", campaign_id="draft") == [
        {"user_id": "u1", "because": "campaign_is_draft"} | none
    ]
    before = assigned(client, "u1", "u2")
    for step, because in (
        ("stop", "campaign_is_stopped"),
        ("launch", None),
        ("archive", "campaign_is_archived"),
    ):
        client.post(f"/v1/campaigns/sale/{step}").raise_for_status()
        found = assigned(client, "u1", "u2")
        expected = [{"user_id": user, "because": because} | none for user in ("u1", "u2")]
        assert found == (expected if because else before)


def test_weights_are_those_in_force(api: Api) -> None:
    """R5: a change is followed at once, and where it is taken back, so are the users it moved."""
    client, users = api.client(), [f"u{number}" for number in range(60)]
    before = assigned(client, *users)
    weights = {"A": 0, "B": 2, "holdout": 1}
    stated: Any = SALE["variants"]
    variants: list[dict[str, Any]] = [each | {"weight": weights[each["id"]]} for each in stated]
    client.patch("/v1/campaigns/sale", json={"variants": variants}).raise_for_status()
    after = assigned(client, *users)
    assert {each["variant_id"] for each in before} == {"A", "B", "holdout"}
    assert {each["variant_id"] for each in after} == {"B", "holdout"}
    assert [each["control"] for each in after] == [each["control"] for each in before]
    variants = [each | {"weight": 7} for each in variants]
    client.patch("/v1/campaigns/sale", json={"variants": variants}).raise_for_status()
    assert assigned(client, *users) == before


def test_asking_records_nothing(api: Api) -> None:
    """No user, no receipt, no event."""
    before = rows(api.service)
    assigned(api.client(), "u1", "u2")
    assert rows(api.service) == before
    problem(api.client().get("/v1/users/u1/journey"), 404, "unknown_user")


def test_another_app_groups_users_and_campaigns_are_never_told(api: Api) -> None:
    """R13: the same ids mean others there."""
    stated = {"app_group": OTHER, "apps": ["ios"], "campaigns": [SALE]}
    api.service.campaigns.apply(read_campaigns(stated), stamp())
    take(api.service, [receipt("r1", "u1", "A")], OTHER)
    assert assigned(api.client(), "u1")[0]["because"] == "weights"
    there = ask(api.client(app_group=OTHER), ["u1"]).json()["assignments"]
    assert [each["because"] for each in there] == ["received"]
    problem(ask(api.client(app_group=OTHER), ["u1"], "draft"), 404, "unknown_campaign")


def test_a_key_that_sends_facts_alone_does_not_learn_who_is_in_control(api: Api) -> None:
    """Apps in the field have such keys."""
    problem(ask(api.client(Scope.INGEST), ["u1"]), 403, "missing_scope")
    for scope in (Scope.READ, Scope.MANAGE):
        assert ask(api.client(scope), ["u1"]).status_code == 200


def test_as_many_users_as_a_call_takes(api: Api) -> None:
    """And no more; none are fine too."""
    client, users = api.client(), [f"u{number}" for number in range(MOST_USER_IDS + 1)]
    assert assigned(client) == []
    found = assigned(client, *users[:-1])
    assert len({each["variant_id"] for each in found}) == 3
    assert problem(ask(client, users), 413, "too_many_user_ids")["place"] == "user_ids"
    packed = gzip.compress(json.dumps({"user_ids": users[:9]}).encode())
    headers = {"Content-Encoding": "gzip"}
    sent = client.post("/v1/campaigns/sale/assignments", content=packed, headers=headers).json()
    assert sent["assignments"] == found[:9]


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\0b", 7, None, ["u1"]])
def test_what_is_no_user_id_is_refused_with_its_place(api: Api, bad: Any) -> None:
    """R16: the call whole, for there is nothing to be done by halves."""
    told = ask(api.client(), ["u1", "x" * 255, bad])
    if bad == "a\0b":
        # Refused before it is read further: no text of a call holds it.
        assert problem(told, 400, "malformed")["place"] in {"", "user_ids[2]"}
    else:
        assert problem(told, 400, "malformed")["place"] == "user_ids[2]"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("{}", "user_ids"),
        ('{"user_ids":"u1"}', "user_ids"),
        ('{"user_ids":["u1"],"more":1}', "user_ids"),
        ('{"user_ids":[],"user_ids":[]}', ""),
        ('{"user_ids":["\\ud800"]}', ""),
        ("[]", ""),
        ("what", ""),
    ],
)
def test_a_body_of_another_form_is_refused(api: Api, body: str, place: str) -> None:
    """With a code and what it is to be."""
    told = api.client().post("/v1/campaigns/sale/assignments", content=body)
    assert problem(told, 400, "malformed")["place"] == place


def test_an_unknown_campaign_is_an_error(api: Api) -> None:
    """R16: and remains one, also where it is asked about again; ids may hold a slash."""
    for _ in range(2):
        problem(ask(api.client(), ["u1"], "no%2Fsuch"), 404, "unknown_campaign")


def test_campaigns_are_remembered_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks about many in turn is told the same."""
    monkeypatch.setattr("application.queries.assignments._REMEMBERED", 1)
    with open_ledger(tmp_path, [SALE, SALE | {"id": "autumn"}]) as service:
        assignments = Assignments(service.ledger, IndexedReceipts(service.database))
        asked = [assignments.assign(GROUP, each, ["u1"]) for each in ("sale", "autumn", "sale", "sale")]
    assert asked[0] == asked[2] == asked[3]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from("AB"), st.integers(1, 9)), max_size=6), st.data()
)
def test_a_user_gets_the_same_whatever_the_batch(
    received: Sequence[tuple[int, str, int]], data: st.DataObject
) -> None:
    """R14: and in whatever order receipts arrived."""
    users = [f"u{number}" for number in range(6)]
    facts = [
        receipt(f"r{index}", f"u{user}", variant, day) for index, (user, variant, day) in enumerate(received)
    ]
    found = []
    for order in (facts, data.draw(st.permutations(facts))):
        with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), [SALE]) as service:
            take(service, order)
            together = service.assignments.assign(GROUP, "sale", users)
            assert together == [service.assignments.assign(GROUP, "sale", [user])[0] for user in users]
            found.append(together)
    assert found[0] == found[1]


def test_the_command_tells_of_users_named_and_in_a_file(tmp_path: Path) -> None:
    """A table for people; with --json a line a user, as over HTTP."""
    with open_ledger(tmp_path, [SALE, DRAFT]) as service:
        take(service, [receipt("r1", "u1", "holdout"), receipt("r2", "\u00e9 [b]", "B")])
    (tmp_path / "users.txt").write_bytes("\ufeffu1\r\n\n\u00e9 [b]\nnew".encode())
    shown = run(tmp_path, "assign", "sale", "u1", "new", "--app-group", GROUP)
    assert shown.returncode == 0, shown.stderr
    assert "2 assignments" in shown.stdout
    assert "holdout (control)" in shown.stdout
    assert "by weights" in shown.stdout
    told = run(tmp_path, "assign", "sale", "new", "--file", "users.txt", "--json")
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [each["user_id"] for each in lines] == ["new", "u1", "\u00e9 [b]", "new"]
    assert lines[0] == lines[3]
    assert [each["variant_id"] for each in lines[1:3]] == ["holdout", "B"]
    none = run(tmp_path, "assign", "draft", "--file", "-", given="u1\n")
    assert "none: the campaign is a draft" in none.stdout


def test_the_command_takes_a_file_of_any_length(tmp_path: Path) -> None:
    """As many at once as a call takes."""
    with open_ledger(tmp_path, [SALE]):
        pass
    users = [f"u{number}" for number in range(MOST_USER_IDS + 1)]
    told = run(tmp_path, "assign", "sale", "--file", "-", "--json", given="\n".join(users))
    assert [json.loads(line)["user_id"] for line in told.stdout.splitlines()] == users


@pytest.mark.parametrize(
    ("arguments", "given", "status", "code", "place"),
    [
        (["sale"], None, 1, "bad_option", "--file"),
        (["nope", "u1"], None, 1, "unknown_campaign", "campaign_id"),
        (["nope", "--file", "-"], "", 1, "unknown_campaign", "campaign_id"),
        (["sale", "u1", "u1", "x" * 256], None, 1, "malformed", "USER_ID"),
        (["sale", "--file", "-"], "u1\n" + "x" * 256, 1, "malformed", "line 2"),
        (["sale", "--file", "-"], "u1\n\n" + "x" * (1 << 21), 1, "malformed", "line 3"),
        (["sale", "--file", "latin.txt"], None, 1, "malformed", "line 1"),
        (["sale", "--file", "no such"], None, 2, "unreadable_file", ""),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], given: str | None, status: int, code: str, place: str
) -> None:
    """With a code and a place, and nothing on standard output."""
    (tmp_path / "latin.txt").write_bytes("\u00e9".encode("latin-1"))
    with open_ledger(tmp_path, [SALE]):
        pass
    done = run(tmp_path, "assign", *arguments, "--json", given=given)
    assert (done.returncode, done.stdout) == (status, "")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["place"]) == (code, place)
