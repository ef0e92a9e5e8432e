"""The net effect of one transaction on a relation."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_LISTED = 100  # parts in each list of an event; the rest is counted


@dataclass(frozen=True)
class Net:
    """What a relation gained, lost and has otherwise.

    `cleared`: clear() or set(clear=True) was among the actions. `more`: how many were cut from the lists.
    """

    added: tuple[Any, ...]
    removed: tuple[Any, ...]
    changed: tuple[Any, ...]
    cleared: bool
    more: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def net(before: Mapping[Hashable, Any], now: Mapping[Any, Any], cleared: bool = False) -> Net:
    """Compares the parts that were touched, as they were before the transaction, with the parts there are now.

    `before` comes from the pending changes: the first one that survived says what a part was. A part that
    comes and goes, or goes and comes back, is in none of the lists.
    """
    added = [now[part] for part, was in before.items() if was is None and part in now]
    removed = [was for part, was in before.items() if was is not None and part not in now]
    changed = [now[part] for part, was in before.items() if was is not None and part in now and now[part] != was]
    more = sum(max(0, len(parts) - MAX_LISTED) for parts in (added, removed, changed))
    return Net(tuple(added[:MAX_LISTED]), tuple(removed[:MAX_LISTED]), tuple(changed[:MAX_LISTED]), cleared, more)
