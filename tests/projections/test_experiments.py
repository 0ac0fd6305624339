"""What experiments are counted from: users of exactly one variant, by example; and the weights that shared them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import read_campaigns
from application.ledger import UnknownCampaign
from domain.campaigns.campaign import stream_id
from domain.campaigns.definition import Variant
from domain.campaigns.events import (
    CampaignDrafted,
    CampaignLaunched,
    CampaignRenamed,
    Kind,
    VariantsChanged,
    WeightsAdjusted,
    WeightsSet,
)
from domain.campaigns.evidence import SelectionEvidence
from domain.instants import microseconds
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from projections.engine.projection import Logged
from projections.experiments import weights
from projections.experiments.counted import (
    Delay,
    EventOfVariant,
    Experiment,
    FirstReceipts,
    FirstReceived,
    RevenueOfVariant,
    VariantExperiment,
)
from projections.experiments.weights import Counted, Period
from projections.recipients import RECIPIENTS
from tests.support.ledgers import GROUP, NOW, open_ledger, position_of, take
from tests.support.read_models import experiment_in, experiment_in_at
from tests.support.strategies import APP_GROUP

on_both = pytest.mark.usefixtures("each_database")
"""Where what is asked of the database is written differently for the other, or compares, sorts or adds up."""

HOUR = timedelta(hours=1)

CAMPAIGN: dict[str, Any] = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}],
}


def received(variant: str, day: int, user: str, time: str = "09:00:00") -> dict[str, Any]:
    """A receipt of a day in March."""
    return {
        "type": "received",
        "id": f"r{day}",
        "user_id": user,
        "campaign_id": "spring",
        "variant_id": variant,
        "at": f"2024-03-{day:02}T{time}Z",
    }


def bought(day: int, price: str, user: str, currency: str = "EUR") -> dict[str, Any]:
    """A purchase of a day in March."""
    return {
        "type": "purchase",
        "id": f"p{day}{currency}",
        "user_id": user,
        "product_id": "tea",
        "price": price,
        "currency": currency,
        "at": f"2024-03-{day:02}T09:00:00Z",
    }


def void(fact_id: str, user: str) -> dict[str, Any]:
    """A void of a fact."""
    return {
        "type": "void",
        "id": f"void-{fact_id}",
        "user_id": user,
        "fact_id": fact_id,
        "at": "2024-03-31T09:00:00Z",
    }


def now(service: Service) -> Experiment:
    """The experiment, everything acknowledged being in it."""
    service.projector.catch_up(RECIPIENTS)
    return experiment_in(service, "spring", datetime(2024, 3, 4, 10, 59, tzinfo=UTC))


def test_r18_an_experiment_in_full(tmp_path: Path) -> None:
    """R6, R9, R11, R18: one who converted, one whose window is open, and one who also received control."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1, "u1", "09:59:00"), bought(2, "2.5", "u1"), bought(3, "1", "u1")])
        take(service, [received("A", 2, "u2"), received("B", 1, "u3"), bought(2, "7", "u3")])
        take(service, [received("holdout", 2, "u3")])
        found, position = now(service), position_of(service, "recipients")
    first, second = datetime(2024, 3, 1, 9, tzinfo=UTC), datetime(2024, 3, 2, 9, tzinfo=UTC)
    nobody: dict[str, Any] = {
        "recipients": 0,
        "conversion_events": [EventOfVariant(0, 0, 0, 0)],
        "revenue": [],
        "by_hour": [],
    }
    assert (found.app_group, found.campaign_id, found.position) == (GROUP, "spring", position)
    assert found.as_of == datetime(2024, 3, 4, 10, tzinfo=UTC)
    assert (found.users_in_several_variants, found.with_control) == (1, 1)
    assert found.variants == [
        VariantExperiment(
            "A",
            control=False,
            recipients=2,
            conversion_events=[EventOfVariant(0, 1, 1, 1)],
            revenue=[RevenueOfVariant("EUR", 2, 1, Decimal("3.5"), Decimal("12.25"))],
            by_hour=[FirstReceived(first, 1, [1]), FirstReceived(second, 1, [0])],
            first_receipts=[FirstReceipts(first, 1), FirstReceipts(second, 1)],
            delays=[[Delay(23, 1)]],
        ),
        VariantExperiment(
            "B", control=False, **nobody, first_receipts=[FirstReceipts(first, 1)], delays=[[]]
        ),
        VariantExperiment("holdout", control=True, **nobody, first_receipts=[], delays=[[Delay(0, 1)]]),
    ]


