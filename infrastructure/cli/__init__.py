"""The command line `conversions`: the room where people meet the ledger."""

import gc

__all__ = ["main"]


def main() -> None:
    """The entry point of the command `conversions`."""
    # What loads makes no garbage, and looking for it takes a tenth of the time.
    gc.disable()
    try:
        from infrastructure.cli.app import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        # Nothing has begun.
        raise SystemExit(130) from None
    gc.freeze()
    gc.enable()
    run()
