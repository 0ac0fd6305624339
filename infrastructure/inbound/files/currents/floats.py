"""The decimal that a binary float stands for."""

import struct
from decimal import Decimal

_FLOAT_32 = struct.Struct("<f")
_DIGITS_OF_32_BITS = 9
"""With so many digits, no two floats of 32 bits are the same."""
_LARGE = 1e30


def exact(value: float, *, narrow: bool) -> Decimal:
    """The shortest decimal of this float, of 32 bits if `narrow`: up to 6 digits it is what its sender wrote."""
    # A large float, rounded up, may exceed 32 bits; infinity and NaN have no digits.
    if narrow and abs(value) < _LARGE:
        for digits in range(1, _DIGITS_OF_32_BITS + 1):
            text = f"{value:.{digits}g}"
            if _FLOAT_32.unpack(_FLOAT_32.pack(float(text)))[0] == value:
                return Decimal(text)
    return Decimal(repr(value))
