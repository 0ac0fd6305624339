"""What a failure of the database means for the caller, as exceptions of `eventsourcing`, whichever driver raised it.

An IntegrityError says that another writer was faster, or that the same thing is recorded already.
"""

from eventsourcing.persistence import OperationalError


class ConnectionLost(OperationalError):
    """The connection broke before COMMIT was sent: nothing is recorded, and the caller may try again."""


class OutcomeUnknown(OperationalError):
    """The connection broke during COMMIT: the transaction is recorded or not, and only a look at the log can tell.

    A sender who gets this error may send the same facts again: recorded ones are answered as duplicates.
    """


class Busy(OperationalError):
    """Others held a lock for too long: nothing is recorded, and the caller may try again."""


class DiskFull(OperationalError):
    """The database has no space left: nothing is recorded."""
