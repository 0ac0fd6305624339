"""A ledger that was filled through every door before orders were facts, and the messages it was filled with."""
