"""Signs of a fixed size around 0,0: what is told apart by colour has a shape of its own too."""

from typing import Final

DOT: Final = "M-5.5 0a5.5 5.5 0 1 1 11 0a5.5 5.5 0 1 1-11 0z"
STAR: Final = "M0-9 2.4-3.1 8.6-2.8 3.8 1.2 5.3 7.3 0 3.9-5.3 7.3-3.8 1.2-8.6-2.8-2.4-3.1z"
RIGHTWARDS: Final = "M-8-6 0 0-8 6z"
CIRCLE: Final = "M-5 0a5 5 0 1 1 10 0a5 5 0 1 1-10 0z"
SQUARE: Final = "M-4.5-4.5H4.5V4.5H-4.5z"
DIAMOND: Final = "M0-6.5 6.5 0 0 6.5-6.5 0z"
UPWARDS: Final = "M0-6 6 5H-6z"
DOWNWARDS: Final = "M0 6-6-5H6z"
CROSS: Final = "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0z"
PLUS: Final = "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2z"
LEFTWARDS: Final = "M8-6 0 0 8 6z"


def hatch(start: float, end: float, y: float, height: float, *, lines: float = 60) -> str:
    """Strokes over a part of a box 1000 wide, which is stretched over the picture's width."""
    first, last = start * 1000, end * 1000
    step = 1000 / lines
    count = int((last - first) / step)
    return "".join(
        f"M{first + step * (place + 0.15):.1f} {y + height:g}L{first + step * (place + 0.85):.1f} {y:g}"
        for place in range(count + 1)
        if first + step * (place + 0.85) <= last + 0.1
    )
