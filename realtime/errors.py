"""What can go wrong in the middle: a code for machines, a sentence for people."""

from typing import ClassVar


class RealtimeError(Exception):
    """Anything that realtime raises on purpose."""

    code: ClassVar[str] = "error"


class NotInTransaction(RealtimeError):
    """publish() was called outside a transaction: the change could be committed and never announced."""

    code = "not-in-transaction"


class NotRegistered(RealtimeError):
    """A kind, a topic family or a family of keys that nobody registered."""

    code = "not-registered"


class BadPosition(RealtimeError):
    """A position that does not look like `<epoch>-<offset>`."""

    code = "bad-position"


class BadTopic(RealtimeError):
    """A topic name outside the grammar: letters, digits, `.`, `-`, `_`, at most 100 characters."""

    code = "bad-topic"


class BadTicket(RealtimeError):
    """A ticket that is forged, damaged or older than its 15 minutes."""

    code = "bad-ticket"


class LogAway(RealtimeError):
    """The log cannot be read at the moment: the database is away, or not migrated yet."""

    code = "log-away"


class PresenceAway(RealtimeError):
    """Redis does not answer: only the readers of this process can be counted."""

    code = "presence-away"


class ProgressInTransaction(RealtimeError):
    """progress() was called inside a transaction: nobody would see it before the commit, or ever."""

    code = "progress-in-transaction"

    def __init__(self, detail: str = "Report progress between the transactions of a task, never inside one.") -> None:
        super().__init__(detail)  # made again from its own words when Celery carries it to another process
