"""Commands start at once: what they do not need is not loaded."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from subprocess import run as run_process

from infrastructure.cli.app import COMMANDS, command_line
from infrastructure.cli.loading import LazyCommand
from tests.infrastructure.cli.test_command_line import ledger
from tests.support.commands import environment

__all__ = ["ledger"]

SLOW = {
    *(
        "alembic",
        "babel",
        "duckdb",
        "fastapi",
        "httpx",
        "numpy",
        "opentelemetry",
        "prometheus_client",
        "psycopg",
    ),
    *("pyarrow", "pydantic", "scipy", "yaml"),
}
"""Libraries that only some commands need."""

LEDGER = {"eventsourcing", "msgspec", "pysqlite3", "rich.console", "sqlalchemy", "structlog"}
"""What a command needs that opens a ledger, or prints for people."""

PROBE = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
from infrastructure.cli import main
main()
"""


def loaded(directory: Path, *arguments: str) -> set[str]:
    """The modules that a command loads in a process of its own."""
    done = run_process(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=directory,
        env=environment(directory, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_and_version_load_no_library_but_typer(tmp_path: Path) -> None:
    """Neither the ledger's libraries nor any command's module."""
    for option in ("--help", "--version"):
        modules = loaded(tmp_path, option)
        assert modules & (SLOW | LEDGER) == set()
        assert not {f"infrastructure.cli.{where.partition(':')[0]}" for where, _ in _entries()} & modules


def test_a_report_as_json_loads_the_ledger_alone(ledger: Path) -> None:
    """No checks of facts, no distributions, no files of columns, no tables for people, no other database."""
    modules = loaded(ledger, "report", "spring-sale", "--json")
    assert modules & (SLOW | {"rich.console", "sqlalchemy.dialects.postgresql"}) == set()


def test_the_table_says_what_each_command_says_of_itself() -> None:
    """The first paragraph of each command's own help stands in the table, from which `--help` is printed."""
    for command in command_line().commands.values():
        assert isinstance(command, LazyCommand)
        own = command.load().help
        assert " ".join(own.split("\n\n")[0].split()) == command.help


def test_completion_lists_all_commands_and_loads_none(tmp_path: Path) -> None:
    """Shells ask for it with each press of a key."""
    asked = {"_CONVERSIONS_COMPLETE": "complete_bash", "COMP_WORDS": "conversions ", "COMP_CWORD": "1"}
    done = run_process(
        [sys.executable, "-c", "from infrastructure.cli import main; main()"],
        env=environment(tmp_path, asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [name for commands in COMMANDS.values() for name in commands]


def test_completion_of_a_command_lists_its_options(tmp_path: Path) -> None:
    """For that, the one command is loaded."""
    words = {"COMP_WORDS": "conversions webhooks ro", "COMP_CWORD": "2"}
    done = run_process(
        [sys.executable, "-c", "from infrastructure.cli import main; main()"],
        env=environment(tmp_path, {"_CONVERSIONS_COMPLETE": "complete_bash"} | words),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["rotate"]


def _entries() -> Iterable[tuple[str, str]]:
    return (entry for commands in COMMANDS.values() for entry in commands.values())
