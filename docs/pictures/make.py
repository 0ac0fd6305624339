"""Draws the pictures of the README: what commands print, run on the demo's ledger. `make pictures` runs it."""

import io
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
WIDTH = 120

PICTURES = {
    "report": "report spring-sale",
    "as-of": "report spring-sale --as-of 2026-03-12T00:00:00Z --clock occurred",
    "diff": "report spring-sale --diff 2026-03-10T00:00:00Z 2026-03-10T12:00:00Z --clock occurred --limit 5",
    "period": "report spring-sale --received-from 2026-03-09 --to 2026-03-15",
    "series": "series spring-sale --from 2026-03-02 --to 2026-03-12",
    "conversions": "conversions spring-sale --limit 6",
    "recipients": "recipients spring-sale --several-variants --limit 6",
    "results": "results spring-sale",
    "overlap": "overlap spring-sale",
    "explain": "explain spring-sale customer-06001",
    "campaigns": "campaigns list",
    "projections": "projections",
    "rebuild": "rebuild campaign_report series",
    "audit": "audit",
    "export": "export conversions --to {directory}/export --format parquet",
}

# Rich's own, without fonts from elsewhere: any monospaced one does.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
  <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def main() -> None:
    """Make the demo's ledger, run each command, and draw what it prints."""
    with tempfile.TemporaryDirectory() as directory:
        own = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "CONVERSIONS_LOG_LEVEL": "error"}
        own |= {"CONVERSIONS_DATABASE_URL": f"sqlite:///{directory}/conversions.db"}
        printed(["demo", "--directory", directory], own)
        for name, line in PICTURES.items():
            arguments = shlex.split(line.format(directory=directory))
            drawn = draw(name, line.format(directory="DIR").replace("DIR/", ""), printed(arguments, own))
            (HERE / f"{name}.svg").write_text(drawn.replace(directory, "."), encoding="utf-8")
            sys.stderr.write(f"{name}.svg\n")


def printed(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command prints, with its colours."""
    done = subprocess.run(  # noqa: S603 - the project's own command
        [*COMMAND, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def draw(name: str, line: str, text: str) -> str:
    """A terminal with the command and what it printed, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (f"conversions {line}", "bold")))
    console.print(Text.from_ansi(text.strip("\n")))
    return console.export_svg(
        title=f"conversions {line.split(maxsplit=1)[0]}",
        theme=MONOKAI,
        code_format=FORMAT,
        unique_id=f"c-{name}",
    )


if __name__ == "__main__":
    main()
