"""Reads pictures back: what is drawn where, as whoever looks at them sees it."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from infrastructure.pictures.picture import Picture


def parse(drawn: str) -> ET.Element:
    """The elements, without the namespace of files."""
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    for each in root.iter():
        each.tag = each.tag.removeprefix("{http://www.w3.org/2000/svg}")
    return root


def inline(picture: Picture, name: str = "p") -> ET.Element:
    return parse(picture.inline(name))


def of_class(root: ET.Element, kind: str) -> list[ET.Element]:
    """All elements of a class, in the order that they are drawn."""
    return [each for each in root.iter() if kind in each.get("class", "").split()]


def share(place: str | None) -> float:
    """A place across, as a share of the width."""
    assert place is not None
    assert place.endswith("%"), place
    return float(place[:-1]) / 100


def words(element: ET.Element) -> str:
    """The text of an element without isolates, titles left out."""
    return bare("".join(_texts(element)))


def bare(text: str) -> str:
    return text.translate({0x2068: None, 0x2069: None, 0xA0: " ", 0x2212: "-"})


def _texts(element: ET.Element) -> Iterator[str]:
    if element.tag != "title":
        yield element.text or ""
    for child in element:
        yield from _texts(child)
        yield child.tail or ""


def texts(root: ET.Element) -> list[str]:
    return [words(each) for each in root.iter("text")]


def numbers(text: str) -> list[float]:
    """The numbers in an English text."""
    return [float(each.replace(",", "")) for each in re.findall(r"[-+]?\d[\d,]*(?:\.\d+)?", bare(text))]


def columns(root: ET.Element) -> list[list[tuple[float, float, float]]]:
    """Of each strip its columns: from, to and height, in shares of the axis and of the strip."""
    strips = []
    for each in root.iter("svg"):
        path = each.find("path[@class='p-fill']")
        if path is not None:
            width = float(each.attrib["viewBox"].split()[2])
            found = re.findall(r"M([\d.]+) 100V([\d.]+)H([\d.]+)V100", path.attrib["d"])
            strips.append([(float(a) / width, float(c) / width, 1 - float(b) / 100) for a, b, c in found])
    return strips
