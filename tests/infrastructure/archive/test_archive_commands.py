"""`conversions archive` and `conversions restore` as people run them, and as they are killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.composition import Service
from tests.infrastructure.archive.test_archive import files, private_facts
from tests.infrastructure.event_store.test_verification import tamper
from tests.infrastructure.export.test_exporting import CAMPAIGNS, hostile_facts
from tests.support.commands import ROOT, environment, run
from tests.support.ledgers import open_ledger, rows, take, url_of

# The command, in parts and chunks of few events, which stops when it has told so many times how far it is with something.
SLOW = """
import os, signal, sys
from infrastructure.archive import archiving, restoring
from infrastructure.cli import app, console
from projections.engine import projector
what, times = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]
told = []
def show(_, told_of, *__):
    told.append(told_of)
    if told_of == what and told.count(what) == times:
        os.kill(os.getpid(), signal.SIGSTOP)
archiving.PART_POSITIONS, restoring._CHUNK, projector.BATCH = 20, 1, 1
console.Bar.show = show
app.main()
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The directory of a ledger."""
    (own := tmp_path / "ledger").mkdir()
    with open_ledger(own, CAMPAIGNS) as service:
        take(service, [*hostile_facts(), *private_facts()])
    return own


def struck(
    directory: Path, by: signal.Signals, after: int, *arguments: str, at: str = "events"
) -> tuple[int, str]:
    """Send the command a signal once it has told so many times how far it is: how it ended, and what it said."""
    command = subprocess.Popen(
        [sys.executable, "-c", SLOW, at, str(after), *arguments],
        cwd=ROOT,
        env=environment(directory),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, status = os.waitpid(command.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    command.send_signal(by)
    command.send_signal(signal.SIGCONT)
    _, said = command.communicate(timeout=60)
    return command.returncode, said


@pytest.mark.usefixtures("each_database")
@pytest.mark.slow
def test_a_ledger_is_archived_and_restored(ledger: Path, tmp_path: Path) -> None:
    """Reports and explanations of the new ledger are those of the old one, and `verify` finds nothing."""
    (new := tmp_path / "new").mkdir()
    archived = run(ledger, "archive", str(tmp_path / "archive"), "--json")
    manifest = json.loads((tmp_path / "archive/manifest.json").read_bytes())
    assert (archived.returncode, json.loads(archived.stdout)) == (0, manifest), archived.stderr
    restored = run(new, "restore", str(tmp_path / "archive"), "--json")
    facts = len([*hostile_facts(), *private_facts()])
    assert json.loads(restored.stdout) == {"position": manifest["position"], "journeys": 14, "facts": facts}
    for command in (("report", CAMPAIGNS[0]["id"]), ("explain", CAMPAIGNS[0]["id"], "a,b"), ("verify",)):
        told = [run(each, *command, "--json") for each in (ledger, new)]
        assert told[0].stdout == told[1].stdout
        assert [each.returncode for each in told] == [0, 0]


def test_people_are_told_what_was_done(ledger: Path, tmp_path: Path) -> None:
    """A table of what is in the archive; what came out of it, and what is to be made anew."""
    (new := tmp_path / "new").mkdir()
    archived = run(ledger, "archive", str(tmp_path / "archive"))
    assert all(kind in archived.stdout for kind in ("events", "identities", "properties")), archived.stderr
    restored = run(new, "restore", str(tmp_path / "archive"))
    assert "facts of 14 users. Make keys and webhooks again." in restored.stdout


@pytest.mark.process
@pytest.mark.usefixtures("each_database")
@pytest.mark.slow
@pytest.mark.parametrize(("by", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_an_archive_ended_in_the_midst_leaves_the_one_before(
    ledger: Path, tmp_path: Path, by: signal.Signals, status: int
) -> None:
    """Run again, it comes to its end, and nothing that does not count is left."""
    to = tmp_path / "archive"
    assert struck(ledger, by, 3, "archive", str(to))[0] == status
    assert "manifest.json" not in files(to)
    first = json.loads(run(ledger, "archive", str(to), "--json").stdout)
    with open_ledger(ledger) as service:
        take(service, [fact | {"user_id": "another"} for fact in private_facts()])
        many = ({"type": "session_started", "id": f"s{n}", "user_id": f"u{n}", "app_id": "ios", "at": "2024-03-01T09:00:00Z"} for n in range(200))  # fmt: skip
        take(service, many)
    assert struck(ledger, by, 3, "archive", str(to))[0] == status
    assert json.loads((to / "manifest.json").read_bytes()) == first
    last = json.loads(run(ledger, "archive", str(to), "--json").stdout)
    named = {part["file"] for kind in ("events", "identities", "properties") for part in last[kind]}
    assert set(files(to)) == {"manifest.json", *named}
    assert int(last["position"]) > int(first["position"]) + 200


@pytest.mark.process
@pytest.mark.usefixtures("each_database")
@pytest.mark.slow
@pytest.mark.parametrize(("by", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_restore_ended_in_the_midst_leaves_an_empty_ledger(
    ledger: Path, tmp_path: Path, by: signal.Signals, status: int
) -> None:
    """Half a ledger is never there to be used; run again, it is whole."""
    (new := tmp_path / "new").mkdir()
    assert run(ledger, "archive", str(tmp_path / "archive")).returncode == 0
    ended, said = struck(new, by, 20, "restore", str(tmp_path / "archive"))
    assert ended == status
    assert by == signal.SIGKILL or "Stopped: nothing was restored; run the same command again." in said
    with open_ledger(new) as service:
        assert rows(service) == []
    assert run(new, "restore", str(tmp_path / "archive")).returncode == 0
    with open_ledger(new) as service, open_ledger(ledger) as original:
        assert rows(service) == rows(original)


@pytest.mark.process
@pytest.mark.slow
def test_ctrl_c_after_a_restore_was_committed_says_so(ledger: Path, tmp_path: Path) -> None:
    """The ledger is whole, nothing is to be restored again, and the report is brought up to date when it is read."""
    (new := tmp_path / "new").mkdir()
    manifest = json.loads(run(ledger, "archive", str(tmp_path / "archive"), "--json").stdout)
    command = ("restore", str(tmp_path / "archive"))
    ended, said = struck(new, signal.SIGINT, 3, *command, at="bringing read models up to date")
    assert ended == 130
    expected = f"Stopped: the ledger was restored up to position {manifest['position']}; read models follow when they are asked for."  # fmt: skip
    assert expected in " ".join(said.split())
    with open_ledger(new) as service, open_ledger(ledger) as original:
        assert rows(service) == rows(original)
    told = [run(each, "report", CAMPAIGNS[0]["id"], "--json").stdout for each in (ledger, new)]
    assert told[0] == told[1]


def test_an_empty_ledger_is_archived_and_restored(tmp_path: Path) -> None:
    """An archive without a part of events is one."""
    for name in ("empty", "new"):
        (tmp_path / name).mkdir()
    open_ledger(tmp_path / "empty").close()
    archived = run(tmp_path / "empty", "archive", str(tmp_path / "archive"), "--json")
    assert (archived.returncode, json.loads(archived.stdout)["events"]) == (0, []), archived.stderr
    restored = run(tmp_path / "new", "restore", str(tmp_path / "archive"), "--json")
    assert (restored.returncode, restored.stderr) == (0, "")
    assert json.loads(restored.stdout) == {"position": "0", "journeys": 0, "facts": 0}


@pytest.mark.slow
def test_what_cannot_be_done_is_refused_with_a_code(ledger: Path, tmp_path: Path) -> None:
    """What is wrong with files exits with 2, what is wrong with the log with 1; a mistaken address makes no ledger."""
    (tmp_path / "file").touch()
    (new := tmp_path / "new").mkdir()
    assert run(ledger, "archive", str(tmp_path / "archive")).returncode == 0
    refused = [
        (ledger, "archive", str(tmp_path / "file"), "bad_address"),
        (ledger, "archive", str(tmp_path / "file/below"), "unusable_file"),
        (ledger, "archive", "nowhere://secret", "bad_address"),
        (new, "restore", str(tmp_path / "nothing"), "no_archive"),
        (ledger, "restore", str(tmp_path / "archive"), "ledger_not_empty"),
    ]
    for directory, *arguments, code in refused:
        failed = run(directory, *arguments, "--json")
        assert (failed.returncode, json.loads(failed.stderr)["error"]["code"]) == (2, code), failed.stderr
        assert "secret" not in failed.stderr
    assert not url_of(new).startswith("sqlite") or not (new / "conversions.db").exists()


def test_a_log_that_lacks_an_event_is_refused(ledger: Path, tmp_path: Path) -> None:
    """The position is named, and what to do."""
    with Service(url_of(ledger)) as service:
        tamper(service, "DELETE FROM events WHERE position = 18")
    failed = run(ledger, "archive", str(tmp_path / "archive"), "--json")
    error = json.loads(failed.stderr)["error"]
    assert (failed.returncode, error["code"]) == (1, "unreadable_log")
    assert "position 18: the event is missing" in error["message"]
    assert "conversions verify" in error["message"]
