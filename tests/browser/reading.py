"""What a page says, read as a person reads it: tables by their heads, amounts by their currency."""

import re
from decimal import Decimal

from playwright.sync_api import Locator, Page

_AMOUNT = re.compile(r"(-?[\d,]+(?:\.\d+)?)\s([A-Z]{3})")


def read_table(table: Locator) -> list[dict[str, str]]:
    """The rows of a table, its foot included, by the heads of its columns; a cell is what is shown in it."""
    found: list[dict[str, str]] = table.evaluate(
        """table => {
          const text = (cell) => cell.innerText.trim();
          const heads = [...table.tHead.rows[0].cells].map(text);
          return [...table.tBodies, table.tFoot].filter(Boolean).flatMap((part) => [...part.rows]).map((row) =>
            Object.fromEntries([...row.cells].flatMap((cell) => Array(cell.colSpan).fill(text(cell)))
              .map((shown, index) => [heads[index].split(/[,\\n]/)[0].replaceAll("\\u00a0", " "), shown])));
        }"""
    )
    return found


def table_of(page: Page, heading: str) -> list[dict[str, str]]:
    """The table of the section with this heading."""
    section = page.locator("section").filter(has=page.get_by_role("heading", name=re.compile(heading)))
    details = section.locator("details")
    if details.count():
        details.first.evaluate("each => { each.open = true; }")
    return read_table(section.locator("table").first)


def whole(cell: str) -> int:
    """The whole number at the beginning of a cell."""
    return int(cell.partition("\n")[0].replace(",", ""))


def amounts(cell: str) -> dict[str, Decimal]:
    """The amounts of a cell, by currency; 0 alone is none."""
    return {currency: Decimal(text.replace(",", "")) for text, currency in _AMOUNT.findall(cell)}


def percent(cell: str) -> float | None:
    """The rate of a cell as a share of 1; None where there are no recipients."""
    found = re.match(r"([\d.,]+)\s%", cell)
    return float(found[1].replace(",", "")) / 100 if found else None
