"""A part of a page that could not be read: the page shows the others."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Failed:
    """Why there is no such part now."""

    code: str
    sentence: str
