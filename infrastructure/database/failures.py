"""What a failure of the database means, under the names of `eventsourcing`, whatever driver it came from.

An IntegrityError says that someone else was faster, or that the same thing was recorded before.
"""

from eventsourcing.persistence import OperationalError


class ConnectionLost(OperationalError):
    """The database went away before COMMIT was sent: nothing was recorded, and it may be tried again."""


class OutcomeUnknown(OperationalError):
    """The database went away while it committed: what was sent may be recorded or not, and has to be looked up.

    Whoever is told so may send the same again: what was recorded is answered as a duplicate.
    """


class Busy(OperationalError):
    """Others held a lock for too long: nothing was recorded, and it may be tried again."""


class DiskFull(OperationalError):
    """The database has no space left: nothing was recorded."""
