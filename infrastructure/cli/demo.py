"""`conversions demo`: a month of a small shop's life, imported and reported."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from application.commands.definitions import read_campaigns
from application.queries.reads import AskedCampaign
from application.queries.report import read_report
from domain.instants import microseconds
from infrastructure.access import login_links
from infrastructure.access.operator import stamp
from infrastructure.cli import explaining, report_tables
from infrastructure.cli.console import Bar, err, out, say
from infrastructure.cli.importing import Watching, print_totals
from infrastructure.cli.opening import catch_up, reads_of
from infrastructure.cli.options import bad_option
from infrastructure.cli.serving import PortOption, read_http_settings, run_service
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.http.settings import HttpSettings

_GROUP = str(shop.CAMPAIGNS["app_group"])
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
    """Import a month of a small shop's life, and show its reports and three explanations, or its dashboard."""
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
    for campaign in shop.CAMPAIGNS["campaigns"]:
        report_tables.show(read_report(AskedCampaign(reads_of(service), _GROUP, campaign["id"])))
    for campaign_id, user_id in (shop.CONVERTED, shop.NOT_CONVERTED, shop.GIVEN_BACK):
        explaining.show(service.explanations.explain(_GROUP, campaign_id, user_id))


def _invite(service: Service) -> str:
    with service.database.writing() as connection:
        return login_links.invite(connection, _GROUP, microseconds(service.now()), _WEEK)


def _where_next(directory: Path, url: str) -> None:
    campaign_id, user_id = shop.CONVERTED
    say(f"\nThe ledger, its campaigns and its facts are in {directory}. Where to go next:")
    for command in (
        f".venv/bin/conversions demo --serve --directory {directory}      # the same shop in the dashboard",
        f"export CONVERSIONS_DATABASE_URL={url}",
        f".venv/bin/conversions report {campaign_id} --json",
        f".venv/bin/conversions explain {campaign_id} {user_id}",
        f".venv/bin/conversions import {directory / 'facts.jsonl'}      # again: all are duplicates",
        ".venv/bin/conversions verify",
        ".venv/bin/conversions --help",
    ):
        out.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
