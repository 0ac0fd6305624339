"""What commands share that ask about a campaign: how they read, and how refusals name their options."""

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from application.ledger import UnknownCampaign
from application.queries.reads import AskedCampaign, BadQuestion, NotDraftedYet, Reads
from infrastructure.cli.opening import catch_up, only_app_group, opened
from infrastructure.cli.options import bad_option
from infrastructure.cli.refused import Refused
from infrastructure.composition import Service
from projections.engine.projection import UnreadableLog

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
VariantOption = Annotated[str | None, typer.Option("--variant", metavar="ID", help="Only this variant.")]


def reads_of(service: Service) -> Reads:
    """Reads that bring read models up to date, and show how far they are."""
    return service.reads_caught_up(partial(catch_up, service))


def ask_about(service: Service, app_group: str | None, campaign_id: str) -> AskedCampaign:
    """A campaign of the app group that is named, or of the only one there is."""
    return AskedCampaign(reads_of(service), only_app_group(service, app_group), campaign_id)


@contextmanager
def asking(
    database: str | None, app_group: str | None, campaign_id: str, **options: str
) -> Iterator[AskedCampaign]:
    """Ask about a campaign; raises Refused for one that does not exist, and as `refusing` does."""
    with opened(database) as service:
        asked = ask_about(service, app_group, campaign_id)
        try:
            with refusing(**options):
                yield asked
        except NotDraftedYet as early:
            message = f"{early.message}; `--clock occurred` says what was true then, as known now"
            raise Refused(message, code=early.code) from None
        except UnknownCampaign as unknown:
            message = f"{unknown.message} in {asked.app_group!r}; `conversions campaigns list` shows them all"
            raise Refused(message, code=unknown.code) from None


@contextmanager
def refusing(**options: str) -> Iterator[None]:
    """Refuse a parameter as the option of its name, or as the one that `options` gives; refuse an unreadable log."""
    try:
        yield
    except BadQuestion as error:
        option = options.get(error.place, f"--{error.place.replace('_', '-')}")
        raise bad_option(option, error.message) from None
    except UnreadableLog as error:
        raise Refused(f"{error}; `conversions verify` checks the log", code="unreadable_log") from None


def print_csv(rows: Iterable[Iterable[Any]]) -> None:
    """Print rows on standard output; None is an empty cell."""
    csv.writer(sys.stdout).writerows(rows)
