"""Benchmarks: `python -m benchmarks` prints how fast the ledger is, beside its limit and the stock library.

Not part of the product: nothing imports from here.
"""
