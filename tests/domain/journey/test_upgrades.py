"""Version reports and the upgrades among them (R10)."""

import pytest

from domain.journey.decisions import Occurrence, UpgradeRecorded
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    conversion_restated,
    conversion_withdrawn,
    converted,
    disregarded,
    earned,
    march,
    performed,
    received,
    reported,
    session,
    under,
    upgrade_withdrawn,
    upgraded,
    voided,
)
from tests.support.reference import instant

UPGRADE = {"type": "upgrades_app", "deadline": "30d"}
SPRING = campaign(UPGRADE)
R1 = received("r1", march(1))
OLD = reported("old", march(2), "1.2")


def test_r10_the_first_report_of_an_app_is_no_upgrade() -> None:
    """R10: there is nothing to compare it with, not even another app's report."""
    under(SPRING).given(R1).when(OLD).then_nothing()
    under(SPRING).given(R1, OLD).when(reported("web", march(3), "1.3", "web")).then_nothing()


@pytest.mark.parametrize("version", ["1.3", "1.10", "2", "1.2.0.1", "9" * 64])
def test_r10_a_greater_version_is_an_upgrade(version: str) -> None:
    """R10: number by number, missing ones being 0, of any length."""
    new = reported("new", march(3), version)
    under(SPRING).given(R1, OLD).when(new).then(upgraded(new, over=OLD), converted(new, R1))


@pytest.mark.parametrize("version", ["1.2", "1.2.0", "01.02", "1.1.9", "1", "0", "0" * 64])
def test_r10_an_equal_or_smaller_version_is_no_upgrade(version: str) -> None:
    """R10: leading zeros are ignored."""
    under(SPRING).given(R1, OLD).when(reported("new", march(3), version)).then_nothing()


@pytest.mark.parametrize("version", ["1.2-beta", "1.1 beta", "v1.2", "1.2.", "\u0661.\u0662"])
def test_r10_what_cannot_be_compared_is_an_upgrade_when_it_differs(version: str) -> None:
    """R10: there and back, any change of the text counts; no change does not."""
    new, back = reported("new", march(3), version), reported("back", march(4), "1.2")
    under(SPRING).given(R1, OLD).when(new).then(upgraded(new, over=OLD), converted(new, R1))
    after_it = received("r3", march(3, "12:00:00"))
    under(SPRING).given(OLD, new, after_it).when(back).then(
        upgraded(back, over=new), converted(back, after_it)
    )
    under(SPRING).given(R1, OLD, new).when(reported("same", march(4), version)).then_nothing()


def test_r10_a_downgrade_is_the_new_latest_report() -> None:
    """R10: 1.3, 1.2, 1.3: the third is an upgrade."""
    high, third = reported("high", march(1), "1.3"), reported("third", march(3), "1.3")
    under(SPRING).given(R1, high, OLD).when(third).then(upgraded(third, over=OLD), converted(third, R1))


@pytest.mark.parametrize(
    "behaviour",
    [
        session("new", march(3), app_version="1.3"),
        performed("new", march(3), app_id="ios", app_version="1.3"),
        reported("new", march(3), "1.3"),
    ],
    ids=lambda raw: raw["type"],
)
def test_r10_every_behaviour_with_app_and_version_is_a_report(behaviour: Fields) -> None:
    """R10: it is compared with the report before it, and the next one with it."""
    latest = reported("next", march(4), "1.4")
    journey = under(SPRING).given(R1, OLD)
    journey.when(behaviour).then(upgraded(behaviour, over=OLD), converted(behaviour, R1))
    journey.given(behaviour).when(latest).then(upgraded(latest, over=behaviour))


def test_r10_a_purchase_can_upgrade_and_earn_at_once() -> None:
    """R10, R11: a purchase with app and version is a report, and revenue all the same."""
    new = bought("new", march(3), "2.00", app_id="ios", app_version="1.3")
    journey = under(campaign(UPGRADE, {"type": "makes_purchase", "deadline": "3d"})).given(R1, OLD)
    journey.when(new).then(
        upgraded(new, over=OLD), converted(new, R1, 0), converted(new, R1, 1), earned(new, R1, "2.00")
    )


def test_r10_a_behaviour_without_a_version_is_no_report() -> None:
    """R10: both app and version are needed."""
    without = [session("s2", march(3)), performed("c2", march(3), app_id="ios"), performed("c3", march(3))]
    new = reported("new", march(4), "1.3")
    for behaviour in without:
        under(SPRING).given(R1, OLD).when(behaviour).then_nothing()
        under(SPRING).given(R1, OLD, behaviour).when(new).then(upgraded(new, over=OLD), converted(new, R1))


