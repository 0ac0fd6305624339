"""Commands on a terminal, where progress is a bar and nobody captures what is printed."""

import os
import pty
import re
import struct
from fcntl import ioctl
from pathlib import Path
from subprocess import Popen
from termios import TIOCSWINSZ

import pytest

from tests.infrastructure.cli.test_command_line import ledger
from tests.support.commands import COMMAND, environment

__all__ = ["ledger"]

COLUMNS = 80


def run_on_a_terminal(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns: its exit status, and what is seen, without colours."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    own = environment(directory, {"TERM": "xterm-256color"})
    with Popen(
        [*COMMAND, *arguments], cwd=directory, env=own, stdin=theirs, stdout=theirs, stderr=theirs
    ) as command:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return command.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody writes to the terminal any more
        return b""


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("report", "spring-sale"), 0, "Conversions"),
        (("report", "spring-sale", "--json"), 0, '"campaign_id"'),
        (("report", "nope"), 1, "unknown_campaign"),
        (("recipients", "spring-sale"), 0, "u1"),
        (("explain", "spring-sale", "u1"), 0, "converted"),
        (("campaigns", "list"), 0, "spring-sale"),
        (("import", "facts.jsonl"), 0, "duplicate"),
        (("verify",), 0, "events"),
        (("rebuild",), 0, "campaign_report"),
        (("projections",), 0, "Read models"),
    ],
)
def test_a_command_answers_on_a_terminal(
    ledger: Path, arguments: tuple[str, ...], status: int, expected: str
) -> None:
    """With its exit status, and with tables that fit; sentences are broken by the terminal."""
    found, seen = run_on_a_terminal(ledger, *arguments)
    assert (found, expected in seen) == (status, True), seen
    rows = [line for line in seen.splitlines() if set(line) & set("\u2503\u2502")]
    assert all(len(row) <= COLUMNS for row in rows), rows
