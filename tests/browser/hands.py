"""How somebody uses a page: with a mouse, or with the keyboard alone."""

from typing import Any, Protocol

from playwright.sync_api import Locator, Page, expect

_MOST_TABS = 200


class Hands(Protocol):
    """What people do with the parts of a page."""

    def press(self, what: Locator) -> None:
        """Follow a link, press a button, or choose a radio button."""

    def write(self, what: Locator, text: str) -> None:
        """Write into a field, in place of what is there."""

    def pick(self, what: Locator, label: str) -> None:
        """Pick what a list offers."""


class Mouse:
    """Points and clicks."""

    def press(self, what: Locator) -> None:
        what.click()

    def write(self, what: Locator, text: str) -> None:
        what.fill(text)

    def pick(self, what: Locator, label: str) -> None:
        what.select_option(label=label)


class Keyboard:
    """Goes from part to part with Tab, as somebody does who cannot use a mouse; what has the focus must be seen."""

    def __init__(self, page: Page) -> None:
        self._keys = page.keyboard
        self._page = page

    def press(self, what: Locator) -> None:
        if what.get_attribute("type") == "radio":
            self._choose(what)
        else:
            self._go_to(what)
            self._keys.press("Enter")

    def write(self, what: Locator, text: str) -> None:
        if what.get_attribute("type") == "date":
            self._write_date(what, text)
            return
        self._go_to(what)
        self._keys.press("ControlOrMeta+A")
        self._keys.press("Delete")
        self._keys.type(text)

    def pick(self, what: Locator, label: str) -> None:
        self._go_to(what)
        self._keys.type(label)
        expect(what.locator("option:checked")).to_have_text(label)

    def _write_date(self, what: Locator, text: str) -> None:
        # British windows: the day comes first.
        year, month, day = text.split("-")
        self._go_to(what)
        self._keys.type(day + month + year)
        expect(what).to_have_value(text)

    def _choose(self, what: Locator) -> None:
        # One of a group is reached with Tab, the others of it with arrows.
        group = self._page.locator(f"input[type=radio][name='{what.get_attribute('name')}']")
        count = group.count()
        self._go_to(group)
        for _ in range(count):
            if what.is_checked():
                return
            self._keys.press("ArrowDown")
        expect(what).to_be_checked()

    def _go_to(self, what: Locator) -> None:
        expect(what.first).to_be_attached()
        for _ in range(_MOST_TABS):
            self._keys.press("Tab")
            if what.evaluate_all("all => all.includes(document.activeElement)"):
                assert _is_focus_seen(self._page), f"the focus on {what} is not seen"
                return
        raise AssertionError(f"{what} is not reached with Tab")


def _is_focus_seen(page: Page) -> bool:
    found: bool = page.evaluate(
        """() => {
          const style = getComputedStyle(document.activeElement);
          return document.activeElement.matches(":focus-visible")
            && (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none");
        }"""
    )
    return found


WAYS: dict[str, dict[str, Any]] = {
    "mouse": {},
    "no script": {"java_script_enabled": False},
    "keyboard": {},
    "phone in the dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
}
"""The ways in which pages are walked through (walk 6), each with what a window is opened with."""


def hands_of(way: str, page: Page) -> Hands:
    """Who walks a way."""
    return Keyboard(page) if way == "keyboard" else Mouse()
