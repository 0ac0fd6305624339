"""What a process remembers for a moment, in bounded memory, so that not every request asks the database."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST = 10_000


class Memory(Generic[K, V]):
    """Values by their names; each is forgotten after a while, the oldest first where there are too many."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` says how long a value is remembered from now on."""
        self._seconds = seconds
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = Lock()

    def recall(self, name: K) -> V | None:
        """The value, unless it is forgotten."""
        with self._lock:
            found = self._values.get(name)
        return None if found is None or found[0] < time.monotonic() else found[1]

    def remember(self, name: K, value: V) -> None:
        """Remember a value from now on."""
        with self._lock:
            self._values[name] = (time.monotonic() + self._seconds(), value)
            self._values.move_to_end(name)
            while len(self._values) > _MOST:
                self._values.popitem(last=False)

    def forget(self, name: K) -> None:
        """Forget a value now."""
        with self._lock:
            self._values.pop(name, None)
