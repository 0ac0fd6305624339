"""Eight processes at once on one database: overlapping, shuffled and repeated slices of one set of facts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.integrity import Verification, verify
from tests.support.commands import environment
from tests.support.ledgers import outcome, reported, url_of
from tests.support.reference import judge

FACTS = 6_000
PROCESSES = 8
GROUP = str(shop.CAMPAIGNS["app_group"])

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("each_database")]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with the shop's campaigns."""
    with Service(url_of(tmp_path)) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
        yield service


def start(directory: Path, facts: Path, *, batch: int, seed: int, share: float) -> subprocess.Popen[str]:
    """Start a process that sends a share of the facts."""
    url = url_of(directory)
    command = ["-m", "tests.support.sender", url, GROUP, str(facts), str(batch), str(seed), str(share)]
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment(directory, {"CONVERSIONS_LOG_LEVEL": "error"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_r14_eight_processes_send_overlapping_shuffled_repeated_slices(
    service: Service, tmp_path: Path
) -> None:
    """R13, R14: facts of one user are decided right however they are spread over processes."""
    facts = list(islice(shop.facts(), FACTS))
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    senders = [
        start(tmp_path, path, batch=size, seed=seed, share=0.5)
        for seed, size in enumerate([7, 50, 200, 1_000] * (PROCESSES // 4))
    ]
    sent: set[int] = set()
    for sender in senders:
        told, errors = sender.communicate(timeout=300)
        assert sender.returncode == 0, errors
        sent.update(int(number) for line in told.splitlines() for number in line.split())
    assert len(sent) > 0.98 * FACTS
    service.projector.catch_up()
    expected = judge(shop.CAMPAIGNS["campaigns"], [facts[number] for number in sorted(sent)])
    assert outcome(service) == expected
    for campaign in shop.CAMPAIGNS["campaigns"]:
        assert reported(service, campaign["id"], GROUP) == expected.report(campaign["id"])
    assert verify(service.database, lambda *_: None) == Verification(
        events=service.recorder.max_notification_id() or 0
    )
