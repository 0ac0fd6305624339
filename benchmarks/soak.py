"""`python -m benchmarks.soak`: the long simulations, by hand; exit status 1 where an ask is missed."""

import sys

from benchmarks import anytime_simulations, interval_simulations
from benchmarks.results import Printer


def main() -> int:
    """Simulate the deciding test over its full grid, print what was measured, and say whether all asks are met."""
    printer = Printer()
    tables = list(interval_simulations.measure(printer.progress))
    tables += anytime_simulations.measure(printer.progress, anytime_simulations.FULL)
    for table in tables:
        printer.table(table)
    asks = [ask for table in tables for ask in table.asks]
    printer.asks(asks)
    return 0 if all(ask.met for ask in asks) else 1


if __name__ == "__main__":
    sys.exit(main())
