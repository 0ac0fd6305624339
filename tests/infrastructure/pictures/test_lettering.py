"""Texts of others are cut to their room, at places where nothing is torn apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.pictures.lettering import clean, cut, isolate, measure, wrap

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@given(text=st.text(max_size=300), room=st.floats(20, 400), size=st.sampled_from([11, 13, 17]))
def test_what_is_cut_has_room_and_is_a_beginning(text: str, room: float, size: int) -> None:
    shown = cut(text, room, size)
    assert measure(shown, size) <= room
    if shown != clean(text):
        assert shown.endswith("\N{HORIZONTAL ELLIPSIS}")
        assert clean(text).startswith(shown[:-1])


@pytest.mark.parametrize(
    "text", [FAMILY * 40, "e\u0301" * 100, "\u0915\u093f" * 100], ids=["emoji", "accents", "vowel signs"]
)
def test_nothing_that_is_drawn_as_one_is_cut_in_two(text: str) -> None:
    unit = FAMILY if text.startswith(FAMILY) else text[:2]
    for room in range(20, 200, 3):
        shown = cut(text, room, 13)[:-1]
        assert shown == unit * (len(shown) // len(unit))


def test_a_text_that_has_room_is_whole() -> None:
    assert cut("Spring sale", 300, 13) == "Spring sale"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc\u2028d", "a b  c d"),
        ("a\x00\x1b\x85\ud800\uffff\U0001ffffb", "a\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdb"),
        ("\u202egpj.exe\u2069", "\ufffdgpj.exe\ufffd"),
        ("\u05e9\u05dc\u05d5\u05dd\u200f", "\u05e9\u05dc\u05d5\u05dd\u200f"),
    ],
    ids=["lines", "controls", "directions", "marks of a script stay"],
)
def test_what_no_picture_can_bear_is_replaced(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert isolate(text) == f"\u2068{shown}\u2069"


def test_a_sentence_is_wrapped_between_words_and_no_word_is_lost() -> None:
    sentence = "B is the winner: it is better than every other variant that was received. " * 3
    lines = wrap(sentence, 300, 13)
    assert " ".join(lines) == sentence.strip()
    assert all(measure(each, 13) <= 300 for each in lines)
