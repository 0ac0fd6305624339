"""A service that sends facts in batches: `python -m tests.support.sender`, for tests that need other processes.

It says on standard output, a line a batch, the numbers of the facts that were acknowledged. A batch that fails is sent
again, as a careful caller would, for as long as it takes.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from eventsourcing.persistence import OperationalError

from application.commands.facts import read_fact
from infrastructure import logging
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.settings import read_settings

PAUSE_SECONDS = 0.1


def main(url: str, app_group: str, path: str, batch: int, seed: int, share: float) -> None:
    """Send a share of a file's facts, drawn and shuffled by the seed, some of them twice."""
    facts = [json.loads(line) for line in Path(path).read_text().splitlines()]
    draw = random.Random(seed)
    chosen = draw.sample(range(len(facts)), int(share * len(facts)))
    chosen += draw.sample(chosen, len(chosen) // 4)
    logging.configure(read_settings())
    sender = Sender(url, app_group)
    for start in range(0, len(chosen), batch):
        numbers = chosen[start : start + batch]
        sender.send([facts[number] for number in numbers])
        sys.stdout.write(" ".join(map(str, numbers)) + "\n")
        sys.stdout.flush()


class Sender:
    """Sends until it is acknowledged."""

    def __init__(self, url: str, app_group: str) -> None:
        self._url = url
        self._app_group = app_group
        self._service: Service | None = None

    def send(self, facts: list[dict[str, Any]]) -> None:
        """Send a batch; it is acknowledged when this returns."""
        while True:
            try:
                self._service = self._service or Service(self._url)
                self._service.intake.record(self._app_group, [read_fact(fact) for fact in facts], stamp())
            except OperationalError as error:
                sys.stderr.write(f"{error}\n")
                time.sleep(PAUSE_SECONDS)
            else:
                return


if __name__ == "__main__":
    _, of, group, file, size, number, part = sys.argv
    main(of, group, file, int(size), int(number), float(part))
