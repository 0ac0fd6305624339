"""The conversions of a campaign, page by page: the control group's too."""

from application.queries.pages import Cut, Page, read_letter
from application.queries.reads import AskedCampaign, BadQuestion
from projections.conversions import CONVERSIONS
from projections.conversions.reading import BadKey, load_conversions


def read_conversions(
    asked: AskedCampaign,
    cut: Cut,
    *,
    event: str | None = None,
    variant_id: str | None = None,
    user_id: str | None = None,
) -> Page:
    """A page of conversions; by choice of one conversion event (by letter), one variant or one user.

    Raises UnknownCampaign, UnknownVariant, and BadQuestion for an unknown letter or a bad `after`.
    """
    index = read_letter(event, asked.definition(), "event")
    with asked.reads.up_to_date(CONVERSIONS) as (connection, position):
        try:
            found = load_conversions(
                connection,
                asked.reads.definitions,
                *asked.key,
                conversion_event=index,
                variant_id=variant_id,
                user_id=user_id,
                after=cut.after,
                limit=cut.limit + 1,
            )
        except BadKey as error:
            raise BadQuestion(str(error), code="bad_cursor", place="after") from None
    return Page("conversions", *asked.key, position, *cut.rows(found))
