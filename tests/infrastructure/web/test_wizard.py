"""The wizard as a browser without script meets it: every step, every refusal, and two people at once."""

import html
import json
import shlex
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import yaml

from application.commands.definitions import read_campaigns
from application.queries.campaigns import campaign_as_filed
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.http.problems import Problem
from infrastructure.http.settings import WebSettings
from infrastructure.http.turns import Turns
from infrastructure.web.formats import Formats
from infrastructure.web.links import campaign_path
from infrastructure.web.wizard_create import Alike, CreateForm, VariantFields
from tests.infrastructure.http.test_http import SALE, post
from tests.infrastructure.web.forms import Form, read_form, read_text
from tests.support.commands import run
from tests.support.ledgers import GROUP
from tests.support.serving import Api, serving

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u202egnirps\u202c",
    "two\nlines",
    "\N{PARTY POPPER}" * 100,
    "i" * 255,
    "a/b?c=d.json",
    "new",
    "null",
    "010",
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server with a launched campaign; each test makes campaigns of its own."""
    directory = tmp_path_factory.mktemp("wizard")
    with serving(directory, [SALE], web=WebSettings(pages="on")) as api:
        yield api


@pytest.fixture(scope="module")
def browser(api: Api) -> httpx.Client:
    """Somebody who may manage."""
    return api.logged_in()


def draft(api: Api, campaign_id: str, **stated: Any) -> None:
    """Draft a campaign behind the wizard's back."""
    campaign = {"id": campaign_id, "status": "draft"} | stated
    api.service.campaigns.apply(read_campaigns({"app_group": GROUP, "campaigns": [campaign]}), stamp())


def change(api: Api, campaign_id: str, **stated: Any) -> None:
    """What somebody else does meanwhile."""
    api.service.campaigns.apply(
        read_campaigns({"app_group": GROUP, "campaigns": [{"id": campaign_id} | stated]}), stamp()
    )


def filed(service: Service, campaign_id: str, app_group: str = GROUP) -> dict[str, Any]:
    """A campaign as it is stored."""
    return campaign_as_filed(service.ledger.existing_campaign(app_group, campaign_id))


def open_step(browser: httpx.Client, campaign_id: str, step: int) -> httpx.Response:
    """A step of the wizard."""
    page = browser.get(campaign_path(campaign_id, "edit"), params={"step": step})
    assert page.status_code == 200, page.text
    return page


def step_form(browser: httpx.Client, campaign_id: str, step: int) -> Form:
    """The form of a step."""
    return read_form(open_step(browser, campaign_id, step), "/edit")


