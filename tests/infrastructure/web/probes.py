"""Pages for tests, which show who looks at them."""

from typing import Any

from fastapi import APIRouter, Request

from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.http.state import Shared
from infrastructure.web.sessions import AnyVisitor, Manager, Viewer, Visitor, adopt
from tests.support.ledgers import GROUP

PROBES = APIRouter(include_in_schema=False)


def describe(viewer: Viewer) -> dict[str, Any]:
    """The viewer, as JSON."""
    return {
        "key_id": None if viewer.key is None else viewer.key.key_id,
        "app_group": viewer.app_group,
        "may_read": viewer.may_read,
        "may_manage": viewer.may_manage,
    }


@PROBES.get("/anybody")
async def show_anybody(viewer: AnyVisitor) -> dict[str, Any]:
    """Show somebody who may have no key."""
    return describe(viewer)


@PROBES.get("/probe")
@PROBES.get("/probe.json")
@PROBES.get("/probe.csv")
@PROBES.get("/probe/{name}")
async def show_viewer(viewer: Visitor) -> dict[str, Any]:
    """Show who looks."""
    return describe(viewer)


@PROBES.post("/probe/change")
async def change(viewer: Manager) -> dict[str, Any]:
    """Say who would change something."""
    return {"actor": viewer.stamp("c").actor}


@PROBES.post("/adopt")
async def make_first_key(request: Request, state: Shared, viewer: AnyVisitor) -> dict[str, Any]:
    """Do what the page of the first app group does in the end, twice."""
    with state.database.writing() as connection:
        key, _ = keys.create(connection, GROUP, [Scope.READ, Scope.MANAGE], microseconds(state.now()))
    return {"adopted": await adopt(request, viewer, key), "again": await adopt(request, viewer, key)}
