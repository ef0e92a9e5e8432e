"""How an account's access is live: its changes are told to that person, and to every edge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blog import account_signals, permissions
from blog.account_signals import ACCOUNT, FIELDS, RIGHTS
from blog.models import User
from realtime.kinds import Kind
from realtime.live import Live, declare
from realtime.publish import Change, NewEvent
from realtime.revocations import ACCESS_KIND, KIND, Access
from realtime.tickets import Reader

PASSWORD = FIELDS.index("password")
ACTIVE = FIELDS.index("is_active")
STAFF = FIELDS.index("is_staff")


@dataclass(frozen=True)
class ReadAccount:
    """An account under its lock."""

    fields: tuple[Any, ...]
    rights: tuple[str, ...]


@declare
class AccessLive(Live):
    """An account: not what it is called, but what it may."""

    model = User
    State = Access
    topics = ("user.{id}",)

    def may_read(self, reader: Reader, topic: str) -> bool:
        """Returns whether the topic is the reader's own."""
        return reader.id is not None and topic == f"user.{reader.id}"

    def kinds(self) -> Iterator[Kind]:
        yield ACCESS_KIND

    def connect(self) -> None:
        account_signals.connect_account_signals()

    def read(self, changes: Sequence[Change]) -> Mapping[str, ReadAccount]:
        """Returns each account with what its next ticket would say."""
        ids = [change.id for change in changes]
        rows = User.objects.filter(pk__in=ids).values_list("pk", *FIELDS)
        desk = permissions.holders(permissions.DESK, map(int, ids))
        return {str(pk): ReadAccount(tuple(fields), _rights(tuple(fields), pk in desk)) for pk, *fields in rows}

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        before = dict(change.before.get(KIND, {}))
        was, moved = before.pop(ACCOUNT, None), before.pop(RIGHTS, False)
        ended = tuple(str(session) for session in before)
        tickets = _worth(was, change.state, bool(moved))
        if tickets != "valid" or ended:
            rights = change.state.rights if change.state else ()
            yield NewEvent(KIND, [change.key], Access(int(change.id), rights, ended, tickets, change.version))


def _rights(fields: tuple[Any, ...], desk: bool) -> tuple[str, ...]:
    """Returns what permissions.rights_of() says of one account."""
    held = {"desk": desk, "staff": fields[STAFF]}
    return tuple(right for right, has in held.items() if has and fields[ACTIVE])


def _worth(was: tuple[Any, ...] | None, seen: ReadAccount | None, moved: bool) -> Any:
    """What earlier tickets are worth. An account that is saved as it was changes nothing."""
    if seen is None or not seen.fields[ACTIVE]:
        gone = seen is None or moved or (was is not None and was != seen.fields)
        return "ended" if gone else "valid"
    if was is not None and was[PASSWORD] != seen.fields[PASSWORD]:
        return "ended"
    return "stale" if moved or (was is not None and was != seen.fields) else "valid"
