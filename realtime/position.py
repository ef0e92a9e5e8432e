"""Position: a place in the log, as an epoch and an offset."""

import re
from typing import NamedTuple, Self

from realtime.errors import BadPosition

# an offset is a bigint: at most 19 digits
_GRAMMAR = re.compile(r"([0-9A-Za-z]{1,40})-([0-9]{1,19})", re.ASCII)
MAX_OFFSET = 2**63 - 1


class Position(NamedTuple):
    """The place up to which a reader has read: `k3f9ab-1042`.

    Say the log [1, 2, 3] is restored from a backup as [1, 2], and then gets another 3. A reader at offset 3 would
    never see it. A restore changes the epoch, so the reader's position is recognised as one of another log.
    Offsets compare within one epoch only.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the position that str() wrote as `text`. Raises BadPosition."""
        match = _GRAMMAR.fullmatch(text)
        if match is None or int(match[2]) > MAX_OFFSET:
            raise BadPosition(f"{text[:60]!r} is not a position such as k3f9ab-1042.")
        return cls(match[1], int(match[2]))
