"""A browser without script: the forms of a page as they are sent when a button is pressed."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

Pairs = list[tuple[str, str]]


@dataclass
class Form:
    """A form of a page: where it goes, its fields as they stand, and its buttons by their words."""

    action: str
    fields: Pairs = field(default_factory=list)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)

    def fill(self, **values: str) -> "Form":
        """Type into fields, each of which is there once; hyphens of a name are underscores or hyphens."""
        for name, value in values.items():
            places = [place for place, each in enumerate(self.fields) if each[0].replace("-", "_") == name]
            assert len(places) == 1, f"{name}: {self.fields}"
            self.fields[places[0]] = (self.fields[places[0]][0], value)
        return self

    def fill_row(self, name: str, row: int, value: str) -> "Form":
        """Type into the field of a row."""
        place = [place for place, each in enumerate(self.fields) if each[0] == name][row]
        self.fields[place] = (name, value)
        return self

    def choose(self, name: str, value: str) -> "Form":
        """Choose a radio button, or tick a box."""
        self.fields = [each for each in self.fields if each[0] != name] + [(name, value)]
        return self

    def values(self, name: str) -> list[str]:
        """The values of a field."""
        return [value for each, value in self.fields if each == name]

    def press(self, browser: httpx.Client, words: str) -> httpx.Response:
        """Send the form with a button."""
        pressed = self.buttons[words]
        sent: dict[str, list[str]] = {}
        for name, value in [*self.fields, *([pressed] if pressed[0] else [])]:
            sent.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\n", "\r\n"))
        return browser.post(self.action, data=sent)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select: str | None = None
        self._is_chosen = False
        self._area: list[str] | None = None
        self._button: tuple[tuple[str, str], list[str]] | None = None
        self._area_name = ""

    @property
    def _form(self) -> Form:
        return self.forms[-1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form" if given.get("method", "").lower() == "post":
                self.forms.append(Form(given["action"]))
            case "input" if self.forms and given.get("name"):
                self._read_input(given)
            case "select" if self.forms:
                self._select, self._is_chosen = given["name"], False
            case "option" if self._select is not None:
                self._read_option(given)
            case "textarea" if self.forms:
                self._area, self._area_name = [], given["name"]
            case "button" if self.forms:
                self._button = ((given.get("name", ""), given.get("value", "")), [])

    def _read_input(self, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        if kind in {"radio", "checkbox"}:
            if "checked" in given:
                self._form.fields.append((given["name"], value))
            return
        # A text field has no line breaks; a hidden one keeps them.
        shown = value if kind == "hidden" else value.replace("\r", "").replace("\n", "")
        self._form.fields.append((given["name"], shown))

    def _read_option(self, given: dict[str, str]) -> None:
        assert self._select is not None
        if not self._is_chosen:
            self._form.fields.append((self._select, given["value"]))
            self._is_chosen = True
        elif "selected" in given:
            place = max(place for place, each in enumerate(self._form.fields) if each[0] == self._select)
            self._form.fields[place] = (self._select, given["value"])

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.append(data)
        if self._button is not None:
            self._button[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea" and self._area is not None:
            self._form.fields.append((self._area_name, "".join(self._area)))
            self._area = None
        elif tag == "button" and self._button is not None:
            self._form.buttons.setdefault(" ".join("".join(self._button[1]).split()), self._button[0])
            self._button = None


def read_forms(page: httpx.Response) -> list[Form]:
    """The forms of a page that are posted."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


def read_form(page: httpx.Response, ending: str) -> Form:
    """The form of a page whose action ends so."""
    (found,) = [each for each in read_forms(page) if each.action.partition("?")[0].endswith(ending)]
    return found


class _Text(HTMLParser):
    def __init__(self, id_: str) -> None:
        super().__init__()
        self._id = id_
        self._tag = ""
        self._depth = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        if self._depth:
            self._depth += tag == self._tag
        elif dict(attrs).get("id") == self._id:
            self._tag, self._depth = tag, 1

    def handle_endtag(self, tag: str) -> None:
        if self._depth and tag == self._tag:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.text += data


def read_text(page: httpx.Response, id_: str) -> str:
    """The text of an element, as copying takes it."""
    reader = _Text(id_)
    reader.feed(page.text)
    return reader.text
