"""Generations: each build of a read model has tables of its own, beside those that are read (blue/green).

`projections` says which generation of each read model is `current`; there may be one that is `building`, and others
that are `kept` to go back to, or `retired` and about to be dropped. A reader asks for the current one in its own
transaction, and so never sees half of one and half of another. Views with the plain names are for BI tools.

Locks. Whoever writes to a generation, switches or rolls back locks its row of `projections` first; where several read
models are involved, in the order of their names.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql import table as named

from projections.engine.projection import OtherCode, Projection, Tally
from projections.engine.tables import Id

Status = Literal["building", "current", "kept", "retired"]

metadata = MetaData()

checkpoints = Table(
    "projections",
    metadata,
    Column("name", Id, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("tally", Text),
    Column("began_at", BigInteger, nullable=False),
    Column("moved_at", BigInteger),
    Column("switched_at", BigInteger),
    Column("problem", Text),
    PrimaryKeyConstraint("name", "generation"),
)
"""Where each generation stands. Instants in microseconds since 1970; `tally`, while it is building, is what the log
holds up to its position; `problem` why it stopped, if it did. At most one is
current and one is building: partial indexes ensure it, which only the migration names, because here they would load
every database's dialect."""


class ViewInUse(Exception):
    """A view cannot be replaced while a transaction that has read it is open."""


@dataclass(frozen=True)
class Generation:
    """One generation of a read model, and its tables."""

    name: str
    generation: int
    status: Status
    version: int
    position: int
    began_at: int
    moved_at: int | None = None
    switched_at: int | None = None
    problem: str | None = None

    def __getitem__(self, table: Table) -> Table:
        """The generation's own table, for the one that the projection declares."""
        return own_table(table, self.generation)

    def is_of(self, projection: Projection) -> bool:
        """Whether this version of the projection made it."""
        return self.version == projection.version


@cache
def own_table(table: Table, generation: int) -> Table:
    """A generation's own table."""
    own = table.to_metadata(MetaData(), name=f"{table.name}_{generation}")
    for index in own.indexes:
        index.name = quoted_name(f"{index.name}_{generation}", quote=False)
    return own


_OTHER_COLUMNS = "42P16"
"""PostgreSQL's code where a view cannot be replaced because its columns are others."""

_LOCKED = "55P03"
"""PostgreSQL's code where a lock was not given in time."""

_PATIENCE = "5s"

_VERSION_ONLY = ""
"""Earlier releases wrote a hash of the code here. A test compares code now (tests/projections/test_fingerprints.py)."""

_COLUMNS = [checkpoints.c[each.name] for each in fields(Generation)]
_at = checkpoints.c
# Made once: each batch asks several times.
_FIND = select(*_COLUMNS).where(_at.name == bindparam("name"), _at.status == bindparam("of"))
_FIND_LOCKED = _FIND.with_for_update()
_CURRENTS = select(*_COLUMNS).where(_at.status == "current")
_MOVED: dict[str, Any] = {each: bindparam(each) for each in ("position", "moved_at", "problem")}
_MOVE = (
    update(checkpoints)
    .where(_at.name == bindparam("name_"), _at.generation == bindparam("generation_"))
    .values(_MOVED)
)
_MOVE_COUNTED = _MOVE.values(tally=bindparam("tally"))


def current(connection: Connection, projection: Projection) -> Generation:
    """The generation that is read; raises OtherCode where there is none yet, or where other code made it."""
    found = find(connection, projection)
    if found is None:
        raise OtherCode(
            projection.name, 1, f"it was not built yet; `conversions rebuild {projection.name}` does it"
        )
    refuse_other_code(projection, found)
    return found


def find(
    connection: Connection, projection: Projection, *, status: Status = "current", lock: bool = False
) -> Generation | None:
    """The generation of that status, if there is one; locked until the transaction ends."""
    row = connection.execute(
        _FIND_LOCKED if lock else _FIND, {"name": projection.name, "of": status}
    ).one_or_none()
    return None if row is None else Generation(*row)


def find_currents(
    connection: Connection, projections: Iterable[Projection]
) -> dict[Projection, Generation | None]:
    """The generations that are read, of several at once; None where there is none yet."""
    found = {row.name: Generation(*row) for row in connection.execute(_CURRENTS)}
    return {projection: found.get(projection.name) for projection in projections}


def lock_current(connection: Connection, projection: Projection, now: int) -> Generation:
    """Lock the current generation, so that no one else counts the same events; makes it where there is none."""
    while True:
        # Another process may switch generations while this one waits for the lock: then only the second look finds it.
        found = find(connection, projection, lock=True) or find(connection, projection, lock=True)
        if found is not None:
            refuse_other_code(projection, found)
            return found
        # Of two processes that insert at once, the second waits here until the first commits, and then fails.
        with suppress(IntegrityError), connection.begin_nested():
            make(connection, projection, "current", now)


def all_of(connection: Connection, projection: Projection) -> list[Generation]:
    """All its generations, oldest first."""
    query = select(*_COLUMNS).where(_at.name == projection.name).order_by(checkpoints.c.generation)
    return [Generation(*row) for row in connection.execute(query)]


