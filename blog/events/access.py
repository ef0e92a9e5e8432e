"""How a change of somebody's access is told: to that person, and to every edge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blog import permissions
from blog.account_signals import ACCOUNT, FIELDS, RIGHTS
from blog.models import User
from realtime.publish import Change, NewEvent, StandaloneSource
from realtime.revocations import KIND, Access

PASSWORD = FIELDS.index("password")
ACTIVE = FIELDS.index("is_active")
STAFF = FIELDS.index("is_staff")


@dataclass(frozen=True)
class Seen:
    """An account under its lock."""

    fields: tuple[Any, ...]
    rights: tuple[str, ...]


class AccessSource(StandaloneSource):
    rank = 60

    def read(self, changes: Sequence[Change]) -> Mapping[str, Seen]:
        """Each account with what its next ticket would say."""
        ids = [change.id for change in changes]
        rows = User.objects.filter(pk__in=ids).values_list("pk", *FIELDS)
        desk = permissions.holders(permissions.DESK, map(int, ids))
        return {str(pk): Seen(tuple(fields), _rights(tuple(fields), pk in desk)) for pk, *fields in rows}

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        before = dict(change.before.get(KIND, {}))
        was, moved = before.pop(ACCOUNT, None), before.pop(RIGHTS, False)
        ended = tuple(str(session) for session in before)
        tickets = _worth(was, change.state, bool(moved))
        if tickets != "valid" or ended:
            rights = change.state.rights if change.state else ()
            yield NewEvent(KIND, [change.key], Access(int(change.id), rights, ended, tickets, change.version))


def _rights(fields: tuple[Any, ...], desk: bool) -> tuple[str, ...]:
    """As blog.events.registry.rights_of says it of one."""
    held = {"desk": desk, "staff": fields[STAFF]}
    return tuple(right for right, has in held.items() if has and fields[ACTIVE])


def _worth(was: tuple[Any, ...] | None, seen: Seen | None, moved: bool) -> Any:
    """What earlier tickets are worth. An account that is saved as it was changes nothing."""
    if seen is None or not seen.fields[ACTIVE]:
        gone = seen is None or moved or (was is not None and was != seen.fields)
        return "ended" if gone else "valid"
    if was is not None and was[PASSWORD] != seen.fields[PASSWORD]:
        return "ended"
    return "stale" if moved or (was is not None and was != seen.fields) else "valid"