def test_r10_reports_at_one_instant_stand_in_the_order_of_their_ids() -> None:
    """R10: "earlier" is by instant, then by id, whichever came first."""
    first, second = reported("a", march(3), "1.2"), reported("b", march(3), "1.3")
    under(SPRING).given(R1, first).when(second).then(upgraded(second, over=first), converted(second, R1))
    under(SPRING).given(R1, second).when(first).then(upgraded(second, over=first), converted(second, R1))


def test_r2_an_upgrade_of_another_app_does_not_convert() -> None:
    """R2: in any of the given apps; in all apps when none is given (the tests above)."""
    web = [reported("w1", march(2), "1.2", "web"), reported("w2", march(3), "1.3", "web")]
    new = reported("new", march(3), "1.3")
    journey = under(campaign(UPGRADE | {"app_ids": ["ios", "android"]})).given(R1, OLD)
    journey.given(web[0]).when(web[1]).then(upgraded(web[1], over=web[0]))
    journey.when(new).then(upgraded(new, over=OLD), converted(new, R1))


def test_r10_an_upgrade_outside_every_window_is_one_without_converting() -> None:
    """R6, R10: the comparison needs no receipt, the conversion does."""
    new = reported("new", march(3), "1.3")
    under(SPRING).given(OLD).when(new).then(upgraded(new, over=OLD))


def test_r10_a_late_report_undoes_the_next_upgrade() -> None:
    """R10, R14: 1.2 then 1.3, and 1.3 between them: the conversion moves to the report between."""
    between, new = reported("mid", march(3), "1.3"), reported("new", march(4), "1.3")
    under(SPRING).given(R1, OLD, new).when(between).then(
        upgraded(between, over=OLD), upgrade_withdrawn(new), conversion_restated((new, R1), (between, R1))
    )


def test_r10_a_late_report_before_the_receipt_takes_the_only_conversion() -> None:
    """R10, R14: the upgrade happened before the window opened, so nothing is left that converts."""
    receipt = received("r1", march(3, "12:00:00"))
    between, new = reported("mid", march(3), "1.3"), reported("new", march(4), "1.3")
    journey = under(SPRING).given(receipt, OLD, new)
    journey.when(between).then(
        upgraded(between, over=OLD), upgrade_withdrawn(new), conversion_withdrawn(new, receipt)
    )


def test_r10_a_conversion_undone_falls_to_the_next_upgrade_in_a_window() -> None:
    """R10, R14: past an upgrade between the windows, to the one that a later receipt's window holds."""
    receipt, again = received("r1", march(3, "12:00:00")), received("r9", march(9))
    between, new = reported("mid", march(3), "1.3"), reported("new", march(4), "1.3")
    outside, inside = reported("v7", march(7), "1.4"), reported("v10", march(10), "1.5")
    journey = under(campaign(UPGRADE | {"deadline": "1d"})).given(receipt, again, OLD, new, outside, inside)
    journey.when(between).then(
        upgraded(between, over=OLD),
        upgrade_withdrawn(new),
        conversion_restated((new, receipt), (inside, again)),
    )


def test_r10_an_upgrade_undone_outside_the_last_window_leaves_nothing() -> None:
    """R10, R14: there is a later upgrade, and no receipt whose window holds it."""
    receipt = received("r1", march(3, "12:00:00"))
    between, new = reported("mid", march(3), "1.3"), reported("new", march(4), "1.3")
    outside = reported("v7", march(7), "1.4")
    journey = under(campaign(UPGRADE | {"deadline": "1d"})).given(receipt, OLD, new, outside)
    journey.when(between).then(
        upgraded(between, over=OLD), upgrade_withdrawn(new), conversion_withdrawn(new, receipt)
    )


def test_r10_a_late_report_makes_the_next_an_upgrade() -> None:
    """R10, R14: 1.2 and 1.2, and 1.1 between them; or 1.1 before a first report."""
    same, between = reported("same", march(4), "1.2"), reported("mid", march(3), "1.1")
    journey = under(SPRING).given(R1)
    journey.given(OLD, same).when(between).then(upgraded(same, over=between), converted(same, R1))
    journey.given(same).when(between).then(upgraded(same, over=between), converted(same, R1))


def test_r10_a_late_report_that_changes_nothing_after_it_is_judged_alone() -> None:
    """R10, R14: the next one is an upgrade as before, though over another."""
    between, new = reported("mid", march(3), "1.3"), reported("new", march(4), "1.4")
    under(SPRING).given(R1, OLD, new).when(between).then(
        upgraded(between, over=OLD), conversion_restated((new, R1), (between, R1))
    )


