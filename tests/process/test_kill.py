"""An import killed at any moment and run again ends with exactly the right report."""

import json
import random
import time
from itertools import islice
from pathlib import Path

import pytest

from infrastructure.demo import shop
from tests.support.commands import run_process, start

FACTS = 40_000
KILLS = 6


def figures(directory: Path) -> list[object]:
    """The reports of all campaigns, but for the position and the time it was recorded."""
    group = str(shop.CAMPAIGNS["app_group"])
    found = []
    for campaign in shop.CAMPAIGNS["campaigns"]:
        done = run_process(directory, "report", campaign["id"], "--app-group", group, "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout) | {"position": "", "recorded_at": ""})
    return found


@pytest.mark.slow
def test_an_import_killed_at_random_moments_and_run_again_ends_exactly_right(tmp_path: Path) -> None:
    """R13: SIGKILL loses nothing acknowledged and doubles nothing, wherever it strikes."""
    facts = tmp_path / "facts.jsonl"
    facts.write_text("".join(json.dumps(fact) + "\n" for fact in islice(shop.facts(), FACTS)))
    (tmp_path / "campaigns.json").write_text(json.dumps(shop.CAMPAIGNS))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for directory in (killed, whole):
        directory.mkdir()
        assert run_process(directory, "campaigns", "apply", "../campaigns.json").returncode == 0
    moments = random.Random(17)
    struck = 0
    for _ in range(KILLS):
        importing = start(killed, "import", str(facts), "--json")
        time.sleep(moments.uniform(0.6, 2.5))
        struck += importing.poll() is None
        importing.kill()
        importing.wait()
    assert struck, "no import was still running when it was killed"
    again = json.loads(run_process(killed, "import", str(facts), "--json").stdout)
    once = json.loads(run_process(whole, "import", str(facts), "--json").stdout)
    assert again["read"] == FACTS
    assert again["accepted"] + again["duplicates"] == FACTS
    assert once["accepted"] < FACTS, "the demo repeats some facts"
    assert figures(killed) == figures(whole)
    assert json.loads(run_process(killed, "verify", "--json").stdout)["ok"]
