"""Finding users by ids that are not quite theirs: by the order of ids, and by other spellings."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.engine import Connection

from projections.engine.tables import users


def find_known(connection: Connection, app_group: str, user_ids: Iterable[str]) -> list[str]:
    """Those of these ids that the ledger knows, in the order given."""
    given = list(dict.fromkeys(user_ids))
    query = select(users.c.user_id).where(users.c.app_group == app_group, users.c.user_id.in_(given))
    known = set(connection.execute(query).scalars())
    return [each for each in given if each in known]


def find_neighbours(connection: Connection, app_group: str, user_id: str, limit: int) -> list[str]:
    """The ids that come before and after an id in the order of ids, at most so many on each side."""
    of_group = select(users.c.user_id).where(users.c.app_group == app_group)
    before = of_group.where(users.c.user_id < user_id).order_by(users.c.user_id.desc()).limit(limit)
    after = of_group.where(users.c.user_id > user_id).order_by(users.c.user_id).limit(limit)
    return [*connection.execute(before).scalars(), *connection.execute(after).scalars()]
