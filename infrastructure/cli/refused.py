"""A command that cannot be carried out, and the exit statuses of all commands."""

REFUSED = 1
UNREADABLE = 2
SOME_REJECTED = 3
INTERRUPTED = 130


class Refused(Exception):
    """The command cannot be carried out; the message says what to do next."""

    def __init__(
        self, message: str, *, code: str = "refused", place: str = "", status: int = REFUSED
    ) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
        self.status = status
