"""The law of all read models: whatever the order, batches and cuts, each is what the reference finds in the facts."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.engine import projector
from projections.experiments import counted
from projections.registry import PROJECTIONS
from tests.domain.journey.test_journey_laws import plans
from tests.support.ledgers import take
from tests.support.read_models import (
    Judge,
    check_verified,
    contents,
    experiment_in_at,
    fold_apart,
    ledger_in,
)
from tests.support.strategies import distinct

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Apia"]
SPANS = [1, 3, 20_000]
"""Positions a batch of events spans: it may end between a fact and what is decided from it."""

LAW = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
GIVEN = given(
    plan=plans(),
    zone=st.sampled_from(ZONES),
    span=st.sampled_from(SPANS),
    batch=st.sampled_from([2, 20_000]),
    data=st.data(),
)


def obey(plan: Any, zone: str, span: int, batch: int, data: st.DataObject) -> None:
    """One ledger, into which the facts come batch by batch, all read models following."""

    def pick(options: Sequence[Any]) -> Any:
        return data.draw(st.sampled_from(options))

    campaigns, _, batches = plan
    with pytest.MonkeyPatch.context() as patch, ledger_in(zone, campaigns) as service:
        patch.setattr(projector, "BATCH", span)
        patch.setattr(counted, "BATCH", batch)
        checked = {0, len(batches), pick(range(len(batches) + 1))}
        taken: list[Any] = []
        said = []
        for number, facts in enumerate([[], *batches]):
            take(service, facts)
            taken = distinct([*taken, *facts])
            service.projector.catch_up()
            if number in checked:
                judge = Judge(service, campaigns, taken, zone, pick)
                judge.check()
                said += judge.experiments()
        for each in said:
            assert experiment_in_at(service, each.campaign_id, each.position, each.as_of) == each
        for projection in PROJECTIONS:
            check_verified(service, projection)
            assert fold_apart(service, projection, span) == contents(service, projection)


@settings(LAW, max_examples=30)
@GIVEN
def test_r14_any_order_batches_and_cuts_give_what_the_reference_finds(
    plan: Any, zone: str, span: int, batch: int, data: st.DataObject
) -> None:
    """R6 to R9, R11, R12, R14, R17 to R20, R27: read models while facts come, and folded apart afterwards."""
    obey(plan, zone, span, batch, data)


@pytest.mark.parametrize("each_database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("each_database")
@settings(LAW, max_examples=8)
@GIVEN
def test_r14_read_models_in_postgresql_are_the_references_too(
    plan: Any, zone: str, span: int, batch: int, data: st.DataObject
) -> None:
    """The same law: what is written and asked differs in SQL alone."""
    obey(plan, zone, span, batch, data)
