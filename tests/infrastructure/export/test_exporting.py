"""Exports: what is read back is what stands, whatever the format, and however often an export was killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from application.ledger import UnknownCampaign
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from infrastructure.export import FORMATS, WHAT, BadExport, Manifest, events, exporting
from infrastructure.export.directory import Directory
from projections.conversions import CONVERSIONS
from projections.engine import tables
from projections.engine.projection import UnreadableLog
from projections.recipients import RECIPIENTS
from projections.series import SERIES
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.event_store.test_verification import tamper
from tests.support.commands import ROOT, environment
from tests.support.exported import check, exporting_of, key, read_back
from tests.support.ledgers import open_ledger, rebuilt, rows, take

pytestmark = pytest.mark.usefixtures("each_database")

PART_ROWS = 5
MODELS = {"revenue": "conversions", "lines": "conversions"}
"""What is exported of a read model of another name."""

VERSIONS = {each.name: each.version for each in (CONVERSIONS, RECIPIENTS, SERIES)}
USERS = [
    '"',
    "a,b",
    "a\r\nb",
    "a\nb",
    "'; --",
    "\u00e9",
    "e\u0301",
    "\U0001f600" * 255,
    "=1+1",
    " u ",
    "{}",
    "%s",
    "\\",
]
VARIANTS: list[dict[str, Any]] = [
    {"id": 'A, "B"\n'},
    {"id": "\U0001f600" * 255},
    {"id": "holdout", "control": True},
]
CAMPAIGNS: list[dict[str, Any]] = [
    {
        "id": each,
        "variants": VARIANTS,
        "conversion_events": [
            {"type": "makes_purchase", "deadline": "3d"},
            {"type": "starts_session", "deadline": "1h"},
        ],
    }
    for each in ('spring, "so"\r\nto say', "\uff5a" * 255)
]

# The command beside those that are registered, with parts of a few rows. STRIKE names a file and a signal: once it has
# made that file it sends itself that signal.
COMMAND = f"""
import os, pathlib
from infrastructure.cli import app, exporting
from infrastructure.export import exporting as parts
parts.PART_ROWS = parts.PAGE_ROWS = {PART_ROWS}
app.COMMANDS["Files"]["export-in-test"] = ("exporting:export", "")
file, _, by = os.environ.get("STRIKE", "").partition(" ")
replace = pathlib.Path.replace
def replace_and_strike(path, target):
    made = replace(path, target)
    if pathlib.Path(target).name == file:
        os.kill(os.getpid(), int(by))
    return made
pathlib.Path.replace = replace_and_strike
app.main()
"""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and parts of few rows, that do not end together; no test cuts the power."""
    monkeypatch.setattr(exporting, "PART_ROWS", PART_ROWS)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    for module in (tables, events, exporting):
        monkeypatch.setattr(module, "PAGE_ROWS", 2)


