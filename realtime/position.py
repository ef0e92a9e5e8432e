"""A place in the log."""

import re
from typing import NamedTuple, Self

from realtime.errors import BadPosition

# an offset is a bigint: at most 19 digits
_GRAMMAR = re.compile(r"([0-9A-Za-z]{1,40})-([0-9]{1,19})", re.ASCII)
LARGEST = 2**63 - 1


class Position(NamedTuple):
    """Where a reader stands: `k3f9ab-1042`.

    The log [1, 2, 3] is restored from a backup as [1, 2] and then gets another 3. A reader at
    offset 3 would never see it; the epoch, which a restore changes, tells that its 3 is not ours.
    Offsets compare within one epoch only.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads what `str` wrote. Raises BadPosition."""
        match = _GRAMMAR.fullmatch(text)
        if match is None or int(match[2]) > LARGEST:
            raise BadPosition(f"{text[:60]!r} is not a position such as k3f9ab-1042.")
        return cls(match[1], int(match[2]))
