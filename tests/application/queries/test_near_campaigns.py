"""Ids of campaigns that look like one that nobody knows: found in bounded time, whatever the ids are."""

from pathlib import Path

import pytest

from application.commands.definitions import read_campaigns
from application.ledger import UnknownAppGroup
from application.queries import campaigns
from application.queries.campaigns import find_near_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from tests.support.ledgers import GROUP, open_ledger


def draft(service: Service, *ids: str) -> None:
    """Draft campaigns."""
    stated = [{"id": each, "status": "draft"} for each in ids]
    service.campaigns.apply(read_campaigns({"app_group": GROUP, "campaigns": stated}), stamp())


def test_ids_that_look_like_it_come_first(tmp_path: Path) -> None:
    """The most alike first, at most so many, and nothing where none is alike; of the app group alone."""
    with open_ledger(tmp_path) as service:
        draft(service, "spring-sale", "spring-sale-2", "summer", "newsletter")
        reads = service.reads_caught_up()
        assert find_near_campaigns(reads, GROUP, "sprng-sale") == ["spring-sale", "spring-sale-2"]
        assert find_near_campaigns(reads, GROUP, "sprng-sale", 1) == ["spring-sale"]
        assert find_near_campaigns(reads, GROUP, "zzz") == []
        with pytest.raises(UnknownAppGroup):
            find_near_campaigns(reads, "other", "sprng-sale")


def test_few_ids_and_few_of_their_letters_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many campaigns there are, and however long their ids: those around it in the order of ids."""
    compared: list[list[str]] = []

    def compare(word: str, known: dict[str, list[str]], **_how: float) -> list[str]:
        compared.append([word, *known])
        return list(known)

    monkeypatch.setattr(campaigns, "get_close_matches", compare)
    monkeypatch.setattr(campaigns, "_COMPARED", 4)
    with open_ledger(tmp_path) as service:
        draft(service, *(f"{n:02d}{'x' * 253}" for n in range(20)))
        found = find_near_campaigns(service.reads_caught_up(), GROUP, "10" + "y" * 300)
    (letters,) = compared
    assert [each[:2] for each in letters] == ["10", "09", "10", "11", "12"]
    assert {len(each) for each in letters} == {48}
    assert [(each[:2], len(each)) for each in found] == [("09", 255), ("10", 255), ("11", 255)]
