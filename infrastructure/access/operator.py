"""The operator: who gives a command on this machine, as the ledger records it."""

import os
import pwd
import uuid

from application.ports import Stamp


def stamp() -> Stamp:
    """Stamp a command given on this machine: a new id, and the operating system's user."""
    user = os.getuid()
    try:
        # Not getpass: it believes environment variables first.
        return Stamp(uuid.uuid4().hex, f"os:{pwd.getpwuid(user).pw_name}")
    except KeyError:
        return Stamp(uuid.uuid4().hex, f"os:uid-{user}")
