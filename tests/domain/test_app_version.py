"""App versions (R10, R16)."""

import pytest

from domain.app_version import check, check_text, is_upgrade, is_version
from domain.errors import BadVersion


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.2.3", "1.3.0"),
        ("1.9", "1.10"),
        ("1.2", "1.2.0.1"),
        ("0", "1"),
        ("9", "10"),
        ("01.9", "1.010"),
        ("9007199254740992", "9007199254740993"),
        ("9" * 63, "1" + "0" * 63),
    ],
)
def test_r10_a_greater_version_upgrades_a_smaller_one(before: str, after: str) -> None:
    """R10: number by number, of any length, and never the other way round."""
    assert (is_upgrade(before, after), is_upgrade(after, before)) == (True, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [("1.2", "1.2"), ("1.2", "1.2.0"), ("1.2", "01.02"), ("0", "0.0.0"), ("0" * 64, "0")],
)
def test_r10_versions_of_equal_numbers_upgrade_neither_way(before: str, after: str) -> None:
    """R10: missing numbers are 0, and leading zeros are ignored."""
    assert (is_upgrade(before, after), is_upgrade(after, before)) == (False, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.2.3", "1.2.3-beta2"),
        ("1.2.3-beta2", "1.2.3-beta1"),
        ("2.0", "v1.0"),
        ("1.2", "1.2."),
        ("1.2", ".1.2"),
        ("1.2", "1..2"),
        ("1.2", "1.2 "),
        ("1.2", "1,2"),
        ("1.2", "+1.2"),
        ("1.2", "1_0"),
        ("1.2", "\u0661.\u0662"),
        ("1.2", "\u00b9.2"),
        ("beta", "Beta"),
    ],
)
def test_r10_what_cannot_be_compared_is_an_upgrade_both_ways(before: str, after: str) -> None:
    """R10: if either is no dotted whole number of ASCII digits, any change of the text counts."""
    assert (is_upgrade(before, after), is_upgrade(after, before)) == (True, True)
    assert not is_upgrade(after, after)


@pytest.mark.parametrize(
    "version", ["1", "1.2.3-beta2", "x" * 63 + "1", "\U0001f600" * 63 + "1", "1 2", "~1", "\u0661.\u0662"]
)
def test_r16_a_version_is_1_to_64_characters(version: str) -> None:
    """R16: taken as it is."""
    assert check(version) == version


@pytest.mark.parametrize(
    "version", ["", "x" * 65, "1.2\n", "\t1", "1\x00", "1\x1f", "1\x7f", "1\x80", "1\x9f"]
)
def test_r16_a_bad_version_is_refused(version: str) -> None:
    """R16: empty, over 64 characters, or with control characters."""
    with pytest.raises(BadVersion) as refused:
        check(version)
    assert refused.value.code == "bad_version"
    with pytest.raises(BadVersion):
        check_text(version)


@pytest.mark.parametrize(
    "version",
    ["NULL", "undefined", "\\N", "nan", "null", "None", "v", " ", "\u00a0", " 1.2", "1.2 ", "1.2\u00a0"],
)
def test_r10_a_text_without_a_digit_or_with_white_space_at_an_end_is_no_version(version: str) -> None:
    """R10: a word that stands for nothing is no version (B18); what was recorded before is still read."""
    with pytest.raises(BadVersion):
        check(version)
    assert (is_version(version), check_text(version)) == (False, version)
    assert is_version("1.2")
