"""How many conversions of a campaign share their behaviour with other campaigns."""

from application.queries.reads import AskedCampaign
from projections.overlap import OVERLAP
from projections.overlap.reading import Overlap, load_overlap


def read_overlap(asked: AskedCampaign) -> Overlap:
    """The overlap of a campaign with each of the others; raises UnknownCampaign."""
    asked.definition()
    with asked.reads.up_to_date(OVERLAP) as (connection, _):
        return load_overlap(connection, asked.reads.definitions, *asked.key)
