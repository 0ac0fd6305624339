"""The documents name files that are there, and link to what is there."""

import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`((?:domain|application|projections|infrastructure|tests|benchmarks|docs)/[\w./]*)`")
SYMBOL = re.compile(r"`([\w/]+\.py)` \(`(\w+)`\)")
LINKED = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def anchors(document: Path) -> set[str]:
    """Those of its headings, as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_what_a_document_names_is_there(document: Path) -> None:
    """Files of the tree by their paths, names in them as `FILE` (`NAME`); links with their headings."""
    text = document.read_text(encoding="utf-8")
    gone = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    for name, symbol in SYMBOL.findall(text):
        if name not in gone and symbol not in (ROOT / name).read_text(encoding="utf-8"):
            gone.append(f"{name}: {symbol}")
    for path, anchor in LINKED.findall(text):
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            gone.append(f"{path}#{anchor}")
    assert gone == []


def test_the_index_names_every_document() -> None:
    """All but decision records, which it names as one."""
    linked = {path for path, _ in LINKED.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))}
    assert {each.name for each in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked
