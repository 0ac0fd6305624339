"""A command in a process of its own that need not load anything: it is forked from one that has loaded all commands."""

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryDirectory

from infrastructure import cli

# Loading takes over a second of a processor, and tests run commands by the hundred.
_FORKED = get_context("forkserver")
_FORKED.set_forkserver_preload(
    [
        __name__,
        *(f"infrastructure.cli.{each.stem}" for each in sorted(Path(cli.__file__).parent.glob("[!_]*.py"))),
    ]
)


def run(
    directory: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    given: str | None,
    seconds: float,
) -> CompletedProcess[str]:
    """Run a command to its end in a directory; raises TimeoutExpired."""
    with TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(given or "")
        own = (directory, arguments, dict(environment), streams)
        process = _FORKED.Process(target=command, args=own)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(list(arguments), seconds)
        _, stdout, stderr = streams
        return CompletedProcess(arguments, process.exitcode, stdout.read_text(), stderr.read_text())


def command(
    directory: Path, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[Path]
) -> None:
    """The command line, as if it had been started by these words."""
    for number, (path, flags) in enumerate(
        zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        os.dup2(os.open(path, flags), number)
    # multiprocessing has put another one in its place.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a number, and to the end
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["conversions", *arguments]
    cli.main()
