"""The bulk writer: the very rows that `import` of the same facts would leave, many times faster.

It is how benchmarks come by stores of millions of facts. `tests/benchmarks/test_bulk.py` proves it equal to `import`.
"""

from benchmarks.bulk.source import FromCrowd, FromFile, Source
from benchmarks.bulk.writer import Decided, Written, decided, write

__all__ = ["Decided", "FromCrowd", "FromFile", "Source", "Written", "decided", "write"]
