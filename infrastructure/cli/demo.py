"""`conversions demo`: a month of a small shop's life, imported and reported."""

import json
import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from application.commands.definitions import read_campaigns
from application.queries.reads import AskedCampaign
from application.queries.report import read_report
from domain.campaigns.evidence import DecidingTest
from domain.instants import microseconds
from infrastructure.access import login_links
from infrastructure.access.operator import stamp
from infrastructure.cli import explaining
from infrastructure.cli.console import Bar, err, out, say
from infrastructure.cli.importing import Watching, print_totals
from infrastructure.cli.opening import catch_up, reads_of
from infrastructure.cli.options import bad_option
from infrastructure.cli.serving import PortOption, read_http_settings, run_service
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.http.settings import HttpSettings

_GROUP = str(shop.CAMPAIGNS["app_group"])
_SHOWN = ("spring-sale", "onboarding", "win-back")
"""The campaigns whose outcome is printed: with a control group, without one, and with too little."""
_WEEK = 7 * 24 * 3_600 * 1_000_000
"""Microseconds for which the demo's own key is valid."""


def demo(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="Where to keep the demo's ledger; default: a new temporary directory.",
        ),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Then serve the dashboard, and print a link that logs in once."),
    ] = False,
    port: PortOption = None,
) -> None:
    """Import a month of a small shop's life, and show what three campaigns did, or open its dashboard."""
    settings = _read_settings(port) if serve else None
    directory = Path(tempfile.mkdtemp(prefix="conversions-demo-")) if directory is None else directory
    directory.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{directory / 'conversions.db'}"
    with Service(url) as service:
        _import_shop(service, directory)
        if settings is None:
            _show_shop(service)
        else:
            # The first pages would wait for them.
            catch_up(service)
        link = None if settings is None else _invite(service)
    if settings is None:
        _where_next(directory, url)
    else:
        say(f"The ledger, its campaigns and its facts are in {directory}.")
        run_service(url, settings, link)


def _read_settings(port: int | None) -> HttpSettings:
    settings = read_http_settings(host="127.0.0.1", port=port, workers=1)
    if not settings.web.is_on:
        raise bad_option("--serve", "the dashboard is off; CONVERSIONS_WEB=on switches it on")
    return settings


def _import_shop(service: Service, directory: Path) -> None:
    facts, campaigns = directory / "facts.jsonl", directory / "campaigns.json"
    err.print("Making a month of a small shop's life ...", highlight=False)
    campaigns.write_text(json.dumps(shop.CAMPAIGNS, indent=1, ensure_ascii=False), encoding="utf-8")
    with facts.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(fact, ensure_ascii=False) + "\n" for fact in shop.facts())
    service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
    with Bar() as progress:
        totals = service.start_import(_GROUP, lambda _: None).run([str(facts)], None, Watching(progress))
    print_totals(totals, None)


def _show_shop(service: Service) -> None:
    # Imported here: scipy, behind these modules, takes long to load.
    from application.queries.results import read_results  # noqa: PLC0415
    from infrastructure.cli import outcome_tables  # noqa: PLC0415

    for campaign_id in _SHOWN:
        asked = AskedCampaign(reads_of(service), _GROUP, campaign_id)
        outcome_tables.show(read_report(asked), read_results(asked, DecidingTest.ANYTIME))
    for campaign_id, user_id in (shop.CONVERTED, shop.NOT_CONVERTED):
        explaining.show(service.explanations.explain(_GROUP, campaign_id, user_id))


def _invite(service: Service) -> str:
    with service.database.writing() as connection:
        return login_links.invite(connection, _GROUP, microseconds(service.now()), _WEEK)


def _where_next(directory: Path, url: str) -> None:
    (campaign_id, _), (_, user_id) = shop.CONVERTED, shop.GIVEN_BACK
    say(f"\nThe ledger, its campaigns and its facts are in {directory}. To see it in a browser:")
    off = "" if read_http_settings().web.is_on else "CONVERSIONS_WEB=on "
    _print_command(f"{off}.venv/bin/conversions demo --serve --directory {shlex.quote(str(directory))}")
    say("In the terminal:")
    for command in (
        f"export CONVERSIONS_DATABASE_URL={shlex.quote(url)}",
        f".venv/bin/conversions results {campaign_id}      # all of its figures",
        f".venv/bin/conversions explain {campaign_id} {user_id}      # an order that was given back",
        ".venv/bin/conversions --help",
    ):
        _print_command(command)


def _print_command(command: str) -> None:
    out.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
