"""`conversions demo`: a month of a small shop's life, imported and reported."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from application.commands.definitions import read_campaigns
from application.queries.reads import AskedCampaign
from application.queries.report import read_report
from infrastructure.access.operator import stamp
from infrastructure.cli import explaining, report_tables
from infrastructure.cli.console import Bar, err, out, say
from infrastructure.cli.importing import Watching, print_totals
from infrastructure.cli.opening import reads_of
from infrastructure.composition import Service
from infrastructure.demo import shop


def demo(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="Where to keep the demo's ledger; default: a new temporary directory.",
        ),
    ] = None,
) -> None:
    """Import a month of a small shop's life, and show its reports and three explanations."""
    directory = Path(tempfile.mkdtemp(prefix="conversions-demo-")) if directory is None else directory
    directory.mkdir(parents=True, exist_ok=True)
    facts, campaigns = directory / "facts.jsonl", directory / "campaigns.json"
    url = f"sqlite:///{directory / 'conversions.db'}"
    err.print("Making a month of a small shop's life ...", highlight=False)
    campaigns.write_text(json.dumps(shop.CAMPAIGNS, indent=1, ensure_ascii=False), encoding="utf-8")
    with facts.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(fact, ensure_ascii=False) + "\n" for fact in shop.facts())
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
        group = str(shop.CAMPAIGNS["app_group"])
        with Bar() as progress:
            totals = service.start_import(group, lambda _: None).run([str(facts)], None, Watching(progress))
        print_totals(totals, None)
        for campaign in shop.CAMPAIGNS["campaigns"]:
            asked = AskedCampaign(reads_of(service), group, campaign["id"])
            report_tables.show(read_report(asked))
        for campaign_id, user_id in (shop.CONVERTED, shop.NOT_CONVERTED, shop.GIVEN_BACK):
            explaining.show(service.explanations.explain(group, campaign_id, user_id))
    _where_next(directory, url)


def _where_next(directory: Path, url: str) -> None:
    campaign_id, user_id = shop.CONVERTED
    say(f"\nThe ledger, its campaigns and its facts are in {directory}. Where to go next:")
    for command in (
        f"export CONVERSIONS_DATABASE_URL={url}",
        f".venv/bin/conversions report {campaign_id} --json",
        f".venv/bin/conversions explain {campaign_id} {user_id}",
        f".venv/bin/conversions import {directory / 'facts.jsonl'}      # again: all are duplicates",
        ".venv/bin/conversions verify",
        ".venv/bin/conversions --help",
    ):
        out.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
