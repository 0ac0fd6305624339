"""Runs the command line as people do: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support import warm
from tests.support.ledgers import url_of

COMMAND = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
ROOT = Path(__file__).parents[2]


def environment(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which the ledger in the directory is the one that commands are about."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CONVERSIONS_")}
    return own | {"CONVERSIONS_DATABASE_URL": url_of(directory), "PYTHONPATH": str(ROOT)} | dict(more or {})


def run(
    directory: Path, *arguments: str, given: str | None = None, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a process that has loaded it."""
    return warm.run(directory, arguments, environment(directory, settings), given, 120)


def start(directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command and let it run."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
