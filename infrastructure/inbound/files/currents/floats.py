"""Numbers that reached us as binary floats: the decimal that each stands for."""

import struct
from decimal import Decimal

_FLOAT_32 = struct.Struct("<f")
_DIGITS_OF_32_BITS = 9
"""With so many digits, any two floats of 32 bits differ."""
_LARGE = 1e30


def exact(value: float, *, narrow: bool) -> Decimal:
    """The shortest decimal that is this very float, of 32 bits where narrow: up to 6 digits, what its sender wrote."""
    # A large one, rounded up, may be none of 32 bits any more; what is no number has no digits.
    if narrow and abs(value) < _LARGE:
        for digits in range(1, _DIGITS_OF_32_BITS + 1):
            text = f"{value:.{digits}g}"
            if _FLOAT_32.unpack(_FLOAT_32.pack(float(text)))[0] == value:
                return Decimal(text)
    return Decimal(repr(value))
