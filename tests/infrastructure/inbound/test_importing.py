"""Import: batches are bounded, a broken file keeps what came before, totals add up."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.composition import Service
from infrastructure.inbound import importing
from infrastructure.inbound.files import FactFile, UnreadableFile
from infrastructure.inbound.importing import Totals
from tests.process.test_offers import Silent
from tests.support.ledgers import GROUP, open_ledger

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A ledger with a campaign."""
    return open_ledger(tmp_path, [{"id": "spring"}])


def session(number: int, **more: Any) -> dict[str, Any]:
    """A session of a user's own."""
    at = "2024-03-01T09:00:00Z"
    return {
        "type": "session_started",
        "id": f"s{number}",
        "user_id": f"u{number}",
        "app_id": "ios",
        "at": at,
    } | more


def write(path: Path, facts: list[dict[str, Any]]) -> str:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    return str(path)


def unexpected(rejected: importing.Rejected) -> None:
    """No fact is rejected here."""
    pytest.fail(str(rejected))


class Batches(Silent):
    """Notes how many facts had been read at the end of each batch."""

    def __init__(self) -> None:
        self.ends: list[int] = []

    def reading(self, file: FactFile, totals: Totals) -> None:  # type: ignore[override]
        self.ends.append(totals.read)


def test_a_batch_of_large_facts_ends_by_its_bytes(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large facts are, memory is bounded."""
    monkeypatch.setattr(importing, "BATCH_BYTES", 10_000)
    fact = {"type": "custom_event", "name": "shared", "properties": {"note": "x" * 3_000}}
    facts = [
        {name: value for name, value in session(n, **fact).items() if name != "app_id"} for n in range(9)
    ]
    batches = Batches()
    with service:
        totals = service.start_import(GROUP, unexpected).run(
            [write(tmp_path / "f.jsonl", facts)], None, batches
        )
    assert totals.accepted == 9
    assert batches.ends == [4, 8, 9]


def test_what_came_before_a_break_in_a_file_is_taken_and_reported(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A truncated archive: whole lines before the break are in the ledger, and the error names the line."""
    monkeypatch.setattr(importing, "IMPORT_BATCH", 100)
    plain = "".join(json.dumps(session(n)) + "\n" for n in range(20_000)).encode()
    path = tmp_path / "facts.jsonl.gz"
    packed = gzip.compress(plain)
    path.write_bytes(packed[: len(packed) // 2])
    running = service.start_import(GROUP, unexpected)
    with service, pytest.raises(UnreadableFile, match="get the whole file and import it again"):
        running.run([str(path)], None, Silent())
    assert 100 < running.totals.accepted < 20_000
    assert running.totals.read == running.totals.accepted


def test_every_file_is_read_and_the_totals_add_up(service: Service, tmp_path: Path) -> None:
    """R13, R16: over several files, facts are new once, then duplicates; the rejected are handed over."""
    paths = [
        write(tmp_path / "one.jsonl", [session(1), session(2)]),
        write(tmp_path / "two.jsonl", [session(2), session(3, app_id="tv")]),
    ]
    rejected: list[importing.Rejected] = []
    with service:
        totals = service.start_import(GROUP, rejected.append).run(paths, None, Silent())
    assert (totals.read, totals.accepted, totals.duplicates, totals.rejected) == (4, 2, 1, 1)
    assert [(each.path, each.line, each.code) for each in rejected] == [(paths[1], 2, "unknown_app")]
