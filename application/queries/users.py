"""Whether a user is known, and ids like one that is not: somebody typed it."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from application.queries.reads import Reads
from projections.engine.near_users import find_known, find_neighbours

_LAST_NUMBER = re.compile(r"^(?P<before>.*?)(?P<zeros>0*)(?P<number>[0-9]+)(?P<after>[^0-9]*)$", re.DOTALL)
_MOST_DIGITS = 12
_NEIGHBOURS = 3
_LIKE = 0.6


def is_known_user(reads: Reads, app_group: str, user_id: str) -> bool:
    """Whether any fact of the user was ever recorded."""
    with reads.recorded() as connection:
        return bool(find_known(connection, app_group, [user_id]))


def has_journey(reads: Reads, app_group: str, user_id: str) -> bool:
    """Whether a fact of the user was recorded up to the position that is read."""
    with reads.recorded() as connection:
        return bool(reads.histories.of_user(connection, app_group, user_id, 0, 1))


def find_near_users(reads: Reads, app_group: str, text: str, limit: int = 5) -> list[str]:
    """Ids of users that look like a text: other spellings of it first, then its neighbours in the order of ids."""
    with reads.recorded() as connection:
        spelled = find_known(connection, app_group, list(_spell(text)))
        neighbours = find_neighbours(connection, app_group, text, _NEIGHBOURS)

    def likeness(user_id: str) -> float:
        return SequenceMatcher(None, text, user_id).ratio()

    like = sorted((each for each in neighbours if likeness(each) >= _LIKE), key=likeness, reverse=True)
    return [each for each in dict.fromkeys([*spelled, *like]) if each != text][:limit]


def _spell(text: str) -> Iterator[str]:
    """Other spellings: without space around it, in other letters, with other zeros before its last number."""
    plain = text.strip()
    for each in (plain, plain.lower(), plain.upper(), plain.capitalize()):
        if not each:
            continue
        yield each
        if found := _LAST_NUMBER.match(each):
            number = found["number"]
            for digits in range(len(number), _MOST_DIGITS + 1):
                yield f"{found['before']}{number.rjust(digits, '0')}{found['after']}"