def test_r10_an_upgrade_undone_is_no_loss_to_other_conversion_events() -> None:
    """R10, R14: a session that upgrades no more is a session still."""
    opens = {"type": "starts_session", "deadline": "30d"}
    receipt = received("r1", march(3, "12:00:00"))
    new, between = session("new", march(4), app_version="1.3"), reported("mid", march(3), "1.3")
    under(campaign(UPGRADE, opens)).given(receipt, OLD, new).when(between).then(
        upgraded(between, over=OLD), upgrade_withdrawn(new), conversion_withdrawn(new, receipt, 0)
    )


def test_r10_a_voided_report_gives_the_upgrade_to_the_next() -> None:
    """R10, R17: everything is judged as if the report had not been."""
    mid, new, void = reported("mid", march(3), "1.3"), reported("new", march(4), "1.3"), voided("d1", "mid")
    under(SPRING).given(R1, OLD, mid, new).when(void).then(
        disregarded(void, mid),
        upgrade_withdrawn(mid),
        upgraded(new, over=OLD),
        conversion_restated((mid, R1), (new, R1)),
    )


def test_r10_the_report_before_a_voided_one_is_the_latest_again() -> None:
    """R10, R17: the next report in order is compared with the one that stands."""
    high, void, new = reported("high", march(3), "9"), voided("d1", "high"), reported("new", march(4), "1.3")
    under(SPRING).given(R1, OLD, high).when(void).then(
        disregarded(void, high), upgrade_withdrawn(high), conversion_withdrawn(high, R1)
    )
    under(SPRING).given(R1, OLD, high, void).when(new).then(upgraded(new, over=OLD), converted(new, R1))


def test_r10_a_voided_first_report_undoes_the_upgrade_over_it() -> None:
    """R10, R17: then the next one is the first report, and no upgrade."""
    void, new = voided("d1", "old"), reported("new", march(3), "1.3")
    under(SPRING).given(R1, OLD, new).when(void).then(
        disregarded(void, OLD), upgrade_withdrawn(new), conversion_withdrawn(new, R1)
    )


def test_r14_a_late_receipt_converts_an_upgrade_and_no_mere_report() -> None:
    """R10, R14: of the reports in its window only the upgrade converts, and of the given app."""
    events: list[Fields] = [UPGRADE, UPGRADE | {"app_ids": ["web"]}]
    same, new = reported("same", march(3), "1.2"), reported("new", march(4), "1.3")
    journey = under(campaign(*events)).given(received("r9", march(9)), OLD, same, new)
    first, late = received("r0", march(1, "08:00:00")), received("r2", march(2))
    journey.given(first).when(late).then(conversion_restated((new, first), (new, late)))


def test_r10_the_first_report_is_compared_with_the_version_that_it_names() -> None:
    """R10: an upgrade over it, none over an equal or later one; nothing is known of the version otherwise (B16)."""
    new = reported("new", march(3), "2.0")
    named = new | {"previous_version": "1.9"}
    under(SPRING).given(R1).when(named).then(
        UpgradeRecorded(Occurrence("new", instant(new)), "ios", "1.9", "2.0"), converted(named, R1)
    )
    for previous in ("2.0", "2.0.0", "2.1", None, "NULL", " 1.9", ""):
        under(SPRING).given(R1).when(new | {"previous_version": previous}).then_nothing()


def test_r10_a_previous_version_plays_no_part_where_an_earlier_report_is_known() -> None:
    """R10: whatever the report says."""
    old, named = (
        reported("old", march(2), "2.0"),
        reported("new", march(3), "2.0") | {"previous_version": "1"},
    )
    under(SPRING).given(R1, old).when(named).then_nothing()


def test_r10_an_earlier_report_that_arrives_later_takes_the_named_versions_place() -> None:
    """R10, R14: it undoes the upgrade, or makes one; and a void of it brings the named version back (R17)."""
    named = reported("new", march(3), "2.0") | {"previous_version": "1.9"}
    same, void = reported("old", march(2), "2.0"), voided("d1", "old")
    given = under(SPRING).given(R1, named)
    given.when(same).then(upgrade_withdrawn(named), conversion_withdrawn(named, R1))
    given.given(same).when(void).then(
        disregarded(void, same),
        UpgradeRecorded(Occurrence("new", instant(named)), "ios", "1.9", "2.0"),
        converted(named, R1),
    )
    none, earlier = named | {"previous_version": "2.0"}, reported("old", march(2), "1.9")
    under(SPRING).given(R1, none).when(earlier).then(upgraded(none, over=earlier), converted(none, R1))


def test_r10_a_named_version_is_no_report_of_its_own() -> None:
    """R10: a report before the one that names it is compared with nothing."""
    named = reported("new", march(3), "2.0") | {"previous_version": "1.0"}
    under(SPRING).given(R1, named).when(reported("old", march(2), "1.9")).then_nothing()
