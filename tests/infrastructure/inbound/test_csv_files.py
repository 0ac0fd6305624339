"""Facts as CSV: rows and their numbers, what is refused alone and what ends the command."""

from pathlib import Path

import pytest

from application.commands.facts import PurchaseCommand, read_fact
from domain.errors import FactRefused
from infrastructure.inbound.files.byte_source import LINE_LIMIT
from tests.support.fact_files import HEADER, opened, rows_of, told


def test_csv_rows_are_numbered_by_their_first_line(tmp_path: Path) -> None:
    """R16: line breaks inside quotes and empty lines count, so that the number is the one an editor shows."""
    content = 'type,id,user_id,at\nvoid,"a\nb\n",u1,x\n\n\r\nvoid,c,u1,x\n,,,\nvoid,"d\r\n",u1,x'
    assert told(opened(tmp_path, "facts.csv", content)) == [(2, "a\nb\n"), (7, "c"), (8, ""), (9, "d\r\n")]


@pytest.mark.parametrize(
    "row",
    [
        *("purchase,p1", "purchase,p1" + "," * 8, 'purchase,"p"1,u1,x,,,,,', "void,p1\0,u1,x,,,,,"),
        *("void,p\ufffd1,u1,x,,,,,", 'void,"p\n\ufffd1",u1,x,,,,,', "void,p1,u1,x,,,,," + "9" * 65 + ","),
        *(
            "void,p1,u1,x,,,,,{",
            'void,p1,u1,x,,,,,"[1]"',
            "void,p1,u1,x,,,,,null",
            'void,p1,u1,x,,,,,"{""a"":""\\u0000""}"',
        ),
        *('void,p1,u1,x,,,,,"{""a"":' + "[" * 31 + "]" * 31 + '}"', "void,a\rb,u1,x,,,,,"),
        *('void,"' + "x" * LINE_LIMIT + '",u1,x,,,,,', "void," + "x" * LINE_LIMIT + ",u1,x,,,,,"),
        *(
            'void,"' + 'x""\n' * LINE_LIMIT + 'y",u1,x,,,,,',
            'void,"' + "x" * 3 * LINE_LIMIT + '\n",u1,x,,,,,',
        ),
    ],
    ids=map(str, range(17)),
)
def test_r16_a_csv_row_that_cannot_be_read_is_refused_alone(tmp_path: Path, row: str) -> None:
    """R16: the rows around it are taken, also where it is overlong with line breaks inside a cell."""
    content = f"{HEADER}\nvoid,a,u1,x,,,,,\n{row}\nvoid,b,u1,x,,,,,\n".encode().replace(
        "\ufffd".encode(), b"\xff"
    )
    found = told(opened(tmp_path, "facts.csv", content))
    assert found[:2] == [(2, "a"), (3, "malformed")]
    assert [what for _, what in found[2:]] == ["b"]


@pytest.mark.parametrize("size", [10, 2 * LINE_LIMIT])
def test_a_quote_that_is_never_closed_ends_in_a_refusal(tmp_path: Path, size: int) -> None:
    """R16: what it swallowed is not taken for facts."""
    content = f'{HEADER}\nvoid,a,u1,x,,,,,\nvoid,"b,u1,x,,,,,\n' + "x\n" * size
    assert told(opened(tmp_path, "facts.csv", content)) == [(2, "a"), (3, "malformed")]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", 1),
        ("2", 2),
        ("2.0", 2),
        ("0", "bad_money"),
        ("1.5", "bad_money"),
        ("9223372036854775808", "bad_money"),
    ]
    + [(text, "malformed") for text in ("x", " 2", "+2", "02", "٢", "1" * 65)],
    ids=map(str, range(12)),
)
def test_a_quantity_in_csv_is_judged_as_in_json(tmp_path: Path, cell: str, expected: int | str) -> None:
    """R13: a cell says what the same number in JSON says, and other text is no number."""
    [(_, raw)] = rows_of(
        opened(tmp_path, "facts.csv", f"{HEADER}\npurchase,p1,u1,2026-03-02T10:00:00Z,s,1,USD,{cell},")
    )
    try:
        command = read_fact(raw) if isinstance(raw, dict) else raw
    except FactRefused as error:
        command = error
    assert (
        command.quantity if isinstance(command, PurchaseCommand) else getattr(command, "code", "")
    ) == expected
