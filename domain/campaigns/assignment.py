"""Assignment: which variant a user is to get, by what they received and else by the weights in force (R4, R5).

By weights, everything hangs on hashes of the app group, campaign, user and variant: nothing is stored, and whoever asks
again gets the same answer, in any batch and on any machine. There is no float in it.

Control is decided first, by a hash of its own and its share of all weights. Among the others, weighted rendezvous: each
variant draws a waiting time from its hash, exponential at its weight as the rate, and the shortest wins. Cumulative
intervals would be simpler, but where one variant gains they also move users between variants that did not change.
Here a user moves only to a variant that gained beside the one they leave; no scheme without a memory moves fewer for
every pair of weights (Moulton and Jiang, "Maximally Consistent Sampling and the Jaccard Index of Probability
Distributions", ICDM 2018).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Context
from enum import StrEnum
from hashlib import blake2b

import msgspec

from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Weights
from domain.campaigns.events import Status

_BITS = 64
_TABLE_BITS = 8
_STEPS = 1 << _TABLE_BITS
_UNIT = 1 << _BITS

# Decimal rounds a logarithm correctly, so these whole numbers are the same everywhere.
_DIGITS = Context(prec=60)
_LOGARITHMS = [
    int(_DIGITS.multiply(_DIGITS.ln(_DIGITS.divide(_STEPS + step, _STEPS)), _UNIT))
    for step in range(_STEPS + 1)
]
"""ln(1 + step / 256), in units of 2^-64."""


class Because(StrEnum):
    """Why a user gets the variant, or none."""

    RECEIVED = "received"
    WEIGHTS = "weights"
    DRAFT = "campaign_is_draft"
    STOPPED = "campaign_is_stopped"
    ARCHIVED = "campaign_is_archived"


class Assignment(msgspec.Struct, frozen=True):
    """What a user is to get; `variant_id` is None where the campaign goes out to no one."""

    user_id: str
    variant_id: str | None
    control: bool
    because: Because


_NOT_OUT = {
    Status.DRAFT: Because.DRAFT,
    Status.STOPPED: Because.STOPPED,
    Status.ARCHIVED: Because.ARCHIVED,
}


def goes_out(campaign: Campaign) -> bool:
    """Whether users get anything of the campaign: only while it is launched (R4)."""
    return campaign.status not in _NOT_OUT


def assignments(
    campaign: Campaign, user_ids: Iterable[str], received: Mapping[str, Sequence[str]]
) -> Iterator[Assignment]:
    """What each user gets, in the order given.

    `received` has, by user id, the variants of the receipts that stand, in the order of facts: the latest is kept, and
    whoever was in control once stays there.
    """
    if (reason := _NOT_OUT.get(campaign.status)) is not None:
        yield from (Assignment(user_id, None, control=False, because=reason) for user_id in user_ids)
        return
    control = campaign.definition.control
    shares = Shares(campaign.app_group, campaign.campaign_id, campaign.weights, control)
    for user_id in user_ids:
        had = received.get(user_id)
        if not had:
            chosen, because = shares.variant_of(user_id), Because.WEIGHTS
        else:
            chosen = control if control is not None and control in had else had[-1]
            because = Because.RECEIVED
        yield Assignment(user_id, chosen, chosen == control, because)


class Shares:
    """Shares users among the variants of one campaign by weights, which are whole numbers and not all 0 (R5)."""

    def __init__(self, app_group: str, campaign_id: str, weights: Weights, control: str | None) -> None:
        def hashing(*parts: str) -> "blake2b":
            # Ids hold no NUL: no two lists of them read alike.
            return blake2b("\0".join((app_group, campaign_id, *parts, "")).encode(), digest_size=_BITS // 8)

        self._control = control
        self._of_control = weights.get(control, 0) if control is not None else 0
        self._total = sum(weights.values())
        self._in_control = hashing("control")
        self._others = [
            (variant_id, weight, hashing("variant", variant_id))
            for variant_id, weight in sorted(weights.items())
            if weight and variant_id != control
        ]

    def variant_of(self, user_id: str) -> str:
        """The variant of a user: always the same one for the same weights, and for any multiple of them."""
        user = user_id.encode()
        if self._control is not None and self._is_in_control(user):
            return self._control
        chosen, best, of_best = "", 1, 0
        for variant_id, weight, base in self._others:
            waits = waiting(_draw(base, user))
            # wait / weight, compared without dividing, so that multiples of weights change nothing at all.
            if not of_best or waits * of_best < best * weight:
                chosen, best, of_best = variant_id, waits, weight
        return chosen

    def _is_in_control(self, user: bytes) -> bool:
        return _draw(self._in_control, user) * self._total < self._of_control << _BITS


def _draw(base: "blake2b", user: bytes) -> int:
    """A whole number below 2^64, all equally likely."""
    hashed = base.copy()
    hashed.update(user)
    return int.from_bytes(hashed.digest(), "big")


def waiting(drawn: int) -> int:
    """A waiting time at the rate 1, in units of 2^-64: -ln((drawn + 1) / 2^64), to 3 parts in 10^8, in whole numbers.

    ln(n) = e ln 2 + ln(1 + step / 256) + ln(1 + rest), where rest < 1/256 and ln(1 + rest) = rest - rest^2 / 2 and less
    than rest^3 / 3 more: the time is never below the true one, and so never below 0.
    """
    number = drawn + 1
    exponent = number.bit_length() - 1
    scaled = number << (_BITS - exponent)
    step = scaled >> (_BITS - _TABLE_BITS)
    begin = step << (_BITS - _TABLE_BITS)
    rest = ((scaled - begin) << _BITS) // begin
    logarithm = _LOGARITHMS[step - _STEPS] + rest - (rest * rest >> (_BITS + 1))
    return (_BITS - exponent) * _LOGARITHMS[-1] - logarithm
