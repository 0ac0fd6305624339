"""What templates and scripts may not hold, because the Content-Security-Policy forbids it or would have to allow it."""

import re
from pathlib import Path

import pytest

import infrastructure.web

ROOM = Path(infrastructure.web.__file__).parent
TEMPLATES = sorted(ROOM.glob("templates/**/*.html"))
OWN_SCRIPTS = [path for path in sorted(ROOM.glob("static/*.js")) if not path.name.startswith("htmx")]
PYTHON = sorted([*ROOM.glob("*.py"), *ROOM.parent.glob("pictures/*.py")])
MOST_LINES_OF_SCRIPT = 300

FORBIDDEN = {
    "an inline style": r"<style\b|\sstyle\s*=",
    "an inline script": r"<script\b(?![^>]*\ssrc=)|\son[a-z]+\s*=|href\s*=\s*[\"']?javascript:",
    "a handler of htmx": r"\b(data-)?hx-on\b",
    "a value that is script": r"\bjs:|\bjavascript:",
    "a filter of a trigger": r"hx-trigger\s*=\s*([\"'])(?:(?!\1).)*\[",
    "an address elsewhere": r"(src|href|action|hx-(get|post))\s*=\s*[\"']?(https?:)?//",
    "markup that is not escaped": r"\|\s*safe\b|autoescape\s+false",
}


def forbidden_in(text: str) -> list[str]:
    """What a template has that it may not have."""
    return [what for what, form in FORBIDDEN.items() if re.search(form, text, re.IGNORECASE | re.DOTALL)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_template_has_nothing_forbidden(path: Path) -> None:
    """No inline style or script, no handler, no script in values, no filter in a trigger, nothing from elsewhere."""
    assert forbidden_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<p style='color: red'>", "an inline style"),
        ("<style>p {}</style>", "an inline style"),
        ("<script>go()</script>", "an inline script"),
        ('<button onclick="go()">', "an inline script"),
        ('<button data-hx-on:click="go()">', "a handler of htmx"),
        ("""<form hx-vals='js:{a: 1}'>""", "a value that is script"),
        ("""<form data-hx-trigger="keyup[key=='a']">""", "a filter of a trigger"),
        ('<script src="https://cdn.example/x.js"></script>', "an address elsewhere"),
        ("{{ name | safe }}", "markup that is not escaped"),
    ],
)
def test_what_is_forbidden_is_found(text: str, what: str) -> None:
    """Each of them in a template of its own."""
    assert what in forbidden_in(text)


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_markup_that_is_made_in_python_has_no_style(path: Path) -> None:
    """Pictures and pieces are coloured by classes."""
    assert not re.search(
        r"<[a-z][^>]*\sstyle=|\shx-on|\son(click|load|error)=", path.read_text(encoding="utf-8")
    )


def test_own_script_is_short_and_makes_no_code_of_text() -> None:
    """Under 300 lines in all, typed, and nothing that the policy would stop."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in OWN_SCRIPTS}
    assert texts
    assert sum(len(text.splitlines()) for text in texts.values()) < MOST_LINES_OF_SCRIPT
    for name, text in texts.items():
        assert text.startswith("// @ts-check"), name
        assert not re.search(
            r"\beval\(|new Function|innerHTML|outerHTML\s*=|document\.write|\.style\b", text
        ), name