def make(connection: Connection, projection: Projection, status: Status, now: int) -> Generation:
    """Make an empty generation."""
    newest = connection.execute(
        select(func.max(checkpoints.c.generation)).where(_at.name == projection.name)
    ).scalar()
    generation = Generation(
        name=projection.name,
        generation=(newest or 0) + 1,
        status=status,
        version=projection.version,
        position=0,
        began_at=now,
    )
    connection.execute(insert(checkpoints).values(asdict(generation) | {"fingerprint": _VERSION_ONLY}))
    for table in projection.tables:
        generation[table].create(connection)
    if status == "current":
        show(connection, projection, generation)
    return generation


def drop(connection: Connection, projection: Projection, generation: Generation) -> None:
    """Drop a generation and all it holds."""
    for table in reversed(projection.tables):
        # It may have been made by code that had other tables.
        generation[table].drop(connection, checkfirst=True)
    for name in projection.former:
        connection.execute(text(f"DROP TABLE IF EXISTS {name}_{generation.generation}"))
    connection.execute(delete(checkpoints).where(_is(generation)))


def move(
    connection: Connection,
    generation: Generation,
    position: int,
    now: int,
    *,
    problem: str | None = None,
    tally: Tally | None = None,
) -> None:
    """Move a checkpoint, in the transaction that wrote what comes before it."""
    moved = {
        "name_": generation.name,
        "generation_": generation.generation,
        "position": position,
        "moved_at": now,
        "problem": problem,
    }
    if tally is None:
        connection.execute(_MOVE, moved)
    else:
        connection.execute(_MOVE_COUNTED, moved | {"tally": _encode(tally)})


def read_tally(connection: Connection, generation: Generation) -> Tally:
    """Read what was counted in the log so far for a generation that is building."""
    found = connection.execute(select(checkpoints.c.tally).where(_is(generation))).scalar()
    return Tally() if found is None else Tally({(t, m): n for t, m, n in msgspec.json.decode(found)})


def _encode(tally: Tally) -> str:
    return msgspec.json.encode([[*key, count] for key, count in sorted(tally.items())]).decode()


def become(connection: Connection, generation: Generation, status: Status, now: int) -> None:
    """Give a generation another status."""
    connection.execute(update(checkpoints).where(_is(generation)).values(status=status, switched_at=now))


def _is(generation: Generation) -> Any:  # noqa: ANN401
    return and_(_at.name == generation.name, _at.generation == generation.generation)


def show(connection: Connection, projection: Projection, generation: Generation) -> None:
    """Let the views with plain names show this generation."""
    whole = {table.name: select(generation[table]) for table in projection.tables}
    for name, query in (whole | {name: view(generation) for name, view in projection.views.items()}).items():
        shown = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        if connection.dialect.name == "postgresql":
            _replace(connection, name, shown)
        else:
            connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
            connection.execute(text(f"CREATE VIEW {name} AS {shown}"))
    for name in projection.former:
        # The old view would go on showing rows that nothing keeps up to date any more.
        with _wait_for_readers(connection, name):
            connection.execute(text(f"DROP VIEW IF EXISTS {name}"))


def _replace(connection: Connection, name: str, shown: str) -> None:
    """Replace a view. If its columns have changed, it is dropped and made again, without its grants."""
    with _wait_for_readers(connection, name):
        try:
            with connection.begin_nested():
                connection.execute(text(f"CREATE OR REPLACE VIEW {name} AS {shown}"))
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _OTHER_COLUMNS:
                raise
            connection.execute(text(f"DROP VIEW {name}"))
            connection.execute(text(f"CREATE VIEW {name} AS {shown}"))


@contextmanager
def _wait_for_readers(connection: Connection, name: str) -> Iterator[None]:
    """Wait a few seconds for transactions that have read a view; raises ViewInUse where one is still open."""
    with limit_waits_for_locks(connection):
        try:
            with connection.begin_nested():
                yield
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCKED:
                raise
            raise ViewInUse(f"a transaction that has read the view {name} is still open") from error


@contextmanager
def limit_waits_for_locks(connection: Connection) -> Iterator[None]:
    """Wait for locks no longer than a few seconds: one long reader must not make everybody else wait."""
    if connection.dialect.name != "postgresql":
        yield
        return
    before = connection.execute(text("SHOW lock_timeout")).scalar_one()
    connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    yield
    connection.execute(text(f"SET LOCAL lock_timeout = '{before}'"))


def is_up_to(connection: Connection, projection: Projection, position: int) -> bool:
    """Whether a read model can be read and holds every event up to a position."""
    found = find(connection, projection)
    return found is not None and found.is_of(projection) and found.position >= position


def refuse_other_code(projection: Projection, found: Generation) -> None:
    """Raise OtherCode unless this version made the generation: figures of two versions do not add up."""
    if found.is_of(projection):
        return
    advice = (
        ": run the newer release"
        if found.version > projection.version
        else f"; `conversions rebuild {projection.name}` builds it again while the old one is read"
    )
    raise OtherCode(
        projection.name,
        found.position + 1,
        f"version {found.version} made it, this is version {projection.version}{advice}",
    )


def count_rows(connection: Connection, projection: Projection, generation: Generation) -> int:
    """How many rows its tables hold; another version may have made them."""
    there = set(inspect(connection).get_table_names())
    names = [f"{name}_{generation.generation}" for name in (*map(str, projection.tables), *projection.former)]
    counts = [select(func.count()).select_from(named(name)) for name in names if name in there]
    return sum(connection.execute(count).scalar_one() for count in counts)
