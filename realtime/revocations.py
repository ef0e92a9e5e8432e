"""Access: that somebody signed out, was deactivated, or may read more or less than before.

It is an event like any other, `user.access.changed` on `user.<id>`, written in the transaction that
changed it. Edges obey it: they know whose tickets are worth nothing any more, and whose sockets to close.
The domain says when it happens (blog/account_signals.py) and what somebody's rights are now.
"""

from dataclasses import dataclass
from typing import Literal

from realtime import kinds

KIND = "user.access.changed"


@dataclass(frozen=True)
class Access:
    """What is true of somebody's access from now on.

    `ended`: the sign-ins that ended, each by the digest that its tickets carry. `tickets`: what the
    tickets of the others are worth that were issued before this: they stay `valid`, are `stale` (refused
    from now on; an open socket goes on with these rights), or are `ended` with every sign-in they came from.
    """

    id: int
    rights: tuple[str, ...]
    ended: tuple[str, ...]
    tickets: Literal["valid", "stale", "ended"]
    version: int


ACCESS_KIND = kinds.Kind(KIND, Access, "access")
