"""Token buckets: how often something may be done, for each name, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_MOST = 10_000
"""How many names are remembered; the one not used for longest is forgotten, and its bucket is full again."""


class Buckets:
    """A bucket for each name: it holds `burst` turns at most, and gets `rate` turns a second."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """The turns in each bucket, and when they were counted."""
        self._lock = Lock()

    def take(self, name: str) -> float:
        """Take a turn; returns 0, or the seconds until there is one."""
        with self._lock:
            now = self._clock()
            turns, counted = self._buckets.get(name, (self._burst, now))
            turns = min(turns + (now - counted) * self._rate, self._burst)
            self._buckets[name] = (turns if turns < 1 else turns - 1, now)
            self._buckets.move_to_end(name)
            while len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        return 0.0 if turns >= 1 else (1 - turns) / self._rate
