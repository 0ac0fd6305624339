"""Every command of the README is run, on the README's own example and in its order."""

import json
import re
import shlex
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infrastructure.cli.test_terminal import run_on_a_terminal
from tests.support.commands import COMMAND, ROOT, environment, run

README = (ROOT / "README.md").read_text(encoding="utf-8")

ELSEWHERE = {
    "make demo": "tests/docs/test_readme.py::test_the_demo_tells_its_stories",
    "conversions demo --serve": 'tests/process/test_dashboard_begins.py::"demo", "--serve"',
    "make test": ".ci/run::make test-all",
    "conversions project": "tests/infrastructure/read_models/test_projecting.py::test_it_follows_the_log_and_ends_when_told",
}
"""Commands that are not run here: by each the file that runs it, and what in it does."""

FAILS = {"conversions winner spring-sale": 1}
"""Exit statuses other than 0: one user is no experiment."""

FENCED = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
BLOCKS = [text for language, text in FENCED if not language]
[SERVED] = [block for block in BLOCKS if "conversions serve &" in block]


def commands(blocks: list[str]) -> list[str]:
    """The commands of these blocks, without their comments."""
    lines = (line.partition("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if re.match(r"(conversions|make|export|python) ", line)]


HERE = [line for line in commands([block for block in BLOCKS if block != SERVED]) if line not in ELSEWHERE]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the README, and what its commands print, by command."""
    directory = tmp_path_factory.mktemp("readme")
    written = dict(FENCED)
    (directory / "campaigns.yaml").write_text(written["yaml"])
    (directory / "facts.jsonl").write_text(written["json"])
    return directory


@pytest.fixture(scope="module")
def printed(ledger: Path) -> dict[str, str]:
    """What each command prints, one after the other, as a reader runs them."""
    found = {}
    for line in HERE:
        program, *arguments = shlex.split(line)
        assert program == "conversions", f"{line}: run it here, or name the test that does in ELSEWHERE"
        done = run(ledger, *arguments)
        assert done.returncode == FAILS.get(line, 0), (line, done.stderr)
        found[line] = done.stdout
    return found


def test_every_command_of_the_readme_runs(printed: dict[str, str]) -> None:
    """In its order, with the exit status that it says."""
    assert len(printed) > 15
    assert set(FAILS) < set(printed)


def test_its_words_about_an_order_are_those_of_explain(ledger: Path, printed: dict[str, str]) -> None:
    """Its campaign and its facts, an order and a refund of it among them."""
    told = printed["conversions explain spring-sale u1"]
    assert told[told.index("  Revenue: 9.99 EUR") :].strip("\n") in README
    done = run(ledger, "explain", "spring-sale", "u1", "--json")
    assert [
        (each["type"], each["amount"], each["net"], each["currency"])
        for each in json.loads(done.stdout)["revenue"]
    ] == [("purchase", "19.98", "19.98", "USD"), ("order", "19.98", "9.99", "EUR")]


def test_a_command_that_is_run_elsewhere_is_run_there() -> None:
    """Each of the list is in the README, and its file has what runs it."""
    assert set(ELSEWHERE) <= set(commands(BLOCKS))
    for place in ELSEWHERE.values():
        name, _, what = place.partition("::")
        assert what in (ROOT / name).read_text(encoding="utf-8"), place


@pytest.mark.process
def test_the_service_answers_as_the_readme_calls_it(ledger: Path, printed: dict[str, str]) -> None:
    """The block as it is, in a shell of its own, at a port that is free."""
    assert printed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ledger / "bin" / "conversions"
    command.parent.mkdir()
    command.write_text(f'#!/bin/bash\nexec {shlex.join(COMMAND)} "$@"\n')
    command.chmod(0o755)
    own = environment(ledger, {"CONVERSIONS_HTTP_PORT": str(port)})
    own["PATH"] = f"{command.parent}:{own['PATH']}"
    script = "trap 'kill $(jobs -p); wait' EXIT\n" + SERVED.replace("localhost:8080", f"127.0.0.1:{port}")
    done = subprocess.run(
        ["/bin/bash", "-ec", script],
        check=False,
        cwd=ledger,
        env=own,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    decoder = json.JSONDecoder()
    taken, end = decoder.raw_decode(done.stdout)
    report, _ = decoder.raw_decode(done.stdout[end:].strip())
    assert taken["accepted"] == 1
    assert report["totals"]["receipts"] == 2


def run_in_a_pipe(directory: Path, *arguments: str) -> tuple[int, str]:
    """The exit status of a command, and what it prints where nobody looks."""
    done = run(directory, *arguments)
    return done.returncode, done.stdout


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("run_demo", [run_in_a_pipe, run_on_a_terminal])
def test_the_demo_tells_its_stories(run_demo: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """`make demo` runs this command: three campaigns in ten lines each, two explanations, and where to go next."""
    assert "$(BIN)/conversions demo" in (ROOT / "Makefile").read_text(encoding="utf-8")
    status, printed = run_demo(tmp_path, "demo", "--directory", str(tmp_path / "demo"))
    assert status == 0, printed
    blocks = [block.splitlines() for block in re.split(r"\n\r*\n", printed)]
    campaigns, explained, next_steps = blocks[-6:-3], blocks[-3:-1], blocks[-1]
    assert [block[0].partition(" (")[0] for block in campaigns] == [
        "Spring sale",
        "Onboarding",
        "We miss you",
    ]
    assert all(len(block) <= 10 for block in campaigns), campaigns
    assert [block[0].split()[0] for block in explained] == ["customer-06001", "customer-06002"]
    assert f"conversions demo --serve --directory {tmp_path / 'demo'}" in "".join(next_steps)
