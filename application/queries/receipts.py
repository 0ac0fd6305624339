"""When a campaign was received."""

from datetime import datetime

from application.queries.reads import AskedCampaign
from projections.recipients import RECIPIENTS
from projections.recipients.reading import load_first_and_last_receipt


def read_first_and_last_receipt(asked: AskedCampaign) -> tuple[datetime, datetime] | None:
    """When the first and the last receipt of a campaign happened, control's too; None without any."""
    asked.definition()
    with asked.reads.up_to_date(RECIPIENTS) as (connection, _):
        return load_first_and_last_receipt(connection, *asked.key)
