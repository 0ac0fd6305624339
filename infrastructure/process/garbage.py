"""Python's collector of cycles, which would search large heaps that have hardly any cycles."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def less_garbage_collection() -> Iterator[None]:
    """Collect cycles less often: journeys and folds in memory are many, live long and have no cycles."""
    before, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(1_000_000, 50, 100)
    sys.setswitchinterval(0.002)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        sys.setswitchinterval(interval)
