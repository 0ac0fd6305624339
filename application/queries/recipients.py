"""The users who received a campaign, page by page: the control group too."""

from application.queries.pages import Cut, Page, read_letter
from application.queries.reads import AskedCampaign
from projections.recipients import RECIPIENTS
from projections.recipients.reading import load_recipients


def read_recipients(
    asked: AskedCampaign,
    cut: Cut,
    *,
    user_id: str | None = None,
    several_variants: bool = False,
    converted: str | None = None,
) -> Page:
    """A page of recipients; by choice one user, those of several variants, or those converted on an event (by letter).

    Raises UnknownCampaign, and BadQuestion for an unknown letter.
    """
    index = read_letter(converted, asked.definition(), "converted")
    with asked.reads.up_to_date(RECIPIENTS) as (connection, position):
        found = load_recipients(
            connection,
            asked.reads.definitions,
            *asked.key,
            user_id=user_id,
            several_variants=several_variants,
            converted_on=index,
            after=cut.after,
            limit=cut.limit + 1,
        )
    return Page("recipients", *asked.key, position, *cut.rows(found))
