"""What is said of figures that are not computed."""

import pytest

from domain.experiment.results import BELIEFS, INTERVALS, MOST_TABLES, MOST_VARIANTS
from infrastructure.words.left_out import explain_left_out


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ((*BELIEFS, *INTERVALS), f"The campaign has more than {MOST_VARIANTS} variants. So the ledger does not compute which"),
        (INTERVALS, f"make more than {MOST_TABLES:,} tables. So the ledger does not compute intervals"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_named_with_its_bound(left_out: tuple[str, ...], said: str) -> None:
    """As objects, and as the JSON has them."""
    sentence = explain_left_out(left_out)
    assert sentence is not None
    assert said in sentence
    assert explain_left_out([str(each) for each in left_out]) == sentence


def test_nothing_left_out_is_not_worth_a_word() -> None:
    """The usual."""
    assert explain_left_out(()) is None
