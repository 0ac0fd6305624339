"""Several who work on one ledger: services on one file, threads on one service, commands between batches."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from tests.support.ledgers import GROUP, open_ledger, outcome, reported, take
from tests.support.reference import judge

pytestmark = pytest.mark.usefixtures("each_database")

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Service]:
    """A ledger with a campaign."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        yield service


def receipt(number: int, user: str = "u") -> dict[str, Any]:
    """A receipt on a day of March."""
    at = f"2024-03-{number:02}T09:00:00Z"
    return {"type": "received", "id": f"r{number}", "user_id": user, "campaign_id": "spring", "at": at}


def purchase(number: int, user: str = "u") -> dict[str, Any]:
    """A purchase on a day of March."""
    at = f"2024-03-{number:02}T12:00:00Z"
    money = {"product_id": "x", "price": "1.00", "currency": "EUR"}
    return {"type": "purchase", "id": f"p{number}", "user_id": user, "at": at} | money


def test_two_processes_on_one_file_take_turns(ledger: Service, tmp_path: Path) -> None:
    """R14: what one has in memory gives way to what the other has recorded."""
    facts = [receipt(1), purchase(5), purchase(2), receipt(4), purchase(3)]
    with open_ledger(tmp_path) as other:
        for number, fact in enumerate(facts):
            take((ledger, other)[number % 2], [fact])
    assert outcome(ledger) == judge([CAMPAIGN], facts)


def test_a_user_refused_here_may_be_made_elsewhere(ledger: Service, tmp_path: Path) -> None:
    """R16: a refused fact leaves no trace, in memory neither."""
    with open_ledger(tmp_path) as other:
        assert take(ledger, [receipt(1) | {"campaign_id": "gone"}]).answers[0].code == "unknown_campaign"
        take(other, [receipt(1)])
        assert take(ledger, [purchase(2)]).answers[0].verdict.value == "accepted"
    assert outcome(ledger) == judge([CAMPAIGN], [receipt(1), purchase(2)])


def test_a_campaigns_file_applied_between_batches_is_seen(ledger: Service) -> None:
    """`unknown_app` is said after a fresh look only, and a custom event first seen does not conflict."""
    take(ledger, [receipt(1)])
    ledger.campaigns.apply(
        read_campaigns({"app_group": GROUP, "apps": ["watch"], "custom_events": ["x"]}), stamp()
    )
    session = {
        "type": "session_started",
        "id": "s",
        "user_id": "u",
        "app_id": "watch",
        "at": "2024-03-01T09:00:00Z",
    }
    event = {
        "type": "custom_event",
        "id": "c",
        "user_id": "u",
        "name": "never seen",
        "at": "2024-03-01T09:00:00Z",
    }
    assert {answer.verdict.value for answer in take(ledger, [session, event]).answers} == {"accepted"}


def test_threads_of_one_process_take_facts_of_the_same_users(ledger: Service) -> None:
    """R14: whoever comes first, what stands is right."""
    users = [f"u{number}" for number in range(5)]
    facts = [make(day, user) for day in range(1, 21) for user in users for make in (receipt, purchase)]
    parts = [facts[start::4] for start in range(4)]

    def work(part: list[dict[str, Any]]) -> None:
        for fact in reversed(part):
            take(ledger, [fact, part[0]])

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.projector.catch_up()
    expected = judge([CAMPAIGN], facts)
    assert outcome(ledger) == expected
    assert reported(ledger, "spring") == expected.report("spring")


def test_ids_may_have_255_characters_of_any_script_everywhere(tmp_path: Path) -> None:
    """Docs/rules.md, Words: no index is too narrow for them, so that one group's ids stop nobody's reports."""
    draw = random.Random(255)
    group, campaign, user, *others = (
        "".join(chr(draw.randint(0x20000, 0x2A000)) for _ in range(255)) for _ in range(9)
    )
    variants = others[:2]
    received = receipt(1, user) | {"campaign_id": campaign, "variant_id": variants[0], "id": others[2]}
    bought = purchase(2, user) | {"id": others[3], "product_id": others[4], "app_id": others[5]}
    event = {"type": "makes_purchase", "deadline": "3d", "product_id": others[4]}
    stated = {"id": campaign, "variants": [{"id": v} for v in variants], "conversion_events": [event]}
    with open_ledger(tmp_path) as service:
        apply = {"app_group": group, "apps": [others[5]], "custom_events": [others[0]], "campaigns": [stated]}
        service.campaigns.apply(read_campaigns(apply), stamp())
        answers = take(service, [received, bought], group).answers
        assert {answer.verdict.value for answer in answers} == {"accepted"}
        service.projector.catch_up()
        assert reported(service, campaign, group)["totals"]["conversions"] == [1]
