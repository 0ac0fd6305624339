"""The collection of garbage, alike for all that is measured; imports nothing, so that every process may use it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (100_000, 50, 100)
"""As an import sets them (infrastructure/inbound/importing.py)."""


@contextmanager
def less_collection() -> Iterator[None]:
    """Begin with nothing to collect, and collect cycles as seldom as an import does."""
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
