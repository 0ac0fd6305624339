"""The overlap, by example: which conversions share their behaviour with another campaign."""

from pathlib import Path
from typing import Any

import pytest

from application.ledger import UnknownCampaign
from infrastructure.composition import Service
from projections.overlap import OVERLAP
from tests.support.ledgers import GROUP, open_ledger, take
from tests.support.read_models import check_verified, contents, overlap_in

on_both = pytest.mark.usefixtures("each_database")
"""Where what is asked of the database is written differently for the other, or compares, sorts or adds up."""


PURCHASE = {"type": "makes_purchase", "deadline": "3d"}
SIMPLE: list[dict[str, Any]] = [
    {"id": "spring", "conversion_events": [PURCHASE, {"type": "starts_session", "deadline": "3d"}]},
    {"id": "summer", "conversion_events": [PURCHASE]},
    {
        "id": "autumn",
        "variants": [{"id": "A"}, {"id": "holdout", "control": True}],
        "conversion_events": [PURCHASE, PURCHASE],
    },
]


def at(day: int) -> str:
    """An instant of a day in March."""
    return f"2024-03-{day:02}T09:00:00Z"


def received(campaign: str, day: int = 1, variant: str | None = None, user: str = "u1") -> dict[str, Any]:
    """A receipt."""
    fact = {"type": "received", "id": f"r {campaign} {day}", "user_id": user, "campaign_id": campaign}
    return fact | {"at": at(day), "variant_id": variant}


def bought(day: int = 2, fact_id: str = "p", user: str = "u1") -> dict[str, Any]:
    """A purchase."""
    price = {"product_id": "x", "price": "1", "currency": "EUR"}
    return {"type": "purchase", "id": fact_id, "user_id": user, "at": at(day)} | price


def void(fact_id: str, user: str = "u1") -> dict[str, Any]:
    """A void."""
    return {"type": "void", "id": f"void {fact_id}", "user_id": user, "at": at(9), "fact_id": fact_id}


def counts(service: Service, campaign_id: str) -> list[tuple[int, int]]:
    """Conversions and overlapping ones by conversion event, everything acknowledged being in them."""
    service.projector.catch_up(OVERLAP)
    return [
        (each.conversions, each.overlapping) for each in overlap_in(service, campaign_id).conversion_events
    ]


def shared(service: Service, campaign_id: str) -> dict[str, int]:
    """Behaviours shared with other campaigns."""
    return {each.campaign_id: each.behaviours for each in overlap_in(service, campaign_id).shared_with}


def test_r8_a_behaviour_that_converts_on_two_campaigns_overlaps_in_both(tmp_path: Path) -> None:
    """R8: one purchase, two campaigns: both conversions overlap; a session of only one of them does not."""
    with open_ledger(tmp_path, SIMPLE) as service:
        session = {"type": "session_started", "id": "s", "user_id": "u1", "app_id": "ios", "at": at(2)}
        take(service, [received("spring"), received("summer"), bought(), session])
        assert counts(service, "spring") == [(1, 1), (1, 0)]
        assert counts(service, "summer") == [(1, 1)]
        assert shared(service, "spring") == {"summer": 1}
        assert shared(service, "summer") == {"spring": 1}


def test_r8_two_conversions_of_one_campaign_are_no_overlap(tmp_path: Path) -> None:
    """R8: a purchase that earns both conversion events of one campaign shares its behaviour with no other."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("autumn", variant="A"), bought()])
        assert counts(service, "autumn") == [(1, 0), (1, 0)]
        assert shared(service, "autumn") == {}


def test_r8_the_same_behaviour_id_of_two_users_is_no_overlap(tmp_path: Path) -> None:
    """R13: a fact is known by its user and its id, and so is a behaviour."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("spring"), bought(), received("summer", user="u2"), bought(user="u2")])
        assert counts(service, "spring") == [(1, 0), (0, 0)]
        assert counts(service, "summer") == [(1, 0)]