def follow(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The page that a saved form leads to."""
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"])


def test_a_campaign_is_made_in_three_steps(api: Api, browser: httpx.Client) -> None:
    """The campaign of the rules' third example, with rows and conversion events added, moved and removed."""
    form = read_form(browser.get("/campaigns/new"), "/campaigns/new")
    form = read_form(
        form.fill(id="walk", name="Walk", channel="email").press(browser, "Add a variant"), "/new"
    )
    form = read_form(form.press(browser, "Add a control group"), "/new")
    assert form.values("variant_id") == ["A", "B", "C", "control"]
    assert form.values("control") == ["3"]
    form = read_form(form.press(browser, "Remove variant 3"), "/new")
    assert (form.values("variant_id"), form.values("control")) == (["A", "B", "control"], ["2"])
    assert form.values("id") == ["walk"]
    step2 = follow(browser, form.press(browser, "Save and go on"))
    assert "nobody converts" in read_text(step2, "rules")

    form = read_form(step2, "/edit")
    form = read_form(form.press(browser, "+ Opens app"), "/edit")
    form = read_form(form.press(browser, "+ Makes a purchase"), "/edit")
    shown = form.press(browser, "Move up event B")
    assert "Event A (primary)" in shown.text
    rules = read_text(shown, "rules")
    assert rules.index("makes a purchase of any product within 3 days") < rules.index("opens any app")
    form = read_form(shown, "/edit").choose("app-1", "ios").choose("deadline-1", "other")
    step3 = follow(browser, form.fill(number_1="36", unit_1="h").press(browser, "Save and go on"))
    assert "3 days of receiving" in step3.text
    assert filed(api.service, "walk")["status"] == "draft"

    page = follow(browser, read_form(step3, "/launch").press(browser, "Launch"))
    assert "nobody has received it yet" in page.text
    made = filed(api.service, "walk")
    assert made["status"] == "launched"
    assert (made["name"], made["kind"], made["channel"]) == ("Walk", "campaign", "email")
    assert made["variants"] == [
        {"id": "A", "name": None, "weight": 50, "control": False},
        {"id": "B", "name": None, "weight": 50, "control": False},
        {"id": "control", "name": None, "weight": 10, "control": True},
    ]
    assert made["conversion_events"] == [
        {"type": "makes_purchase", "deadline": 259_200},
        {"type": "starts_session", "deadline": 129_600, "app_ids": ["ios"]},
    ]


def test_a_draft_is_left_and_found_again(api: Api, browser: httpx.Client) -> None:
    """The list has it with its status, and its page leads on."""
    form = read_form(browser.get("/campaigns/new"), "/new").fill(id="left")
    assert form.press(browser, "Save and leave").headers["location"] == "/"
    listed = browser.get("/", params={"status": "draft"}).text
    assert 'href="/campaigns/left"' in listed
    assert 'href="/campaigns/left/edit">Go on' in listed
    assert 'href="/campaigns/left/edit"' in browser.get("/campaigns/left").text
    assert filed(api.service, "left")["name"] == "left"


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(browser: httpx.Client) -> None:
    """A summary leads to each field, which is marked and described; all is said at once."""
    form = read_form(browser.get("/campaigns/new"), "/new").fill(name="Kept name", channel="k" * 300)
    form.fill_row("variant_weight", 0, "many").fill_row("variant_id", 1, "")
    answer = form.press(browser, "Save and go on")
    assert answer.status_code == 422
    for field in ("id", "channel", "variants-0-weight", "variants-1-id"):
        assert f'<a href="#{field}">' in answer.text
        assert f'id="{field}-fault"' in answer.text
        assert f'aria-describedby="{field}-fault' in answer.text
    again = read_form(answer, "/new")
    assert again.values("name") == ["Kept name"]
    assert again.values("variant_weight") == ["many", "50"]


@pytest.mark.parametrize(
    ("weights", "ids", "said"),
    [
        (["0", "0"], ["A", "B"], "not all 0"),
        (["1", ""], ["A", "B"], "Give every variant a weight, or none"),
        (["1", "1"], ["A", "A"], "Another variant has this id"),
        (["1", "9999999999"], ["A", "B"], "less than 2,147,483,648"),
    ],
)
def test_variants_that_the_rules_do_not_allow_are_refused(
    browser: httpx.Client, weights: list[str], ids: list[str], said: str
) -> None:
    """R5."""
    form = read_form(browser.get("/campaigns/new"), "/new").fill(id="never")
    for row in range(2):
        form.fill_row("variant_weight", row, weights[row]).fill_row("variant_id", row, ids[row])
    answer = form.press(browser, "Save and go on")
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("control", ["999", "2", "x"])
def test_a_control_group_that_is_no_row_is_refused(api: Api, browser: httpx.Client, control: str) -> None:
    """R5: a hand-made form drafts nothing without the control group that it asks for."""
    sent = {"id": "uncontrolled", "variant_id": ["A", "B"], "variant_name": ["", ""]}
    sent |= {"variant_weight": ["1", "1"], "control": control, "do": "next"}
    answer = browser.post("/campaigns/new", data=sent)
    assert answer.status_code == 422
    assert "The control group is one of the variants, or there is none" in answer.text
    assert 'id="control-fault"' in answer.text
    assert "uncontrolled" not in api.service.ledger.existing_app_group(GROUP).campaigns


def test_a_form_that_is_refused_repeats_no_more_of_a_text_than_a_rule_allows(
    api: Api, browser: httpx.Client
) -> None:
    """A megabyte of ids makes no page of several; a text is refused all the same."""
    draft(api, "repeated")
    rows = {"variant_id": ["a " * 4_000] * 100, "variant_name": [""] * 100, "variant_weight": ["1"] * 100}
    for path in ("/campaigns/new", "/campaigns/repeated/edit"):
        sent = rows | {"id": "x" * 100_000, "name": "x", "do": "next", "step": "1", "version": "1"}
        answer = browser.post(path, data=sent)
        assert answer.status_code == 422
        assert "at most 255 characters" in answer.text
        assert len(answer.content) < 400_000, path


def test_a_page_takes_a_turn_of_its_app_group_also_if_a_form_is_refused(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its status; only the page that says that no turn came waits for none."""
    refused: list[str] = []

    async def refuse(_: Turns, app_group: str, __: object) -> None:
        refused.append(app_group)
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "later")

    monkeypatch.setattr(Turns, "run", refuse)
    rows = {"variant_id": "A", "variant_name": "", "variant_weight": "1"}
    answer = browser.post("/campaigns/new", data=rows | {"id": "", "do": "next"})
    assert (answer.status_code, "too_busy" in answer.text) == (503, True)
    assert refused == [GROUP]


def test_a_taken_id_is_refused_with_a_link_to_the_campaign_that_has_it(browser: httpx.Client) -> None:
    """R1: an id is of one campaign."""
    answer = read_form(browser.get("/campaigns/new"), "/new").fill(id="sale").press(browser, "Save and go on")
    assert answer.status_code == 422
    assert "campaign_exists" in answer.text
    assert '<a href="/campaigns/sale">Open the campaign that has it</a>' in answer.text


def test_no_weights_at_all_are_equal_ones(api: Api, browser: httpx.Client) -> None:
    """R5."""
    form = read_form(browser.get("/campaigns/new"), "/new").fill(id="equal")
    form.fill_row("variant_weight", 0, "").fill_row("variant_weight", 1, "")
    assert form.press(browser, "Save and leave").status_code == 303
    assert [each["weight"] for each in filed(api.service, "equal")["variants"]] == [1, 1]


@pytest.mark.parametrize(
    ("number", "unit", "field", "said"),
    [
        ("", "d", "deadline", "type a whole number"),
        ("3.5", "d", "deadline", "type a whole number"),
        ("0", "d", "deadline", "more than 0 and at most 30 days"),
        ("31", "d", "deadline", "more than 0 and at most 30 days"),
        ("3", "w", "deadline", "type a whole number"),
    ],
)
def test_deadlines_that_the_rules_do_not_allow_are_refused(
    api: Api, browser: httpx.Client, number: str, unit: str, field: str, said: str
) -> None:
    """R3: at their field."""
    draft(api, "deadlines")
    form = read_form(step_form(browser, "deadlines", 2).press(browser, "+ Makes a purchase"), "/edit")
    form.choose("deadline-0", "other").fill(number_0=number, unit_0=unit)
    answer = form.press(browser, "Save and go on")
    assert answer.status_code == 422
    assert f'<a href="#conversion_events-0-{field}">' in answer.text
    assert said in read_text(answer, f"conversion_events-0-{field}-fault")
    assert read_form(answer, "/edit").values("number-0") == [number]
    assert filed(api.service, "deadlines")["conversion_events"] == []


def test_a_custom_event_is_picked_from_those_known_or_declared(api: Api, browser: httpx.Client) -> None:
    """R2: there is no default; those known come with what campaigns made of them."""
    event = {"type": "performs_custom_event", "name": "paid\nlate", "deadline": "7d"}
    api.service.campaigns.apply(
        read_campaigns({"app_group": GROUP, "custom_events": ["paid\nlate"], "campaigns": []}), stamp()
    )
    draft(api, "uses-it", conversion_events=[event])
    draft(api, "picks")
    page = step_form(browser, "picks", 2).press(browser, "+ Performs a custom event")
    assert "(0 conversions in 1 campaign)" in page.text
    form = read_form(page, "/edit")
    refused = form.press(browser, "Save and go on")
    assert "Pick the custom event" in read_text(refused, "conversion_events-0-name-fault")
    form.fill(name_0="=paid\nlate")
    form = read_form(form.press(browser, "+ Performs a custom event"), "/edit")
    assert form.values("name-0") == ["=paid\nlate"]
    form.fill(name_1="another", new_name_1="quite_new")
    assert form.press(browser, "Save and go on").status_code == 303
    assert [each["name"] for each in filed(api.service, "picks")["conversion_events"]] == [
        "paid\nlate",
        "quite_new",
    ]
    assert "quite_new" in api.service.ledger.existing_app_group(GROUP).custom_events


def test_the_review_says_that_an_event_waits_for_an_app(api: Api) -> None:
    """With the command that adds one, which is taken; then the review is content."""
    asked = [
        {"type": kind, "deadline": "1d"} for kind in ("starts_session", "makes_purchase", "upgrades_app")
    ]
    stated = {"id": "waits", "status": "draft", "conversion_events": asked}
    stated["variants"] = [{"id": "A"}, {"id": "holdout", "control": True}]
    api.service.campaigns.apply(read_campaigns({"app_group": "no-apps", "campaigns": [stated]}), stamp())
    browser = api.logged_in(app_group="no-apps")
    assert step_form(browser, "waits", 2).values("deadline-0") == ["1d"]
    page = open_step(browser, "waits", 3)
    assert "Conversion events A and C cannot happen yet: the app group has no app" in page.text
    assert "receipt for each of its users too" in page.text
    command = shlex.split(read_text(page, "add-app"))
    assert command[command.index("-X") + 1] == "PATCH"
    assert command[2] == f"{api.url}/v1/app-group"
    body = json.loads(command[command.index("-d") + 1])
    api.client(app_group="no-apps").patch("/v1/app-group", json=body).raise_for_status()
    assert "cannot happen yet" not in open_step(browser, "waits", 3).text


def test_there_are_at_most_four_conversion_events(api: Api, browser: httpx.Client) -> None:
    """R1: with four there is no button for a fifth, and a form with five is refused."""
    events = [{"type": "makes_purchase", "deadline": 60 * (n + 1)} for n in range(4)]
    draft(api, "four", conversion_events=events)
    form = step_form(browser, "four", 2)
    assert not [words for words in form.buttons if words.startswith("+")]
    assert form.fill(events="5").press(browser, "Save and go on").status_code == 400
    form = read_form(step_form(browser, "four", 2).press(browser, "Remove event A"), "/edit")
    assert form.press(browser, "Save and go on").status_code == 303
    assert [each["deadline"] for each in filed(api.service, "four")["conversion_events"]] == [120, 180, 240]


def test_a_form_that_somebody_else_overtook_shows_both_and_loses_nothing(
    api: Api, browser: httpx.Client
) -> None:
    """A form carries the version that it was made from: nothing is saved over what nobody has seen."""
    draft(api, "both", variants=[{"id": "A", "weight": 1}, {"id": "B", "weight": 1}])
    mine = step_form(browser, "both", 1).fill(name="My name")
    change(api, "both", name="Their name")
    answer = mine.press(browser, "Save and go on")
    assert answer.status_code == 409
    assert "Somebody changed this campaign" in answer.text
    assert "Their name" in answer.text.partition("<table>")[0], "what they did"
    assert "<bdi>Their name</bdi></td>" in answer.text
    assert "<bdi>My name</bdi></td>" in answer.text
    assert filed(api.service, "both")["name"] == "Their name"
    again = read_form(answer, "/edit")
    assert again.values("name") == ["My name"]
    assert again.press(browser, "Save and go on").status_code == 303
    assert filed(api.service, "both")["name"] == "My name"


def test_conversion_events_that_somebody_else_overtook_likewise(api: Api, browser: httpx.Client) -> None:
    """The rules of both are side by side."""
    draft(api, "rules")
    mine = read_form(step_form(browser, "rules", 2).press(browser, "+ Makes a purchase"), "/edit")
    change(api, "rules", conversion_events=[{"type": "starts_session", "deadline": "1d"}])
    answer = mine.press(browser, "Save and go on")
    assert answer.status_code == 409
    assert (
        "<bdi>The recipient opens any app within 1 day of receiving, both ends included.</bdi>" in answer.text
    )
    assert read_form(answer, "/edit").values("type-0") == ["makes_purchase"]
    assert [each["type"] for each in filed(api.service, "rules")["conversion_events"]] == ["starts_session"]


def test_what_was_not_looked_at_is_not_launched(api: Api, browser: httpx.Client) -> None:
    """Launching fixes the definition: a draft that changed under the review is shown again."""
    draft(api, "launching")
    review = read_form(open_step(browser, "launching", 3), "/launch")
    change(api, "launching", conversion_events=[{"type": "starts_session", "deadline": "1d"}])
    answer = review.press(browser, "Launch")
    assert answer.status_code == 409
    assert "so it was not launched" in answer.text
    assert filed(api.service, "launching")["status"] == "draft"
    again = read_form(answer, "/launch")
    assert again.press(browser, "Launch").status_code == 303
    assert again.press(browser, "Launch").status_code == 303, "pressed twice"
    assert filed(api.service, "launching")["status"] == "launched"


def test_after_the_launch_names_channel_and_weights_change_and_nothing_else(
    api: Api, browser: httpx.Client
) -> None:
    """R4, R5: the rest is shown as fixed, and refused if it is sent all the same."""
    variants = [{"id": "A", "weight": 1}, {"id": "B", "weight": 1}]
    draft(api, "after", status="launched", variants=variants)
    form = read_form(browser.get("/campaigns/after/edit"), "/edit")
    assert "Add a variant" not in form.buttons
    form.fill(name="Later", channel="push").fill_row("variant_weight", 1, "3").fill_row(
        "variant_name", 0, "Big"
    )
    assert form.press(browser, "Save").headers["location"] == "/campaigns/after"
    changed = filed(api.service, "after")
    assert (changed["name"], changed["channel"]) == ("Later", "push")
    assert [(each["name"], each["weight"]) for each in changed["variants"]] == [("Big", 1), (None, 3)]
    form = read_form(browser.get("/campaigns/after/edit"), "/edit").fill_row("variant_id", 0, "Z")
    answer = form.press(browser, "Save")
    assert answer.status_code == 422
    assert "campaign_is_fixed" in answer.text
    form = step_form(browser, "after", 1).fill(step="2")
    assert form.press(browser, "Save").status_code == 400, "it has no fields of conversion events"


def test_a_name_that_a_text_field_cannot_hold_stays(api: Api, browser: httpx.Client) -> None:
    """Line breaks are lost in a text field: what was not changed is not changed."""
    named = {
        "name": " two\nlines ",
        "variants": [{"id": "A\nB", "name": "x\ny", "weight": 2}, {"id": "C", "weight": 1}],
    }
    draft(api, "lines", **named)
    before = filed(api.service, "lines")
    assert step_form(browser, "lines", 1).press(browser, "Save and go on").status_code == 303
    assert filed(api.service, "lines") == before
    assert api.service.ledger.existing_campaign(GROUP, "lines").version == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_ids_are_harmless_on_every_page(api: Api, browser: httpx.Client, name: str) -> None:
    """They are escaped, their paths lead back to them, and every form saves them as they were."""
    known = f"e{name}"[:255]
    api.service.campaigns.apply(
        read_campaigns({"app_group": GROUP, "apps": [known], "custom_events": [known], "campaigns": []}),
        stamp(),
    )
    events = [
        {"type": "makes_purchase", "product_id": name, "deadline": "3d"},
        {"type": "starts_session", "app_ids": [known], "deadline": "3d"},
        {"type": "performs_custom_event", "name": known, "deadline": "3d"},
    ]
    variants = [{"id": name, "name": name, "weight": 1}, {"id": "c", "weight": 1, "control": True}]
    draft(api, name, name=name, channel=name, variants=variants, conversion_events=events)
    before = filed(api.service, name)
    for step in (1, 2):
        page = open_step(browser, name, step)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert read_form(page, "/edit").press(browser, "Save and go on").status_code == 303
        assert filed(api.service, name) == before
    review = open_step(browser, name, 3)
    assert "<script>alert" not in review.text
    assert read_form(review, "/launch").press(browser, "Launch").status_code == 303
    for each in ("edit", "stop", "archive", "winner"):
        found = browser.get(campaign_path(name, each))
        assert found.status_code == 200
        assert "<script>alert" not in found.text
    assert browser.get("/campaigns/new", params={"from": name}).status_code == 200
    assert browser.get(campaign_path(name)).status_code == 200


@pytest.mark.parametrize("name", ["plain", *HOSTILE])
def test_the_file_on_the_page_makes_the_same_campaign(
    api: Api, browser: httpx.Client, tmp_path: Path, name: str
) -> None:
    """The terminal applies it in an empty ledger, and gets the same; here it changes nothing."""
    campaign_id = f"f{name}"[:255]
    api.service.campaigns.apply(
        read_campaigns({"app_group": GROUP, "custom_events": [campaign_id], "campaigns": []}), stamp()
    )
    events = [
        {"type": "performs_custom_event", "name": campaign_id, "deadline": "36h"},
        {"type": "makes_purchase", "product_id": name, "deadline": 61},
        {"type": "upgrades_app", "app_ids": ["ios"], "deadline": "30d"},
    ]
    variants = [
        {"id": name, "name": name, "weight": 2},
        {"id": "b", "weight": 3},
        {"id": "c", "weight": 0, "control": True},
    ]
    stated = {"kind": "canvas", "name": name, "channel": name, "intelligent_selection": {"floor": 0.1}}
    draft(api, campaign_id, variants=variants, conversion_events=events, **stated)
    text = html.unescape(read_text(open_step(browser, campaign_id, 3), "campaign-file"))
    file = tmp_path / "campaign.yaml"
    file.write_text(text, encoding="utf-8")
    done = run(tmp_path, "campaigns", "apply", str(file))
    assert done.returncode == 0, done.stderr
    with Service(f"sqlite:///{tmp_path / 'conversions.db'}") as other:
        assert filed(other, campaign_id) == filed(api.service, campaign_id)
        assert other.ledger.existing_app_group(GROUP).time_zone == "UTC"
    version = api.service.ledger.existing_campaign(GROUP, campaign_id).version
    api.service.campaigns.apply(read_campaigns(yaml.safe_load(text)), stamp())
    assert api.service.ledger.existing_campaign(GROUP, campaign_id).version == version


def test_a_clone_has_a_free_id_and_everything_else(api: Api, browser: httpx.Client) -> None:
    """A launched definition never changes; its clone is a draft with the same variants and conversion events."""
    page = browser.get("/campaigns/new", params={"from": "sale"})
    form = read_form(page, "/new")
    assert (form.values("id"), form.values("name")) == (["sale-2"], ["Spring sale (copy)"])
    assert form.press(browser, "Save and go on").headers["location"] == "/campaigns/sale-2/edit?step=2"
    one, two = filed(api.service, "sale"), filed(api.service, "sale-2")
    same = ("kind", "channel", "variants", "conversion_events", "intelligent_selection")
    assert [one[each] for each in same] == [two[each] for each in same]
    assert two["status"] == "draft"
    assert read_form(browser.get("/campaigns/new", params={"from": "sale"}), "/new").values("id") == [
        "sale-3"
    ]
    assert browser.get("/campaigns/new", params={"from": "nope"}).status_code == 404


def test_stop_launch_again_and_archive_ask_first(api: Api, browser: httpx.Client) -> None:
    """R4: each page says what follows; an archived campaign stays so, and its pages say that."""
    draft(api, "life", status="launched")
    for step, words, status in [
        ("stop", "Stop it", "stopped"),
        ("launch", "Launch it", "launched"),
        ("archive", "Archive it", "archived"),
    ]:
        page = browser.get(f"/campaigns/life/{step}")
        assert filed(api.service, "life")["status"] != status, "a look changes nothing"
        answer = read_form(page, f"/{step}").press(browser, words)
        assert answer.headers["location"] == "/campaigns/life"
        assert filed(api.service, "life")["status"] == status
    assert "nothing of it changes any more" in browser.get("/campaigns/life/edit").text
    for step in ("stop", "launch", "archive"):
        assert "so there is nothing to do here" in browser.get(f"/campaigns/life/{step}").text
    version = api.service.ledger.existing_campaign(GROUP, "life").version
    assert browser.post("/campaigns/life/stop").status_code == 409
    assert browser.post("/campaigns/life/launch", data={"version": str(version)}).status_code == 409


def test_a_key_that_reads_changes_nothing_and_another_group_sees_nothing(api: Api) -> None:
    """403 for a key without manage, 404 for another app group's; nothing changes."""
    draft(api, "mine")
    before = filed(api.service, "mine")
    version = str(api.service.ledger.existing_campaign(GROUP, "mine").version)
    pages = ["edit", "launch", "stop", "archive", "winner"]
    reader = api.logged_in(Scope.READ)
    api.service.campaigns.apply(read_campaigns({"app_group": "other", "campaigns": []}), stamp())
    stranger = api.logged_in(app_group="other")
    for browser, status in ((reader, 403), (stranger, 404)):
        for page in pages:
            assert browser.get(f"/campaigns/mine/{page}").status_code == status
            sent = browser.post(f"/campaigns/mine/{page}", data={"version": version, "test": "anytime"})
            assert sent.status_code == status
    assert stranger.get("/campaigns/new", params={"from": "mine"}).status_code == 404
    assert reader.get("/campaigns/new").status_code == 403
    assert reader.post("/campaigns/new", data={"id": "x", "do": "next"}).status_code == 403
    assert filed(api.service, "mine") == before


def make_winner(api: Api, campaign_id: str, converted: dict[str, int]) -> None:
    """A campaign of which each variant has 100 recipients, and so many of them buy."""
    campaign = {
        "id": campaign_id,
        "variants": [{"id": each} for each in converted],
        "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}],
    }
    draft(api, campaign_id, **campaign | {"status": "launched"})
    facts: list[dict[str, Any]] = []
    for variant, buyers in converted.items():
        for number in range(100):
            of_user = {"user_id": f"{campaign_id}-{variant}-{number}"}
            received = {"type": "received", "id": "r", "campaign_id": campaign_id, "variant_id": variant}
            facts.append(of_user | received | {"at": "2026-03-01T09:00:00Z"})
            if number < buyers:
                bought = {"type": "purchase", "id": "p", "product_id": "x", "price": "1", "currency": "EUR"}
                facts.append(of_user | bought | {"at": "2026-03-02T09:00:00Z"})
    assert post(api.client(), *facts).json()["accepted"] == len(facts)


def test_the_winner_is_declared_after_a_look_at_the_evidence(api: Api, browser: httpx.Client) -> None:
    """R21: the page has the counts and what the test says; the declaration keeps the evidence."""
    make_winner(api, "won", {"A": 5, "B": 60})
    page = browser.get("/campaigns/won/winner")
    assert "B is the winner" in page.text
    assert ">60</td>" in page.text
    assert "+55.00" in page.text, "the size of the lead"
    form = read_form(page, "/winner")
    stale = read_form(page, "/winner").choose("variant", "A").press(browser, "Declare B the winner")
    assert stale.status_code == 409
    assert "Nothing was declared" in stale.text
    assert filed(api.service, "won")["winner"] is None
    assert form.press(browser, "Declare B the winner").headers["location"] == "/campaigns/won"
    declared = api.service.ledger.existing_campaign(GROUP, "won").winner
    assert declared is not None
    assert (declared.variant_id, declared.evidence.test) == ("B", "anytime")
    again = browser.get("/campaigns/won/winner")
    assert "Declared so far" in again.text
    assert "Declare B the winner" not in again.text
    assert browser.get("/campaigns/won/winner", params={"test": "guess"}).status_code == 400


def test_where_the_test_says_nothing_nothing_is_declared(api: Api, browser: httpx.Client) -> None:
    """R21: the page says why, and has no button; what is sent all the same declares nothing."""
    make_winner(api, "close", {"A": 50, "B": 51})
    page = browser.get("/campaigns/close/winner")
    assert "None yet" in page.text
    assert 'action="/campaigns/close/winner"' not in page.text
    assert browser.post("/campaigns/close/winner", data={"variant": "B"}).status_code == 409
    assert filed(api.service, "close")["winner"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"version=1&step=2",
        b"version=x&step=1",
        b"version=1&step=2&events=9",
        b"version=1&step=1&variant_id=A",
        b"version=1&step=1&variant_id=%ff&variant_name=&variant_weight=",
        b"&".join([b"a=1"] * 10_001),
    ],
)
def test_a_form_that_no_page_sends_is_refused(api: Api, browser: httpx.Client, body: bytes) -> None:
    """With 400, and nothing is changed."""
    draft(api, "malformed")
    answer = browser.post("/campaigns/malformed/edit", content=body)
    assert answer.status_code == 400
    assert "malformed" in answer.text


def test_a_form_holds_a_hundred_variants(api: Api, browser: httpx.Client) -> None:
    """More are refused at once, whatever the button; a full form has no button for one more."""
    draft(api, "bounded")
    before = filed(api.service, "bounded")
    for number, status in ((100, 200), (101, 422)):
        rows = [(name, str(n)) for n in range(number) for name in ("variant_id", "variant_name")]
        rows += [("variant_weight", "1")] * number
        for path in ("/campaigns/new", "/campaigns/bounded/edit"):
            for button in ("show", "next") if number > 100 else ("show",):
                sent = [("version", "1"), ("step", "1"), ("do", button), *rows]
                answer = browser.post(
                    path,
                    content=urlencode(sent),
                    headers={"Content-Type": "application/x-www-form-urlencoded"},
                )
                assert answer.status_code == status, answer.text
                assert "conversions campaigns apply FILE" in html.unescape(answer.text)
                assert "Add a variant" not in answer.text
                assert ("too_many_variants" in answer.text) == (number > 100)
    full = CreateForm(variants=[VariantFields(str(n), "", "1") for n in range(100)])
    assert full.with_variant() is full
    assert full.with_control() is full
    assert filed(api.service, "bounded") == before


def test_a_campaign_with_more_variants_than_a_form_says_so(api: Api, browser: httpx.Client) -> None:
    """It is changed by a file; neither its page nor a clone draws all its rows."""
    draft(api, "big", variants=[{"id": f"v{n}"} for n in range(101)])
    page = open_step(browser, "big", 1)
    assert "The campaign has 101 variants, and a form holds 100" in page.text
    assert "variant_id" not in page.text
    assert "v100" in read_text(open_step(browser, "big", 3), "campaign-file")
    cloned = browser.get("/campaigns/new", params={"from": "big"})
    assert (cloned.status_code, "too_many_variants" in cloned.text) == (422, True)


def test_a_text_is_found_again_by_its_looks_where_only_one_looks_so() -> None:
    """What a text field shows may stand for several texts: then it is what was typed."""
    known = Alike(["a\nb", "c", " c", "two\nlines", "twolines "])
    assert known.restore("ab") == "a\nb"
    assert known.restore("c") == "c"
    assert known.restore("twolines") == "twolines"
    assert known.restore("new") == "new"


def test_others_are_answered_while_a_page_is_drawn(api: Api, browser: httpx.Client) -> None:
    """A thread draws it, so that the process answers somebody else before the page is ready."""
    others: list[int] = []
    drawn_by: list[str] = []

    def look(number: float | None) -> str:
        drawn_by.append(threading.current_thread().name)
        with httpx.Client(base_url=api.url) as other:
            others.append(other.get("/healthz").status_code)
        return str(number)

    draft(api, "drawn", variants=[{"id": f"v{n}"} for n in range(101)])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Formats, "number", lambda _self, number: look(number))
        assert "The campaign has 101 variants" in open_step(browser, "drawn", 1).text
    assert others == [200]
    assert drawn_by[0].startswith("answering")


def test_a_form_of_another_kind_is_refused(browser: httpx.Client) -> None:
    """Its fields would be read as none at all."""
    for sent in ({"files": {"id": (None, "x")}}, {"json": {"id": "x"}}):
        answer = browser.post("/campaigns/new", **sent)
        assert (answer.status_code, "malformed" in answer.text) == (400, True)
