"""Processes that end with the one that started them."""

import os
import signal
import threading
import time

_LOOK_SECONDS = 0.2


def follow(parent: int) -> None:
    """End this process when its parent is gone, however that ended; leave Ctrl-C to the parent.

    `parent` is the parent's process id, which the parent hands over: if it is gone already, this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_without, args=(parent,), daemon=True).start()


def _end_without(parent: int) -> None:
    # A killed parent can tell nobody; the system then gives its children another parent.
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