def test_r9_control_conversions_overlap_with_nothing_until_they_leave_control(tmp_path: Path) -> None:
    """R9: while control has the conversion no one overlaps; restated to a variant, both do."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("spring"), received("autumn", variant="holdout"), bought(day=3)])
        assert counts(service, "spring") == [(1, 0), (0, 0)]
        assert counts(service, "autumn") == [(0, 0), (0, 0)]
        check_verified(service, OVERLAP)
        take(service, [received("autumn", day=2, variant="A")])
        assert counts(service, "spring") == [(1, 1), (0, 0)]
        assert counts(service, "autumn") == [(1, 1), (1, 1)]
        assert shared(service, "spring") == {"autumn": 1}
        check_verified(service, OVERLAP)


def test_r17_a_void_takes_the_overlap_away_from_both(tmp_path: Path) -> None:
    """R17: a voided receipt withdraws one conversion, and the other overlaps no more; no row of it is left."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("spring"), received("summer"), bought()])
        assert counts(service, "spring") == [(1, 1), (0, 0)]
        take(service, [void("r summer 1")])
        assert counts(service, "spring") == [(1, 0), (0, 0)]
        assert counts(service, "summer") == [(0, 0)]
        assert shared(service, "spring") == {}
        take(service, [void("p")])
        assert counts(service, "spring") == [(0, 0), (0, 0)]
        assert contents(service, OVERLAP) == [set(), set(), set()]


def test_r14_a_conversion_restated_to_another_behaviour_parts_from_the_others(tmp_path: Path) -> None:
    """R14: an earlier purchase, in the window of one campaign alone, takes only that campaign's conversion."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("spring", day=1), received("summer", day=3), bought(day=4)])
        assert counts(service, "spring") == [(1, 1), (0, 0)]
        take(service, [bought(day=2, fact_id="earlier")])
        assert counts(service, "spring") == [(1, 0), (0, 0)]
        assert counts(service, "summer") == [(1, 0)]
        assert shared(service, "summer") == {}


@on_both
def test_a_share_without_conversions_is_null_and_most_shared_comes_first(tmp_path: Path) -> None:
    """R8, R18: as JSON has it; without conversions there is no share, and not a share of 0."""
    with open_ledger(tmp_path, SIMPLE) as service:
        facts = [received("autumn", variant="A"), received("spring"), received("summer"), bought()]
        others = [received("summer", user="u2"), received("spring", user="u2"), bought(user="u2")]
        take(service, [*facts, *others])
        service.projector.catch_up(OVERLAP)
        found = overlap_in(service, "spring")
        assert found.as_json() == {
            "app_group": GROUP,
            "campaign_id": "spring",
            "position": str(found.position),
            "conversion_events": [
                {"index": 0, "letter": "A", "conversions": 2, "overlapping": 2, "share": 1.0},
                {"index": 1, "letter": "B", "conversions": 0, "overlapping": 0, "share": None},
            ],
            "with": [{"campaign_id": "summer", "behaviours": 2}, {"campaign_id": "autumn", "behaviours": 1}],
        }


def test_an_unknown_campaign_has_no_overlap_to_read(tmp_path: Path) -> None:
    """It is said so, and not answered with nothing."""
    with open_ledger(tmp_path, SIMPLE) as service:
        service.projector.catch_up(OVERLAP)
        with pytest.raises(UnknownCampaign):
            overlap_in(service, "nowhere")


@on_both
def test_the_view_shows_users_and_null_for_those_erased(tmp_path: Path) -> None:
    """BI tools read user ids beside journeys; whose identity was erased has none, and counts as before."""
    with open_ledger(tmp_path, SIMPLE) as service:
        take(service, [received("spring"), received("summer"), bought()])
        assert counts(service, "spring") == [(1, 1), (0, 0)]
        query = (
            "SELECT user_id, behaviour_id, campaign_id, conversion_events FROM overlap_behaviours ORDER BY 3"
        )
        with service.database.writing() as connection:
            assert [tuple(row) for row in connection.exec_driver_sql(query)] == [
                ("u1", "p", "spring", 1),
                ("u1", "p", "summer", 1),
            ]
            connection.exec_driver_sql("DELETE FROM identities")
            assert [row.user_id for row in connection.exec_driver_sql(query)] == [None, None]
