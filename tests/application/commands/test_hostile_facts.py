"""Hostile lines (R16): each is refused with its code, and the lines around it are taken."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.commands.facts import FactCommand, PurchaseCommand, read_fact
from domain.errors import FactRefused
from infrastructure.inbound.files import read_json_lines
from infrastructure.inbound.files.fact_rows import LEVELS, NUMBER_LIMIT, read_json

Fields = dict[str, str]

AT = '"2026-03-02T10:00:00Z"'
COMMON = {"id": '"f1"', "user_id": '"u1"', "at": AT}
RECEIVED = {"type": '"received"', **COMMON, "campaign_id": '"spring"', "variant_id": '"A"'}
SESSION = {"type": '"session_started"', **COMMON, "app_id": '"ios"', "app_version": '"1.2.3"'}
PURCHASE = {
    "type": '"purchase"',
    **COMMON,
    "product_id": '"sku-9"',
    "price": '"9.99"',
    "currency": '"USD"',
    "quantity": "2",
    "app_id": '"ios"',
    "app_version": '"1.2.3"',
    "properties": '{"plan":"pro"}',
}
CUSTOM_EVENT = {"type": '"custom_event"', **COMMON, "name": '"signed_up"', "properties": "{}"}
APP_VERSION = {"type": '"app_version"', **COMMON, "app_id": '"ios"', "version": '"1.3.0"'}
REFUND = {"type": '"refund"', **COMMON, "purchase_id": '"p1"', "amount": '"9.99"'}
VOID = {"type": '"void"', **COMMON, "fact_id": '"p1"', "reason": '"test order"'}
ORDER = {
    "type": '"order"',
    **COMMON,
    "lines": '[{"product_id":"tea","price":"9.99","quantity":2},{"product_id":"cup"}]',
    "total": '"21.98"',
    "currency": '"EUR"',
    "app_id": '"ios"',
    "app_version": '"1.2.3"',
    "properties": '{"coupon":"SPRING"}',
}
ORDER_REFUND = {
    "type": '"order_refund"',
    **COMMON,
    "order_id": '"o1"',
    "lines": '[{"product_id":"tea"}]',
    "currency": '"EUR"',
}
ORDER_CANCELLED = {"type": '"order_cancelled"', **COMMON, "order_id": '"o1"'}
ALL_TYPES = (
    *(RECEIVED, SESSION, PURCHASE, CUSTOM_EVENT, APP_VERSION, REFUND, VOID),
    *(ORDER, ORDER_REFUND, ORDER_CANCELLED),
)
# What is tried by itself, because some of the wrong types are right or another code is.
LOOSE = {"type", "price", "amount", "quantity", "properties", "lines", "total"}
WRONG_TYPES = ("1", "1.5", "true", "[]", "{}", '["x"]')
_WRONG_IDS = ("1" * 19, "1e18", "1.5", "true", "[]", "{}", '["x"]')
_LINES = (
    *("1", '"tea"', "{}", "[1]", '["tea"]', "[[]]", "[{}]", '[{"product_id":""}]', '[{"product_id":1.5}]'),
    *('[{"product_id":"tea","quantity":"x"}]', '[{"product_id":"tea","price":true}]'),
    "[" + ",".join(['{"product_id":"tea"}'] * 1_001) + "]",
)


def line(kind: Fields = PURCHASE, /, **changes: str) -> bytes:
    """A line of JSON from fields in JSON; an empty one is left out."""
    fields = {**kind, **changes}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items() if value) + "}").encode()


def lines(kind: Fields, name: str, *values: str) -> list[bytes]:
    """Lines that differ in one field, given in JSON."""
    return [line(kind, **{name: value}) for value in values]


def texts(kind: Fields, name: str, *values: str) -> list[bytes]:
    """Lines that differ in one field, given as text."""
    return lines(kind, name, *(json.dumps(value, ensure_ascii=False) for value in values))


def inside(*values: str) -> list[bytes]:
    """Lines that differ in one property, given in JSON."""
    return [line(properties=f'{{"a":{value}}}') for value in values]


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


NOT_JSON = [
    *(b"x", b"{", b"}", b"nul", b'{"a":1,}', b"{'a':1}", b'{"a" 1}', b"{a:1}", b'{"a":tru}', b"// {}", b"\0"),
    *(b"{}{}", b"{} x", b'{"a":01}', b'{"a":1.}', b'{"a":.5}', b'{"a":+1}', b'{"a":0x1}', b'{"a":1_0}'),
    *(b'{"a":"\x01"}', b'{"a":"\t"}', b'{"a":"\\x"}', b'{"a":"\\u12"}', b'{"a":"', b"\x0b{}", b'{"a":\0}'),
    *(b"[]", b'[{"type":"void"}]', b'"received"', b"1", b"null", b"true", b"{}", "{}\ufeff".encode()),
    *(b'{"a":"\xff"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}', b"\xff\xfe{\0}\0"),
    *(b"NaN", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', *inside("NaN", "[NaN]")),
]
OUT_OF_BOUNDS = [
    *inside(r'"\u0000"', r'[{"b":"x\u0000"}]', r'{"\u0000":1}', r'"\udc00\ud83d"', r'{"\ud83d":1}'),
    *lines(PURCHASE, "id", '"\0"', r'"\u0000"', r'"\ud800"', r'"\uDFFF"'),
    *(line(**{r"\u0000": "1"}), line(reason=r'"\u0000"')),
    *inside("1" * (NUMBER_LIMIT + 1), "1" * 5000, "[-" + "1" * 64 + "]", "0." + "1" * 63, "1" * 100_000),
    *inside("1e999999999999", "1e-999999999999", "1E+1000", "1e" + "9" * 62, nested(LEVELS - 1)),
    *lines(PURCHASE, "price", "9" * 65, "1e999999999999"),
    *lines(PURCHASE, "quantity", "9" * 65, "1e-999999999999"),
    *(nested(100_000).encode(), b"[" * 1_000_000, b'{"a":' * 100_000),
    *lines(PURCHASE, "id", '"f1","id":"f1"', r'"f1","\u0069d":"f2"'),
    *inside('1,"a":2', '{"b":1,"b":1}'),
]
UNKNOWN_FIELDS = [
    *(line(colour='"red"'), line(colour="null"), line(Type='"purchase"'), line(reason='"x"')),
    *(line(RECEIVED, price='"1"'), line(VOID, resaon='"x"'), line(**{"": "1"}), line(**{"id ": "1"})),
]
WRONG_VALUES = [
    *(
        each
        for kind in ALL_TYPES
        for name in sorted(kind.keys() - LOOSE)
        for each in lines(kind, name, *(_WRONG_IDS if name == "id" or name.endswith("_id") else WRONG_TYPES))
    ),
    *(each for value in _LINES for each in lines(ORDER, "lines", value)),
    *lines(ORDER_REFUND, "lines", "[]", "{}", '"tea"'),
    *(line(ORDER, lines="", total=""), line(ORDER_REFUND, amount='"1"'), line(ORDER, total="true")),
    *lines(PURCHASE, "type", '"nope"', '"Purchase"', '""', "", "null"),
    *(each for name in ("id", "user_id", "at") for each in lines(PURCHASE, name, "", "null")),
    *texts(
        PURCHASE, "user_id", "null", "NULL", "undefined", "None", "NaN", "[object Object]", " ", "\u00a0\t"
    ),
    *lines(PURCHASE, "price", "", "null", "true", "false", "[]", "[1]", "{}"),
    *lines(REFUND, "amount", "", "null", "true", "false", "[]", "[1]", "{}"),
    *lines(
        PURCHASE,
        "quantity",
        '"x"',
        '" 2"',
        '"02"',
        '"+2"',
        '"2."',
        '"2e0"',
        '"٢"',
        '""',
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
    ),
    *lines(PURCHASE, "properties", '"{}"', '""', "1", "true", "[]", '["x"]'),
    *(
        each
        for name in ("id", "user_id", "app_id")
        for each in texts(SESSION, name, "", "x" * 256, "é" * 256)
    ),
    *(line(SESSION, app_id=""), line(app_id=""), line(app_id="null"), *texts(VOID, "reason", "x" * 4097)),
]
BAD_TIMES = texts(
    PURCHASE,
    "at",
    *("", "now", "2026-03-02", "2026-03-02T10:00:00", "2026-03-02T10:00Z", "2026-03-02T10:00:00.Z"),
    *("2026-03-02T10:00:00 Z", "2026-03-02T10:00:00,5Z", "2026-03-02T10:00:00+01", "9" * 100_000),
    *("2026-03-02T10:00:00+24:00", "2026-03-02T10:00:00Z\n", " 2026-03-02T10:00:00Z", "20260302T100000Z"),
    *("2026-W10-1T10:00:00Z", "2026-061T10:00:00Z", "٢٠٢٦-03-02T10:00:00Z", "-2026-03-02T10:00:00Z"),
    *(
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "1970-01-01T00:00:00+00:01",
    ),
    *("1969-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z"),
    *("2026-03-02T24:00:00Z", "2026-03-02T23:60:00Z", "2026-03-02T23:59:60Z", "2026-02-29T00:00:00Z"),
)
BAD_AMOUNTS = (
    *("", "-1", "1.1234567", "1000000000000", "999999999999.9999999", "1e5", " 9.99", "9.99 ", "9.99\n"),
    *("٩.٩٩", "NaN", "Infinity", "+1", ".5", "5.", "1_000", "1,000", "9,99", "0x10", "$1", "1" * 65),
)
BAD_MONEY = [
    *texts(PURCHASE, "price", *BAD_AMOUNTS),
    *texts(REFUND, "amount", *BAD_AMOUNTS),
    *lines(
        PURCHASE, "price", "-1", "-0.01", "-1e-7", "999999999999.9999995", "1e12", "1e999", "1000000000000"
    ),
    *texts(PURCHASE, "quantity", "0", "-1", "1.5", "9223372036854775808"),
    *texts(ORDER, "total", *BAD_AMOUNTS),
    *lines(ORDER, "lines", '[{"product_id":"tea","price":"-1"}]', '[{"product_id":"tea","quantity":0}]'),
    *lines(ORDER, "lines", '[{"product_id":"tea","currency":"USD"}]'),
    *texts(ORDER, "currency", "eur", "", "XYZ"),
    *lines(PURCHASE, "quantity", "0", "-1", "1.5", "-0", "0.0", "1e-5", str(2**63), "1e30", "1e999"),
    *texts(PURCHASE, "currency", "usd", "Usd", "USD ", "US", "", "XYZ", "BTC", "٩٩٩", "USD\n"),
]
BAD_VERSIONS = [
    *texts(
        APP_VERSION, "version", "", "1" * 65, "1.2\n", "1\t2", "1\x7f", "1\x85", "NULL", "\\N", "beta", " 1.2"
    ),
    *texts(ORDER, "app_version", "undefined", "1.2 "),
    *texts(SESSION, "app_version", "", "1" * 65, "1.2\n", "1\t2", "1\x7f", "1\x85", "NULL", " "),
]
CORPUS = {
    "malformed": NOT_JSON + OUT_OF_BOUNDS + WRONG_VALUES,
    "unknown_field": UNKNOWN_FIELDS,
    "bad_time": BAD_TIMES,
    "bad_money": BAD_MONEY,
    "bad_version": BAD_VERSIONS,
}
REFUSED = [(code, hostile) for code, corpus in CORPUS.items() for hostile in corpus]
TAKEN = [
    *(line(kind) for kind in ALL_TYPES),
    *(b" \t" + line() + b" \r", *texts(PURCHASE, "id", "x" * 255, "😀" * 255)),
    *lines(PURCHASE, "id", r'"\ud83d\ude00"', r'"\\u0000"'),
    *inside(r'"\\ud800"', '"{[{["', '{"a":1}', nested(LEVELS - 2), "1" * NUMBER_LIMIT, "1e999"),
    *inside('"' + "[" * 100 + '"', "[" + "[]," * 100 + "{}]"),
    *texts(PURCHASE, "currency", "DEM", "XAU"),
    *lines(
        PURCHASE,
        "price",
        "1.1234567",
        "1e-7",
        "1e-999",
        "999999999999.9999994",
        "0",
        "-0.0",
        '"0"',
        '"999999999999.999999"',
        "1e11",
        '"1.1000000000"',
    ),
    *lines(PURCHASE, "currency", "", "null"),
    *lines(
        ORDER, "lines", "", "null", "[]", '[{"product_id":7,"price":0.30000000000000004,"quantity":"2.0"}]'
    ),
    *(line(ORDER, total="null"), line(ORDER, name='"Order Completed"'), line(ORDER_REFUND, lines="null")),
    *lines(PURCHASE, "quantity", "2.0", '"2"', '"2.0"', "null", "", str(2**63 - 1)),
    *(line(properties="null"), line(app_version="null"), line(reason="null")),
    *texts(APP_VERSION, "version", "٣.٢", "1" * 64, "1 2", "beta1"),
    *(line(APP_VERSION, previous_version=each) for each in ('"1.2"', '"NULL"', '" 1"', "null")),
    *(each for name in ("id", "user_id", "product_id") for each in lines(PURCHASE, name, "7", "7.0", "7e0")),
    *texts(PURCHASE, "user_id", "Null", "nan", "7.0", " x"),
    *texts(
        PURCHASE, "at", "1970-01-01T00:00:00Z", "2026-03-02t10:00:00.123456789z", "2024-02-29 00:00:00-23:59"
    ),
]


def judged(hostile: bytes) -> FactCommand | FactRefused:
    """What becomes of a file of one line."""
    [(_, raw)] = read_json_lines([hostile])
    if isinstance(raw, FactRefused):
        return raw
    try:
        return read_fact(raw)
    except FactRefused as refusal:
        return refusal


@pytest.mark.parametrize(("code", "hostile"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_r16_a_hostile_line_is_refused_with_its_code(code: str, hostile: bytes) -> None:
    """R16: every refusal has a reason that a program can read and a sentence for people."""
    verdict = judged(hostile)
    assert isinstance(verdict, FactRefused), verdict
    assert (verdict.code, bool(verdict.message)) == (code, True), verdict


@pytest.mark.parametrize("odd", TAKEN, ids=map(str, range(len(TAKEN))))
def test_an_odd_but_valid_line_is_taken(odd: bytes) -> None:
    """The bounds are where they are said to be, and what only looks hostile is none."""
    assert isinstance(judged(odd), FactCommand), judged(odd)


def test_r16_the_lines_around_a_hostile_one_are_taken() -> None:
    """R16: the rest of the batch is taken; empty lines count but say nothing."""
    rows = list(read_json_lines([line(), b"", b"{", b"   ", line()]))
    assert [(number, isinstance(raw, FactRefused)) for number, raw in rows] == [
        (1, False),
        (3, True),
        (5, False),
    ]


@pytest.mark.parametrize("number", ["12345678901234567.89", "0.1", "1.10", "123456789012345678901234567890"])
def test_numbers_keep_the_digits_they_were_written_with(number: str) -> None:
    """FINDINGS, hostile JSON: no number goes through a float."""
    value = read_json(f'{{"a":{number}}}'.encode())["a"]
    assert (str(value), type(value)) == (number, Decimal if "." in number else int)


def test_a_price_given_as_a_number_is_exact() -> None:
    """INTERFACES, Facts: a JSON number is taken by its own digits."""
    verdict = judged(line(price="12345678901.123456"))
    assert isinstance(verdict, PurchaseCommand)
    assert verdict.price == Decimal("12345678901.123456")


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        (b'{"a":1,}', "not JSON: Expecting property name enclosed in double quotes (character 8)"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 7"),
        (b"[]", "not a JSON object: a fact is written as {...}"),
        (b'{"a":1,"b":2,"b":3}', "'b' is more than once in one object"),
        (b'{"a":NaN}', "NaN is no JSON number"),
        (b'{"a":"\\u0000"}', "the character U+0000 cannot be kept"),
        (b'{"a":"\\ud800"}', "a lone surrogate is no character"),
        (nested(33).encode(), "not a JSON object: a fact is written as {...}"),
        (b'{"a":' + nested(32).encode() + b"}", "objects and lists are nested more than 32 levels deep"),
        (b'{"a":' * 100_000, "objects and lists are nested more than 32 levels deep"),
        (b'{"a":' + b"1" * 65 + b"}", "a number has at most 64 characters"),
        (b'{"a":1e1000}', "an exponent has at most 3 digits"),
    ],
    ids=map(str, range(12)),
)
def test_a_refusal_says_what_is_wrong(hostile: bytes, message: str) -> None:
    """R16: what, and where that helps; never only that something is invalid."""
    with pytest.raises(FactRefused) as refusal:
        read_json(hostile)
    assert refusal.value.message == message


def test_a_refusal_does_not_keep_the_line_alive() -> None:
    """Constant memory: a caller may keep many refusals."""
    [(_, refusal)] = read_json_lines([b"{" * 1000])
    assert isinstance(refusal, FactRefused)
    assert (refusal.__traceback__, refusal.__context__, refusal.__cause__) == (None, None, None)


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**62), 10**62)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text('ab\n\\"é😀'), inner), max_leaves=9
)


@given(st.dictionaries(st.text('ab"é'), VALUES), st.booleans())
def test_whatever_json_writes_is_read_back(value: dict[str, Any], ascii_only: bool) -> None:
    """The fast way past the deep checks and the way through them read the same."""
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary() | st.text().map(str.encode), st.integers(0, 250), st.integers(0, 20))
@example(b"", 0, 0)
def test_r16_no_line_does_anything_but_be_taken_or_refused(noise: bytes, place: int, cut: int) -> None:
    """R16: whatever stands in a line, the answer is a command or a refusal with a known code."""
    good = line()
    verdict = judged((good[:place] + noise + good[place + cut :]).replace(b"\n", b"") or b"x")
    assert isinstance(verdict, FactCommand) or verdict.code in CORPUS
