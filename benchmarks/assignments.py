"""Which variant users get: how long a call takes where each of many users has received something, and what it costs.

Asked as the service over HTTP answers it, from the body's bytes to the answer's, but for the sockets.
"""

import asyncio
from collections.abc import Iterator
from random import Random
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple

import httpx

from application.commands.facts import read_fact
from benchmarks.ledger import batches, fresh
from benchmarks.places import Place, PostgreSQL
from benchmarks.reads import quantile
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import CAMPAIGNS, GROUP, VARIANTS, instant
from domain.campaigns.campaign import Campaign
from domain.campaigns.evidence import SelectionEvidence
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.http.app import create

USERS: Final = 100_000
ASKED_USERS: Final = 100
ASKED_MILLISECONDS: Final = 20
CALLS: Final = {1: 500, ASKED_USERS: 500, 10_000: 10}
"""Calls by how many users each is about."""
ADJUSTMENTS: Final = 730
"""Of the campaign's weights: twice a day for a year."""
_HALF_A_DAY: Final = 43_200_000_000
_BATCH: Final = 5_000
_WARM_UP: Final = 5


class Call(NamedTuple):
    """Milliseconds that a call took, and those of this process's processor time."""

    taken: float
    worked: float


def measure(sqlite: Place, server: PostgreSQL, progress: Progress) -> Iterator[Table]:
    """Ask about users of whom two in three have received the campaign."""
    table = Table(
        "assignments",
        f"Assigning users to variants: {USERS:,} have received the campaign, {ADJUSTMENTS} adjustments of weights",
        ["where", "users a call", "calls", "p50 ms", "p99 ms", "processor ms"],
        notes=["processor: of the process that answers; PostgreSQL's own comes on top"],
    )
    for place in (sqlite, server):
        with fresh(CAMPAIGNS, place) as service:
            progress(f"{USERS:,} receipts on {place.name}")
            _fill(service)
            for users, calls in asyncio.run(_asked(service)).items():
                taken = [call.taken for call in calls]
                worked = sum(call.worked for call in calls) / len(calls)
                p99 = quantile(taken, 0.99)
                table.rows.append([place.name, users, len(calls), quantile(taken, 0.5), p99, worked])
                if users == ASKED_USERS:
                    text = f"assigning {users} users, p99 in ms, {place.name}"
                    table.asks.append(Ask(text, p99, ASKED_MILLISECONDS, at_most=True))
    yield table


def _fill(service: Service) -> None:
    receipts = (
        {"type": "received", "id": f"r{user}", "user_id": f"user-{user}", "campaign_id": "sale",
         "variant_id": VARIANTS[user % 3], "at": instant(user)}
        for user in range(USERS)
    )  # fmt: skip
    for batch in batches(receipts, _BATCH):
        service.intake.record(GROUP, [read_fact(each) for each in batch], stamp())
    with service.writer.alone(stamp()) as unit:
        campaign = unit.aggregates.existing_campaign(GROUP, "sale")
        _adjust(campaign)
        unit.record(GROUP, campaign)


def _adjust(campaign: Campaign) -> None:
    campaign.select(0.05)
    for number in range(ADJUSTMENTS):
        evidence = SelectionEvidence(1, number * _HALF_A_DAY, 0.05, (), 0.5)
        campaign.adjust(
            {"A": 40 + number % 20, "B": 50, "holdout": 10}, evidence, campaign.weights, last=False
        )


async def _asked(service: Service) -> dict[int, list[Call]]:
    app = create("", service=service)
    with service.database.writing() as connection:
        _, key = keys.create(connection, GROUP, [Scope.READ], 0)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://ledger",
            headers={"Authorization": f"Bearer {key}"},
        ) as client,
    ):
        return {users: await _calls(client, users, calls) for users, calls in CALLS.items()}


async def _calls(client: httpx.AsyncClient, users: int, calls: int) -> list[Call]:
    drawn, found = Random(users), []  # noqa: S311 - no secret
    for _ in range(_WARM_UP + calls):
        body: Any = {"user_ids": [f"user-{drawn.randrange(USERS * 3 // 2)}" for _ in range(users)]}
        started, worked = perf_counter(), process_time()
        answer = await client.post("/v1/campaigns/sale/assignments", json=body)
        taken = Call(1e3 * (perf_counter() - started), 1e3 * (process_time() - worked))
        assert len(answer.raise_for_status().json()["assignments"]) == users
        found.append(taken)
    return found[_WARM_UP:]
