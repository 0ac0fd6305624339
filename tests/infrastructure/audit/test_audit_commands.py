"""`conversions audit`: what it prints, what it writes, and how it ends."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import text

from infrastructure.archive.archiving import hash_file
from infrastructure.composition import Service
from tests.infrastructure.audit.test_audit import make
from tests.support.commands import run
from tests.support.ledgers import url_of


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The directory of a ledger in which everything has happened."""
    make(tmp_path).close()
    return tmp_path


def spoil(ledger: Path) -> None:
    """A row of a read model says what is not so."""
    with Service(url_of(ledger)) as service, service.database.writing() as connection:
        connection.execute(text("UPDATE conversions_1 SET variant_id = '<B>' WHERE behaviour_id = 'p1'"))


@pytest.mark.usefixtures("each_database")
def test_where_nothing_differs_it_says_so_and_ends_with_0(ledger: Path) -> None:
    """A table of what stands, the revenue, and one sentence with the checksum."""
    done = run(ledger, "audit")
    assert done.returncode == 0, done.stderr
    assert "Nothing differs" in done.stdout
    assert re.search(r"checksum \w+-\w{32}", done.stdout)
    told = json.loads(run(ledger, "audit", "--json").stdout)
    assert (told["differences"], told["told"], told["judged"]["conversions"]) == (0, [], 5)
    assert told["revenue"] == {"EUR": "54.00"}


@pytest.mark.usefixtures("each_database")
def test_where_something_differs_both_stories_are_told_and_it_ends_with_1(ledger: Path) -> None:
    """On the terminal, as JSON, and on a page that needs nothing else and shows ids as they are."""
    spoil(ledger)
    page = ledger / "audit.html"
    done = run(ledger, "audit", "--html", str(page))
    assert done.returncode == 1
    assert (
        "conversion A of campaign spring, user u1: credited to another variant (conversions)" in done.stdout
    )
    assert "1 difference:" in done.stdout
    (difference,) = json.loads(run(ledger, "audit", "--json").stdout)["told"]
    assert (difference["user_id"], difference["claim"]) == ("u1", "conversions")
    assert (difference["judged"]["variant_id"], difference["said"]["variant_id"]) == ("A", "<B>")
    written = page.read_text()
    HTMLParser(convert_charrefs=True).feed(written)
    assert "variant &lt;B&gt;" in written
    assert not re.search(r"""<script|(src|href)\s*=|url\(|@import""", written)


def test_an_archive_is_audited_in_the_databases_stead(ledger: Path) -> None:
    """The same checksum; a file that is not what was archived is told before anything is judged."""
    place = ledger / "archive"
    assert run(ledger, "archive", str(place)).returncode == 0
    done = run(ledger, "audit", "--from", str(place), "--json")
    assert done.returncode == 0, done.stderr
    whole = json.loads(run(ledger, "audit", "--json").stdout)
    assert json.loads(done.stdout)["checksum"] == whole["checksum"]
    (part,) = (place / "events").iterdir()
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    damaged = run(ledger, "audit", "--from", str(place), "--json")
    assert (damaged.returncode, json.loads(damaged.stderr.splitlines()[-1])["error"]["code"]) == (
        2,
        "damaged_file",
    )


def test_what_is_not_there_is_told_with_a_code(ledger: Path) -> None:
    """No such campaign, no such archive, no place for the page."""
    for arguments, code, status in (
        (["--campaign", "none"], "unknown_campaign", 2),
        (["--from", str(ledger / "nothing")], "no_archive", 2),
        (["--html", str(ledger / "no" / "page.html")], "unwritable_file", 2),
        (["--memory", "much"], "bad_memory", 2),
        (["--decisions", "--from", str(ledger)], "bad_option", 2),
    ):
        done = run(ledger, "audit", "--json", *arguments)
        assert (json.loads(done.stderr.splitlines()[-1])["error"]["code"], done.returncode) == (code, status)


def code_of(done: CompletedProcess[str]) -> tuple[str, int]:
    """How a command failed: its code, and its exit status."""
    return json.loads(done.stderr.splitlines()[-1])["error"]["code"], done.returncode


def test_an_archive_is_audited_wherever_it_lies(ledger: Path) -> None:
    """What a directory is called says nothing about what is in its files."""
    for name in ("topic=none", "version=1"):
        place = ledger / name
        assert run(ledger, "archive", str(place)).returncode == 0
        done = run(ledger, "audit", "--from", str(place), "--json")
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout)["judged"]["conversions"] == 5


def test_typed_columns_of_another_version_are_not_believed(ledger: Path) -> None:
    """They are made anew of the payloads, whatever an older version made of those."""
    place = ledger / "archive"
    assert run(ledger, "archive", str(place)).returncode == 0
    manifest = json.loads((place / "manifest.json").read_text())
    (part,) = manifest["events"]
    file = place / part["file"]
    table = parquet.read_table(file)
    nothing = pa.nulls(table.num_rows, pa.string())
    parquet.write_table(table.set_column(table.column_names.index("fact_id"), "fact_id", nothing), file)
    part |= {"bytes": file.stat().st_size, "sha256": hash_file(file)}
    for columns, status in ((part["columns"], 1), ("of another version", 0)):
        part["columns"] = columns
        (place / "manifest.json").write_text(json.dumps(manifest))
        done = run(ledger, "audit", "--from", str(place), "--json")
        assert done.returncode == status, done.stdout + done.stderr


def test_an_archive_of_an_empty_ledger_is_audited(tmp_path: Path) -> None:
    """There is nothing in it, and nothing differs."""
    with Service(url_of(tmp_path)):
        pass
    assert run(tmp_path, "archive", str(tmp_path / "archive")).returncode == 0
    done = run(tmp_path, "audit", "--from", str(tmp_path / "archive"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["judged"]["facts"] == 0


def test_a_log_that_misses_an_event_is_no_difference_but_unreadable(ledger: Path) -> None:
    """Nothing can be audited: status 2, and never 1, which says that something differs."""
    with Service(url_of(ledger)) as service, service.database.writing() as connection:
        connection.execute(text("DROP TRIGGER events_refuse_delete"))
        connection.execute(text("DELETE FROM events WHERE position = 9"))
    assert code_of(run(ledger, "audit", "--json")) == ("unreadable_log", 2)


def test_a_read_model_that_cannot_be_read_is_told_with_what_to_do(ledger: Path) -> None:
    """Status 2, as nothing was audited."""
    with Service(url_of(ledger)) as service, service.database.writing() as connection:
        connection.execute(text("UPDATE recipients_1 SET receipts = 'x' WHERE first_receipt_id = 'r7'"))
    assert code_of(run(ledger, "audit", "--json")) == ("unreadable_read_model", 2)


def test_an_audit_migrates_nothing(ledger: Path) -> None:
    """A ledger that another version runs stays as it is."""
    older = text("UPDATE alembic_version SET version_num = '0004'")
    with Service(url_of(ledger)) as service, service.database.writing() as connection:
        connection.execute(older)
    for option in ([], ["--decisions"]):
        assert code_of(run(ledger, "audit", "--json", *option)) == ("older_schema", 2)


def test_decisions_are_replayed_by_todays_code(ledger: Path) -> None:
    """Nothing would be decided otherwise."""
    done = run(ledger, "audit", "--decisions")
    assert done.returncode == 0, done.stderr
    assert "Today's code decides all of it as it was recorded" in done.stdout
