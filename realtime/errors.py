"""The errors of this package: each class has a code for machines, its message is for people."""

from typing import ClassVar


class RealtimeError(Exception):
    """Base class of all errors that realtime raises on purpose."""

    code: ClassVar[str] = "error"


class NotInTransaction(RealtimeError):
    """publish() was called outside a transaction, where a change could be committed and never announced."""

    code = "not-in-transaction"


class NotRegistered(RealtimeError):
    """A kind, a topic family or a family of keys is not registered."""

    code = "not-registered"


class BadPosition(RealtimeError):
    """A position is not of the form `<epoch>-<offset>`."""

    code = "bad-position"


class BadTopic(RealtimeError):
    """A topic is outside the grammar: letters, digits, `.`, `-`, `_`, at most 100 characters."""

    code = "bad-topic"


class BadTicket(RealtimeError):
    """A ticket is forged, damaged or older than its 15 minutes."""

    code = "bad-ticket"


class LogAway(RealtimeError):
    """The log cannot be read at the moment: the database is away, or not migrated yet."""

    code = "log-away"


class PresenceAway(RealtimeError):
    """Redis does not answer, so only the readers of this process can be counted."""

    code = "presence-away"


class ProgressInTransaction(RealtimeError):
    """progress() was called inside a transaction, where a report is seen after the commit, or never."""

    code = "progress-in-transaction"

    def __init__(self, detail: str = "Report progress between the transactions of a task, never inside one.") -> None:
        super().__init__(detail)  # Celery builds it again from its message in another process
