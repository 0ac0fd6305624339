"""Commands that serve, as somebody starts them: a process of its own, and what it has said so far."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import COMMAND, environment

PATIENCE = 120.0
LINK = re.compile(r"(http://\S+)(/login/once/[\w-]{43})")


class Said:
    """What a process has printed on standard error so far."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes]) -> None:
        self._path = path
        self._process = process

    def __str__(self) -> str:
        return self._path.read_text()

    def wait_for(self, form: str) -> re.Match[str]:
        """Wait until the process has printed this."""
        give_up = time.monotonic() + PATIENCE
        while (found := re.search(form, str(self))) is None:
            assert self._process.poll() is None, str(self)
            assert time.monotonic() < give_up, str(self)
            time.sleep(0.05)
        return found


@contextmanager
def begun(directory: Path, *words: str, **settings: str) -> Iterator[Said]:
    """A command that serves; Ctrl-C ends it, with nothing more to say."""
    said = directory / "said"
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=directory,
            env=environment(directory, settings),
            stderr=stderr,
            stdout=stderr,
        )
    try:
        yield Said(said, process)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, said.read_text()
    assert "Traceback" not in said.read_text()
