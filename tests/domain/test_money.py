"""Money: exact decimals per currency (R11, R12)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadMoney
from domain.money import amount, below_limit, currencies, net, plain, price, printed, rounded

WITHIN_R11 = st.decimals(0, Decimal("999999999999.999999"), places=6)


@pytest.mark.parametrize(
    ("number", "canonical"),
    [
        ("9.90", "9.9"),
        ("9.900000000000", "9.9"),
        ("009", "9"),
        ("1E+2", "100"),
        ("100", "100"),
        ("0.000001", "0.000001"),
        ("0.00", "0"),
        ("-0", "0"),
        ("0E-30", "0"),
        ("0E+20", "0"),
        ("999999999999.999999", "999999999999.999999"),
    ],
)
def test_r11_money_has_one_canonical_form(number: str, canonical: str) -> None:
    """R11, R13: equal numbers have equal digits, without an exponent, trailing zeros or a sign."""
    assert price(Decimal(number)).as_tuple() == Decimal(canonical).as_tuple()


@pytest.mark.parametrize(
    ("number", "canonical"),
    [
        ("0.30000000000000004", "0.3"),
        ("15.991999999999999", "15.992"),
        ("0.0000005", "0"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("1E-300", "0"),
        ("999999999999.9999994", "999999999999.999999"),
        ("9.9900000000", "9.99"),
        ("5", "5"),
    ],
)
def test_r11_a_number_is_rounded_to_6_decimals_half_to_even(number: str, canonical: str) -> None:
    """R11: what binary floats write (B7)."""
    assert price(rounded(Decimal(number))).as_tuple() == Decimal(canonical).as_tuple()


@pytest.mark.parametrize(
    "number", ["-0.0000001", "-1E-300", "999999999999.9999996", "1E+12", "1E+999999", "NaN", "Infinity"]
)
def test_r11_the_sign_is_judged_before_rounding_and_the_bound_after(number: str) -> None:
    """R11."""
    with pytest.raises(BadMoney):
        price(rounded(Decimal(number)))


def test_r27_an_order_comes_to_less_than_10_to_the_12() -> None:
    """R11, R27."""
    assert below_limit(Decimal(10) ** 12 - 1) == Decimal(10) ** 12 - 1
    with pytest.raises(BadMoney):
        below_limit(Decimal(10) ** 12)


@pytest.mark.parametrize(
    "number",
    [
        "-0.01",
        "0.0000001",
        "9.9999999",
        "1000000000000",
        "1E+12",
        "1E+999999",
        "1E-999999",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "999999999999.9999999",
        "0." + "1" * 60,
        "1" + "0" * 61 + "E-61",
    ],
)
def test_r11_money_outside_the_limits_is_refused(number: str) -> None:
    """R11: 0 or more, at most 6 decimals, below 10^12; digits without end are not even counted."""
    with pytest.raises(BadMoney) as refused:
        price(Decimal(number))
    assert refused.value.code == "bad_money"


@pytest.mark.parametrize(
    ("each", "quantity", "total"),
    [
        ("9.9", 1, "9.9"),
        ("0.1", 3, "0.3"),
        ("2.5", 4, "10"),
        ("0", 2**63 - 1, "0"),
        ("0.000001", 10**17, "100000000000"),
        ("333333333333.333333", 3, "999999999999.999999"),
    ],
)
def test_r11_an_amount_is_price_times_quantity_exactly(each: str, quantity: int, total: str) -> None:
    """R11: in canonical form."""
    assert amount(Decimal(each), quantity).as_tuple() == Decimal(total).as_tuple()


@pytest.mark.parametrize(
    ("each", "quantity"),
    [
        ("1", 0),
        ("1", -1),
        ("0", 2**63),
        ("1", 10**12),
        ("999999999999.999999", 2),
        ("0.000001", 10**18),
    ],
)
def test_r11_an_amount_outside_the_limits_is_refused(each: str, quantity: int) -> None:
    """R11: a quantity of 1 or more, an amount below 10^12."""
    with pytest.raises(BadMoney):
        amount(Decimal(each), quantity)


@pytest.mark.parametrize(
    ("refunds", "left"),
    [([], "20"), (["5.5"], "14.5"), (["20"], "0"), (["5", "30"], "0"), (["30", "5"], "0"), (["0"], "20")],
)
def test_r12_a_net_is_the_amount_less_all_refunds(refunds: list[str], left: str) -> None:
    """R12: never below 0, in whatever order."""
    assert net(Decimal(20), map(Decimal, refunds)).as_tuple() == Decimal(left).as_tuple()


@given(WITHIN_R11, st.lists(WITHIN_R11, max_size=5))
def test_r12_refunds_one_by_one_are_refunds_at_once(of: Decimal, refunds: list[Decimal]) -> None:
    """R11, R12: exact, so that what was taken off can be told fact by fact."""
    left = of
    for refund in refunds:
        left = net(left, [refund])
    assert left == net(of, refunds) == max(of - sum(refunds, Decimal(0)), Decimal(0))


@given(WITHIN_R11)
def test_r11_a_canonical_form_is_the_same_number(number: Decimal) -> None:
    """R11: nothing is rounded, and the form of a form is itself."""
    assert plain(number) == number
    assert plain(plain(number)).as_tuple() == plain(number).as_tuple()


@pytest.mark.parametrize(
    ("number", "currency", "printing"),
    [
        ("20", "EUR", "20.00"),
        ("19.980", "USD", "19.98"),
        ("0", "USD", "0.00"),
        ("0.005", "USD", "0.005"),
        ("1E+3", "USD", "1000.00"),
        ("0", "JPY", "0"),
        ("1200", "JPY", "1200"),
        ("0.5", "JPY", "0.5"),
        ("1.5", "KWD", "1.500"),
        ("0", "BHD", "0.000"),
        ("1", "CLF", "1.0000"),
        ("1000", "ITL", "1000"),
        ("9.9", "DEM", "9.90"),
        ("2", "XAU", "2"),
        ("2.5", "XAU", "2.5"),
        ("1000000000000000.000001", "EUR", "1000000000000000.000001"),
    ],
)
def test_r11_money_is_printed_with_its_currencys_decimals(number: str, currency: str, printing: str) -> None:
    """R11: ISO 4217's number of them, more only where the sum needs them; gold has none of its own."""
    assert printed(Decimal(number), currency) == printing


@pytest.mark.parametrize(
    "code", ["EUR", "USD", "JPY", "KWD", "XAU", "XXX", "ITL", "DEM", "ZWC", "VED", "SLE"]
)
def test_r11_a_currency_is_current_or_withdrawn(code: str) -> None:
    """R11: every code of ISO 4217's lists one and three is known."""
    assert code in currencies()


@pytest.mark.parametrize("code", ["BTC", "eur", "EURO", "", "BAN", "CNH", "YUR", "999"])
def test_r11_what_iso_4217_never_had_is_no_currency(code: str) -> None:
    """R11: letters of the right number are not enough."""
    assert code not in currencies()


def test_r11_every_currency_can_be_printed() -> None:
    """R11: with 0 to 4 decimals."""
    assert {len(printed(Decimal(0), code).partition(".")[2]) for code in currencies()} == {0, 2, 3, 4}