def test_r17_a_user_of_several_variants_is_back_once_the_others_are_voided(tmp_path: Path) -> None:
    """R17, R18: nothing of the second variant is left, revenue in every currency included."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1, "u1"), bought(2, "5", "u1"), bought(3, "9", "u1", "USD")])
        alone = now(service)
        take(service, [received("B", 3, "u1", "10:00:00")])
        both = now(service)
        assert (both.users_in_several_variants, both.with_control) == (1, 0)
        assert [(each.recipients, each.revenue) for each in both.variants] == [(0, [])] * 3
        take(service, [void("r3", "u1")])
        again = now(service)
        assert (again.variants, again.users_in_several_variants) == (alone.variants, 0)


def test_r5_a_first_receipt_is_of_one_variant_whichever_come_later(tmp_path: Path) -> None:
    """R5, R14, R17: an earlier receipt that comes late, and the void of it, move the user and make no other of them."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:

        def firsts() -> dict[str, int]:
            return {
                each.variant_id: sum(one.users for one in each.first_receipts)
                for each in now(service).variants
            }

        take(service, [received("A", 3, "u1"), received("B", 4, "u1")])
        assert firsts() == {"A": 1, "B": 0, "holdout": 0}
        take(service, [received("holdout", 1, "u1")])
        assert firsts() == {"A": 0, "B": 0, "holdout": 1}
        take(service, [received("B", 2, "u1")])
        assert firsts() == {"A": 0, "B": 0, "holdout": 1}
        take(service, [void("r1", "u1")])
        assert firsts() == {"A": 0, "B": 1, "holdout": 0}
        take(service, [void("r2", "u1"), void("r3", "u1"), void("r4", "u1")])
        assert firsts() == {"A": 0, "B": 0, "holdout": 0}


@on_both
def test_r11_squares_of_the_largest_amounts_are_exact(tmp_path: Path) -> None:
    """R11: 18 digits squared are 36, and none of them is rounded."""
    price = Decimal("999999999999.999999")
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        for user in ("u1", "u2"):
            take(service, [received("A", 1, user), bought(2, str(price), user), bought(3, "0.000001", user)])
        [revenue] = now(service).variants[0].revenue
        each = Decimal(10) ** 12
        assert (revenue.total, revenue.squares) == (2 * each, Decimal(2) * Decimal(10) ** 24)
        take(service, [void("p3EUR", "u1")])
        [revenue] = now(service).variants[0].revenue
        assert revenue.squares == Decimal("1999999999999999998000000.000000000001")


def test_r11_a_purchase_at_0_makes_a_buyer_and_an_unknown_campaign_is_said_so(tmp_path: Path) -> None:
    """R11: the currency appears with its first purchase."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1, "u1"), bought(2, "0", "u1", "JPY")])
        [revenue] = now(service).variants[0].revenue
        assert revenue == RevenueOfVariant("JPY", 1, 1, Decimal(0), Decimal(0))
        with pytest.raises(UnknownCampaign):
            experiment_in(service, "nowhere", NOW)
        with pytest.raises(UnknownCampaign):
            experiment_in_at(service, "nowhere", 1, NOW)


def logged(hours: float, event: Any) -> Logged:
    """An event of a campaign's stream, so many hours after the first."""
    at = microseconds(datetime(2024, 3, 1, 9, tzinfo=UTC) + hours * HOUR)
    return Logged(1, GROUP, stream_id(GROUP, "spring"), "", at, event)


