"""Elements of SVG as text: everything of others is escaped, and numbers are short."""

from typing import Final

from markupsafe import Markup, escape

Drawn = Markup
"""Elements that are drawn already."""

Value = str | int | float | None

_NAMES: Final = {"class_": "class", "view_box": "viewBox", "keep": "preserveAspectRatio"}


def element(name: str, *content: str, **attributes: Value) -> Drawn:
    """An element; attributes that are None are left out, and `text_anchor` is written text-anchor."""
    written = "".join(
        f' {_NAMES.get(key) or key.replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = join(*content)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704 - both are escaped


def join(*drawn: str) -> Drawn:
    """Elements after each other; text of others among them is escaped."""
    return Markup().join(drawn)


def across(share: float) -> str:
    """A place across the picture: 0 is its left side, 1 its right."""
    return f"{number(share * 100)}%"


def number(value: float) -> str:
    """A number with as many decimals as can be seen."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _value(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else number(value)


def text(
    words: str, x: str, y: float, kind: str = "p-text", *, anchor: str | None = None, dx: float | None = None
) -> Drawn:
    """A line of text; `words` are escaped unless they are drawn already."""
    return element("text", words, class_=kind, x=x, y=y, dx=dx, text_anchor=anchor)


def bar(kind: str, start: float, end: float, y: float, height: float) -> Drawn:
    """A rectangle between two places across."""
    return element(
        "rect", class_=kind, x=across(start), y=y, width=across(max(end - start, 0.0)), height=height
    )


def rule(
    kind: str, start: float, end: float, y: float, y_end: float | None = None, dashes: str | None = None
) -> Drawn:
    """A line between two places across: level, unless it ends at another height."""
    y_end = y if y_end is None else y_end
    x1, x2 = across(start), across(end)
    return element("line", class_=kind, x1=x1, x2=x2, y1=y, y2=y_end, stroke_dasharray=dashes)


def sign(kind: str, shape: str, share: float, y: float, *content: str) -> Drawn:
    """A shape of a fixed size at a place across; the middle of its path is 0,0."""
    path = element("path", d=shape)
    return element("svg", *content, path, class_=f"p-sign {kind}", x=across(share), y=y, overflow="visible")


def stretched(kind: str, path: str, y: float, width: float, height: float, drawn_height: float) -> Drawn:
    """A path in units of its own, stretched over the whole width."""
    box = f"0 0 {number(width)} {number(height)}"
    return element(
        "svg",
        element("path", class_=kind, d=path),
        x=0,
        y=y,
        width="100%",
        height=drawn_height,
        view_box=box,
        keep="none",
    )
