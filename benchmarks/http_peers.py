"""Bare endpoints to stand beside the service: one that validates facts, one that inserts them as raw rows.

The first is the framework's limit; the second is what someone would write who wants no more than the facts in a table:
validated, one INSERT a call, committed before it is answered.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from starlette.concurrency import run_in_threadpool

from application.commands.facts import AnyFactCommand
from infrastructure.database import Database, sqlite_file


class Facts(BaseModel):
    """A call."""

    facts: Annotated[list[AnyFactCommand], Field(max_length=1_000)]


_facts = Table(
    "facts",
    MetaData(),
    Column("user_id", Text),
    Column("id", Text),
    Column("fact", Text),
    PrimaryKeyConstraint("user_id", "id"),
)


def application(kind: str, url: str) -> FastAPI:
    """The application with one route, `/v1/facts`."""
    app = FastAPI()
    record = _inserting(url) if kind == "insert" else None

    @app.post("/v1/facts")
    async def take(request: Request) -> Response:
        body = await request.body()
        facts = Facts.model_validate(json.loads(body)).facts
        if record is not None:
            raws = json.loads(body)["facts"]
            rows = [
                {"user_id": f.user_id, "id": f.id, "fact": json.dumps(r)}
                for f, r in zip(facts, raws, strict=True)
            ]
            await run_in_threadpool(record, rows)
        return Response(f'{{"accepted":{len(facts)}}}', media_type="application/json")

    return app


def _inserting(url: str) -> Callable[[list[dict[str, str]]], None]:
    engine = Database(url).dialect.engine
    is_file = sqlite_file(url) is not None
    insert = insert_sqlite if is_file else insert_postgresql
    statement = insert(_facts).on_conflict_do_nothing()

    @contextmanager
    def writing() -> Iterator[Connection]:
        with engine.connect() as connection:
            own = connection.execution_options(ledger_purpose="writing") if is_file else connection
            with own.begin():
                yield own

    with writing() as connection:
        _facts.create(connection, checkfirst=True)

    def record(rows: list[dict[str, str]]) -> None:
        with writing() as connection:
            connection.execute(statement, rows)

    return record


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1], sys.argv[2]), port=int(sys.argv[3]), log_level="error", access_log=False
    )
