"""The commands and options that documents name exist, and docs/commands.md names every command."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_documents import DOCUMENTS
from tests.support.commands import ROOT, run

CALLED = re.compile(r"(?:^|`|\$\(|\s)conversions ([a-z][^`\n#]*)", re.MULTILINE)
GROUPS = {"campaigns", "app-groups", "keys", "rejects", "webhooks"}


def named(text: str) -> set[tuple[tuple[str, ...], str]]:
    """The commands that a document shows as code: the words of each, and an option of it or none."""
    text = re.sub(r"  # .*", "", text)
    code = re.findall(
        r"^```\w*\n(.*?)^```|(`[^`\n]+`)|^    (conversions .*)$", text, re.DOTALL | re.MULTILINE
    )
    found = set()
    for line in (match[1] for part in code for each in part if each for match in CALLED.finditer(each)):
        words = line.replace("...", "").split()
        group = words[0] in GROUPS and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1])
        command = tuple(words[: 2 if group else 1])
        found |= {(command, option) for option in ["", *re.findall(r"--[a-z-]+", line)]}
    return found


@cache
def usage(directory: Path, *command: str) -> str:
    """What a command says of itself."""
    done = run(directory, *command, "--help", settings={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_what_a_document_calls_is_there(document: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each command by its name, each option in its help."""
    directory = tmp_path_factory.getbasetemp()
    calls = sorted(named(document.read_text(encoding="utf-8")))
    assert [(command, option) for command, option in calls if option not in usage(directory, *command)] == []


def test_every_command_is_in_the_list(tmp_path: Path) -> None:
    """docs/commands.md has those that the command line lists."""
    listed = re.findall(r"^  ([a-z][a-z-]*)  ", usage(tmp_path), re.MULTILINE)
    assert len(listed) > 20
    found = {command[0] for command, _ in named((ROOT / "docs" / "commands.md").read_text(encoding="utf-8"))}
    assert set(listed) - found == set()