def hostile_facts() -> Iterator[dict[str, Any]]:
    """Receipts and behaviours with ids that are hard to write and to page by."""
    for number, user in enumerate(USERS):
        of = {"user_id": user, "at": f"2024-03-0{1 + number % 3}T09:00:00.00000{number % 2}Z"}
        for campaign in CAMPAIGNS:
            receipt = {
                "id": campaign["id"],
                "campaign_id": campaign["id"],
                "variant_id": VARIANTS[number % 3]["id"],
            }
            yield of | receipt | {"type": "received"}
        price = {"price": "9.99", "currency": ("EUR", "USD", "JPY")[number % 3], "product_id": "x"}
        yield of | price | {"type": "purchase", "id": user}
        lines = [
            {"product_id": product} | ({"price": "1.5"} if place else {})
            for place, product in enumerate(USERS[:3])
        ]
        yield of | {"type": "order", "id": f"{user[:254]}!", "currency": "EUR", "lines": lines}
        yield of | {"type": "session_started", "id": f"s{number}", "app_id": "ios"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger of hostile ids."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        assert not any(answer.code for answer in take(service, hostile_facts()).answers)
        yield service


def export(
    service: Service, what: str, to: Path, file_format: str = "jsonl", told: list[str] | None = None
) -> Manifest:
    """Export, or go on with it."""
    return exporting_of(service, what, to, file_format, told=told).run()


def one_more(service: Service, number: int = 0) -> None:
    """Record a fact that is in no export yet."""
    at = "2024-03-09T09:00:00Z"
    take(
        service,
        [{"type": "session_started", "id": f"more {number}", "user_id": "u", "app_id": "ios", "at": at}],
    )


def files(directory: Path) -> dict[str, bytes]:
    """All that is in a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans(), file_format=st.sampled_from(FORMATS))
def test_r7_r11_r18_r20_what_is_read_back_is_what_the_reference_finds(plan: Any, file_format: str) -> None:
    """Every format, all that can be exported; instants to the microsecond, and money exact."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        check(service, campaigns, facts, Path(directory), file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_ids_of_any_characters_are_paged_and_written_as_they_are(
    service: Service, tmp_path: Path, file_format: str
) -> None:
    """Quotes, line ends, commas, characters beyond 16 bits, 255 of them: in keys and in cells."""
    check(service, CAMPAIGNS, list(hostile_facts()), tmp_path, file_format)


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_manifest_says_what_the_parts_hold(
    service: Service, tmp_path: Path, what: str, file_format: str
) -> None:
    """Positions, counts, sizes, hashes, first and last keys, worked out anew from the files."""
    to = tmp_path / "export"
    found = read_back(service, export(service, what, to, file_format), to)
    written = json.loads((to / "manifest.json").read_bytes())
    parts = written.pop("parts")
    assert written == {
        "what": what,
        "format": file_format,
        "app_group": "shop",
        "campaign_id": None,
        "position": str(service.recorder.max_notification_id()),
        "read_model": None
        if what == "events"
        else {"name": MODELS.get(what, what), "version": VERSIONS[MODELS.get(what, what)], "generation": 1},
        "complete": True,
        "rows": len(found),
        "columns": list(found[0]),
    }
    assert len(found) > PART_ROWS
    for number, part in enumerate(parts):
        content = (to / part["file"]).read_bytes()
        own = found[PART_ROWS * number :][:PART_ROWS]
        assert part == {
            "file": f"part-{number:05}.{file_format}",
            "rows": len(own),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "first": key(what, own[0]),
            "last": key(what, own[-1]),
        }


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_before(step: int) -> Iterator[None]:
    """From a step on no file is made durable, renamed or removed: as if the process had been killed before it."""
    steps = count()

    def unless_killed(act: Any) -> Any:
        def acts(*given: Any, **named: Any) -> Any:
            if next(steps) >= step:
                raise Killed
            return act(*given, **named)

        return acts

    with pytest.MonkeyPatch.context() as patched:
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
            patched.setattr(owner, name, unless_killed(getattr(owner, name)))
        yield


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_killed_at_any_step_and_run_again_equals_one_that_was_not(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, file_format: str
) -> None:
    """Byte for byte, manifest and parts; nothing else is left."""
    rows = export(service, what, tmp_path / "parts", file_format).rows
    monkeypatch.setattr(exporting, "PART_ROWS", rows // 3)
    export(service, what, tmp_path / "whole", file_format)
    whole = files(tmp_path / "whole")
    for step in count():
        to = tmp_path / f"killed {step}"
        try:
            with killed_before(step):
                export(service, what, to, file_format)
        except Killed:
            export(service, what, to, file_format)
            assert files(to) == whole, step
        else:
            assert step > 3 * len(whole) >= 12
            return


def test_an_export_killed_again_and_again_comes_to_its_end(service: Service, tmp_path: Path) -> None:
    """Each run goes on where the one before was, if only by a part."""
    export(service, "events", tmp_path / "whole")
    for runs in count(1):
        with suppress(Killed), killed_before(12):
            assert export(service, "events", tmp_path / "killed").complete
            assert runs > 5
            break
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def command(tmp_path: Path, *arguments: str, strike: str = "") -> "subprocess.Popen[str]":
    """The command in a process of its own, which a signal may strike after a file."""
    given = [sys.executable, "-c", COMMAND, "export-in-test", *arguments]
    own = environment(tmp_path, {"STRIKE": strike})
    return subprocess.Popen(
        given, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.process
def test_kill_and_ctrl_c_leave_what_is_done_and_it_goes_on(service: Service, tmp_path: Path) -> None:
    """SIGKILL in the midst, then SIGINT (exit status 130), then to the end: the same as in one go."""
    for number in range(30):
        one_more(service, number)
    killed = ("events", "--to", str(tmp_path / "killed"), "--json")
    first = command(tmp_path, *killed, strike=f"part-00003.jsonl {signal.SIGKILL}")
    assert (first.communicate(timeout=60), first.returncode)[1] == -signal.SIGKILL
    assert not json.loads((tmp_path / "killed/manifest.json").read_bytes())["complete"]
    second = command(tmp_path, *killed, strike=f"part-00006.jsonl {signal.SIGINT}")
    _, said = second.communicate(timeout=60)
    assert (second.returncode, "run the same command again" in said) == (130, True), said
    ended = command(tmp_path, *killed)
    printed, _ = ended.communicate(timeout=60)
    assert ended.returncode == 0
    assert json.loads(printed) == json.loads((tmp_path / "killed/manifest.json").read_bytes())
    export(service, "events", tmp_path / "whole")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_events_recorded_since_become_further_parts(service: Service, tmp_path: Path) -> None:
    """The parts before stay as they are, the cut moves; with nothing new it says so."""
    told: list[str] = []
    first = export(service, "events", tmp_path / "export", told=told)
    before = files(tmp_path / "export")
    one_more(service)
    second = export(service, "events", tmp_path / "export", told=told)
    assert second.parts[: len(first.parts)] == first.parts
    assert second.parts[len(first.parts)].first == str(int(first.position) + 1)
    assert int(second.position) == len(rows(service)) == second.rows
    after = files(tmp_path / "export")
    assert {name: after[name] for name in before if name != "manifest.json"}.items() <= before.items()
    assert not told
    assert export(service, "events", tmp_path / "export", told=told) == second
    assert told == [f"the export is complete up to position {second.position} already"]


def test_a_read_model_that_has_moved_is_exported_anew_and_that_is_said(
    service: Service, tmp_path: Path
) -> None:
    """Rows of two positions are never mixed: neither after an export was killed nor after it was complete."""
    to, told = tmp_path / "export", list[str]()
    with killed_before(12), pytest.raises(Killed):
        export(service, "conversions", to)
    stood = json.loads((to / "manifest.json").read_bytes())
    assert stood["parts"]
    one_more(service)
    done = export(service, "conversions", to, told=told)
    assert told == [
        f"the read model has moved from position {stood['position']} to {done.position}: the export starts again from the beginning"
    ]
    export(service, "conversions", tmp_path / "whole")
    assert files(to) == files(tmp_path / "whole")
    rebuilt(service, CONVERSIONS)
    again = export(service, "conversions", to, told=told)
    assert told[1:] == ["the read model was rebuilt: the export starts again from the beginning"]
    assert again.parts == done.parts
    assert again.read_model is not None
    assert again.read_model.generation == 2
    assert export(service, "conversions", to, told=told) == again
    assert "complete" in told[2]


@pytest.mark.parametrize("what", ["events", "recipients"])
@pytest.mark.parametrize("change", [lambda path: path.write_bytes(path.read_bytes() + b"\n"), Path.unlink])
def test_a_part_that_was_changed_or_is_missing_is_refused(
    service: Service, tmp_path: Path, what: str, change: Any
) -> None:
    """The file is named, and what to do about it."""
    export(service, what, tmp_path / "export")
    change(tmp_path / "export/part-00001.jsonl")
    with pytest.raises(
        BadExport, match=r"part-00001\.jsonl is .* put back the file as it was, or export into"
    ):
        export(service, what, tmp_path / "export")


def test_a_directory_that_holds_something_else_is_refused(service: Service, tmp_path: Path) -> None:
    """Files of others, another export, something that is no manifest, a file; nothing of it is touched."""
    (other := tmp_path / "other").mkdir()
    (other / "part-00000.jsonl").write_text("mine")
    with pytest.raises(BadExport, match=r"holds 'part-00000\.jsonl' and no export"):
        export(service, "events", other)
    assert files(other) == {"part-00000.jsonl": b"mine"}
    export(service, "events", tmp_path / "export")
    for what, file_format in (("conversions", "jsonl"), ("events", "csv")):
        with pytest.raises(BadExport, match="holds an export of events of app group 'shop' as jsonl"):
            export(service, what, tmp_path / "export", file_format)
    (tmp_path / "export/manifest.json").write_text('{"what":"events"}')
    with pytest.raises(BadExport, match="is not of an export"):
        export(service, "events", tmp_path / "export")
    with pytest.raises(BadExport, match="is a file"):
        export(service, "events", other / "part-00000.jsonl")


def test_two_exports_into_one_directory_do_not_meet(service: Service, tmp_path: Path) -> None:
    """The second is refused while the first is at it."""
    with Directory(tmp_path / "export").hold(), pytest.raises(BadExport, match="another export is writing"):
        export(service, "events", tmp_path / "export")


def test_a_log_shorter_than_the_export_is_refused(service: Service, tmp_path: Path) -> None:
    """A ledger restored from an old backup, or another one, does not go on with it."""
    export(service, "events", tmp_path / "export")
    (other := tmp_path / "other").mkdir()
    with open_ledger(other, CAMPAIGNS) as shorter, pytest.raises(BadExport, match="the log ends at position"):
        export(shorter, "events", tmp_path / "export")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE events SET actor = 'x' WHERE position = 18", "its hash differs"),
        ("DELETE FROM events WHERE position = 18", "missing"),
    ],
)
def test_a_changed_or_missing_event_ends_the_export_and_is_named(
    service: Service, tmp_path: Path, change: str, problem: str
) -> None:
    """The parts before it stay; the command says so, with exit status 1."""
    export(service, "events", tmp_path / "whole")
    service.projector.catch_up()
    tamper(service, change)
    with pytest.raises(UnreadableLog, match=f"position 18: .*{problem}"):
        export(service, "events", tmp_path / "export")
    whole, left = files(tmp_path / "whole"), files(tmp_path / "export")
    assert left.pop("manifest.json")
    assert left == {
        name: whole[name] for name in ("part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl")
    }
    failed = command(tmp_path, "events", "--to", str(tmp_path / "export"), "--json")
    _, said = failed.communicate(timeout=60)
    assert failed.returncode == 1
    error = json.loads(said)["error"]
    assert error["code"] == "unreadable_log"
    assert "position 18" in error["message"]


