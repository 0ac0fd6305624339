"""A verdict: the sentence, what speaks against it, and the charts, in one file."""

from infrastructure.pictures.formatting import RATE
from infrastructure.pictures.intervals import Estimate, intervals
from infrastructure.pictures.verdict import verdict
from tests.infrastructure.pictures.drawn import bare, of_class, parse, texts


def test_a_verdict_says_and_draws_all_of_it() -> None:
    charts = [
        intervals(
            "Conversion rate",
            [Estimate("A", 0.04, (0.03, 0.05)), Estimate("B", 0.05, (0.04, 0.06))],
            unit=RATE,
        ),
        intervals("Uplift against A", [Estimate("B", 0.25, (0.1, 0.4), is_winner=True)]),
    ]
    picture = verdict("Spring sale", "B is the winner.", ["Few conversions yet: B."], charts)
    root = parse(picture.standalone())
    written = texts(root)
    expected = [
        "Spring sale",
        "B is the winner.",
        "\N{WARNING SIGN} Few conversions yet: B.",
        "Conversion rate",
    ]
    assert [each for each in written if each in expected] == expected
    assert len(of_class(root, "p-row")) == 3
    assert root.findtext("title") == "Spring sale"
    said = bare(picture.description)
    assert said.startswith(
        "B is the winner. Few conversions yet: B. Conversion rate: A: 4.00 % (3.00 to 5.00)."
    )
    assert "Uplift against A: B, winner: +25.0 % (+10.0 to +40.0)." in said


def test_a_long_sentence_is_wrapped_and_the_charts_are_below_it() -> None:
    chart = intervals("Uplift", [Estimate("B", 0.25)])
    short, long = (
        verdict("Sale", sentence, [], [chart]).height for sentence in ("Short.", "Long enough. " * 30)
    )
    assert long > short + 40
