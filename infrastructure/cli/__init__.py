"""The command line `conversions`: the room where people meet the ledger."""

from infrastructure.cli.app import main

__all__ = ["main"]
