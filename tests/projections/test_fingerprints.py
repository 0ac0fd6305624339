"""The code of read models changes together with their versions."""

import json
from dataclasses import replace

import pytest

from domain.facts import Received
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine.projection import Projection
from projections.registry import PROJECTIONS
from tests.projections.fingerprints import STORED, current, fingerprint

_ACCEPT = "python -m tests.projections.fingerprints"


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)
def test_code_that_changed_has_another_version_or_was_accepted(projection: Projection) -> None:
    """Two versions of the code that added to the same rows would give figures that nobody can explain."""
    stored, now = json.loads(STORED.read_text()).get(projection.name), current()[projection.name]
    assert stored == now, (
        f"the code of {projection.name} has changed. If its rows may be other rows now, raise its version, so that "
        f"ledgers ask for a rebuild. If they stay the same, keep it. Then accept the code: {_ACCEPT}"
    )


def test_a_fingerprint_covers_handlers_and_tables() -> None:
    """Another one for other handlers or tables, and one of its own for each read model."""
    handlers = {each: handler for each, handler in CAMPAIGN_REPORT.handlers.items() if each is not Received}
    assert fingerprint(CAMPAIGN_REPORT) != fingerprint(replace(CAMPAIGN_REPORT, handlers=handlers))
    assert fingerprint(CAMPAIGN_REPORT) != fingerprint(replace(CAMPAIGN_REPORT, tables=()))
    assert len({fingerprint(projection) for projection in PROJECTIONS}) == len(PROJECTIONS)