VARIANTS = (Variant("A"), Variant("B"), Variant("holdout", control=True))
EVIDENCE = SelectionEvidence(position=1, as_of=0, floor=0.05, shares=(), better=0.5)


def test_r5_periods_of_weights_begin_with_the_launch_and_with_each_change() -> None:
    """R4, R5: what a draft was first does not count; the same weights again, and other changes, begin no period."""
    even, last = {"A": 1, "B": 1, "holdout": 1}, {"A": 1, "B": 8, "holdout": 1}
    drafted = CampaignDrafted(GROUP, "spring", "Spring", Kind.CAMPAIGN, VARIANTS[:1], {"A": 1}, ())
    found = weights.find_periods(
        [
            logged(0, drafted),
            logged(1, VariantsChanged(VARIANTS, even)),
            logged(2, CampaignLaunched()),
            logged(3, WeightsSet(even)),
            logged(4, CampaignRenamed("Summer")),
            logged(5.5, WeightsAdjusted(last, EVIDENCE)),
            logged(6, CampaignLaunched()),
        ]
    )
    begun = datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert found == [Period(begun, even), Period(begun + 4.5 * HOUR, last)]
    assert weights.find_periods([]) == []


def test_r5_strata_and_first_receipts_follow_the_weights_of_each_hour(tmp_path: Path) -> None:
    """R5: an hour in which weights changed is of none, and whatever lies before the first period is the first's."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1, "u1"), received("B", 1, "u2"), received("A", 2, "u3", "09:31:00")])
        take(service, [received("A", 3, "u4"), received("holdout", 3, "u5"), bought(4, "1", "u4")])
        take(service, [received("B", 3, "u6"), received("A", 4, "u6")])
        found = now(service)
    even, last = {"A": 1, "B": 1, "holdout": 2}, {"A": 7, "B": 1, "holdout": 2}
    periods = [
        Period(datetime(2024, 3, 2, 8, tzinfo=UTC), even),
        Period(datetime(2024, 3, 2, 9, 30, tzinfo=UTC), {"A": 1, "B": 0, "holdout": 0}),
        Period(datetime(2024, 3, 2, 9, 40, tzinfo=UTC), last),
        Period(datetime(2024, 3, 5, 9, tzinfo=UTC), even),
    ]
    none = Counted(0, [0])
    assert [(each.period, each.variants) for each in weights.stratify(found, periods)] == [
        (periods[0], {"A": Counted(1, [0]), "B": Counted(1, [0]), "holdout": none}),
        (None, {"A": Counted(1, [0]), "B": none, "holdout": none}),
        (periods[2], {"A": Counted(1, [1]), "B": none, "holdout": Counted(1, [0])}),
    ]
    shared = weights.count_shared(found, periods)
    assert [each.first_receipts for each in shared.values()] == [2, 2, 1]
    assert [each.expected for each in shared.values()] == pytest.approx(
        [2 / 4 + 3 * 0.7, 2 / 4 + 3 * 0.1, 2 / 2 + 3 * 0.2]
    )


def test_r5_weights_are_read_from_the_campaigns_own_stream_up_to_a_position(tmp_path: Path) -> None:
    """R5: changed after the launch they begin a period, which an earlier position does not know of."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service, service.database.reading() as connection:
        before = service.log.last_position(connection)
    with open_ledger(tmp_path) as service:
        changed = [each | {"weight": weight} for weight, each in enumerate(CAMPAIGN["variants"], 1)]
        again = APP_GROUP | {"campaigns": [CAMPAIGN | {"variants": changed}]}
        service.campaigns.apply(read_campaigns(again), stamp())
        with service.database.reading() as connection:

            def found(position: int) -> list[dict[str, int]]:
                told = weights.load_weights(connection, service.log, GROUP, "spring", position)
                return [period.weights for period in told]

            even = {"A": 1, "B": 1, "holdout": 1}
            assert found(before) == [even]
            assert found(before + 100) == [even, {"A": 1, "B": 2, "holdout": 3}]
            assert found(0) == []
