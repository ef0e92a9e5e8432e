"""Revocations: the event by which edges learn that a user signed out, was deactivated, or has other rights.

`user.access.changed` on `user.<id>` is an event like any other, written in the transaction that changed the access.
Edges refuse the tickets that it revokes, and close the sockets or topics that they opened. The domain publishes it
(blog/account_signals.py) and says what a user's rights are.
"""

from dataclasses import dataclass
from typing import Literal

from realtime import kinds

KIND = "user.access.changed"


@dataclass(frozen=True)
class Access:
    """A user's access from now on.

    `ended`: the sign-ins that ended, each as the digest that its tickets carry. `tickets`: what holds for earlier
    tickets of the other sign-ins. They stay `valid`; or they are `stale`, refused from now on, while an open socket
    goes on with these rights; or they are `ended` with all sign-ins.
    """

    id: int
    rights: tuple[str, ...]
    ended: tuple[str, ...]
    tickets: Literal["valid", "stale", "ended"]
    version: int


ACCESS_KIND = kinds.Kind(KIND, Access, "access")