def test_one_campaign_can_be_exported_alone(service: Service, tmp_path: Path) -> None:
    """Its rows are those it has among all; an unknown one is refused, and events are of all campaigns."""
    own = CAMPAIGNS[1]["id"]
    for what in ("conversions", "recipients", "series"):
        alone = exporting_of(service, what, tmp_path / f"{what} alone", campaign_id=own).run()
        everything = export(service, what, tmp_path / what)
        found = read_back(service, everything, tmp_path / what)
        assert read_back(service, alone, tmp_path / f"{what} alone") == [
            row for row in found if row["campaign_id"] == own
        ]
    with pytest.raises(UnknownCampaign):
        exporting_of(service, "series", tmp_path / "unknown", campaign_id="unknown")
    with pytest.raises(BadExport, match="leave out --campaign"):
        exporting_of(service, "events", tmp_path / "unknown", campaign_id=own)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_user_whose_identity_was_erased_is_null(service: Service, tmp_path: Path, file_format: str) -> None:
    """The rows stay, as the figures they are counted in do."""
    before = read_back(service, export(service, "conversions", tmp_path / "before"), tmp_path / "before")
    with service.database.writing() as connection:
        connection.execute(delete(identities).where(identities.c.user_id == USERS[0]))
    manifest = export(service, "conversions", tmp_path / "after", file_format)
    after = read_back(service, manifest, tmp_path / "after")
    assert after == [
        row | {"user_id": None if row["user_id"] == USERS[0] else row["user_id"]} for row in before
    ]


def test_what_cannot_be_exported_or_written_is_refused_with_a_code(service: Service, tmp_path: Path) -> None:
    """Exit status 2, as for all that is wrong with files and formats."""
    (tmp_path / "file").touch()
    service.close()
    refused = [
        ("bad_export", "users", "--to", "x"),
        ("bad_format", "events", "--to", "x", "--format", "xml"),
        ("unwritable_file", "events", "--to", str(tmp_path / "file/below")),
        ("bad_export", "events", "--to", str(tmp_path / "file")),
    ]
    begun = [(code, command(tmp_path, *arguments, "--json")) for code, *arguments in refused]
    for code, failed in begun:
        _, said = failed.communicate(timeout=60)
        assert (failed.returncode, json.loads(said)["error"]["code"]) == (2, code), said
