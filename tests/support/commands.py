"""Runs the command line: in this process where only the answer matters, in one of its own where the process does."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import structlog

from infrastructure import cli, logging
from infrastructure.cli import opening
from infrastructure.settings import Settings
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
) -> CompletedProcess[str]:
    """Run a command to its end in this process, as its entry point does; its answer is a process's."""
    stdout, stderr = _stream(), _stream()
    with _as_a_process(directory, arguments, environment(directory, settings), given, stdout, stderr):
        try:
            cli.main()
            status: object = 0
        except SystemExit as ended:
            status = ended.code or 0
    return CompletedProcess(arguments, int(str(status)), _text(stdout), _text(stderr))


def run_process(
    directory: Path, *arguments: str, given: str | None = None, settings: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run a command to its end in a process of its own: for exit statuses, signals and what a process loads."""
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


@contextmanager
def _as_a_process(
    directory: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    given: str | None,
    stdout: io.TextIOWrapper,
    stderr: io.TextIOWrapper,
) -> Iterator[None]:
    """What a new process has of its own: words, environment, directory, streams; and nothing chosen before."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["conversions", *arguments])
        patch.setattr(sys, "stdin", _stream(given or ""))
        patch.setattr(opening, "_chosen", {})
        patch.setattr(logging, "configure", _configure_logging)
        stack.callback(structlog.reset_defaults)
        stack.enter_context(chdir(directory))
        stack.enter_context(redirect_stdout(stdout))
        stack.enter_context(redirect_stderr(stderr))
        yield


def _configure_logging(settings: Settings, configure: Callable[[Settings], None] = logging.configure) -> None:
    # A cached logger would keep the stream of the command that used it first.
    configure(settings)
    structlog.configure(cache_logger_on_first_use=False)


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
