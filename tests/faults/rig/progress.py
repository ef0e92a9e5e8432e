"""What a long run says while it goes on, on stderr: so that nobody takes it for dead."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

EVERY = 5.0  # seconds


class Progress:
    """Where a run of so many transactions is; 0: as many as there is time for."""

    def __init__(self, transactions: int) -> None:
        self.done = 0
        self._wanted = transactions
        self._began = time.monotonic()

    @property
    def share(self) -> float:
        """Of the transactions that are wanted."""
        return self.done / self._wanted if self._wanted else 0.0

    def say(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:5.0f} s: {what}\n")
        sys.stderr.flush()

    async def of(self, notes: Sequence[Path], kills: Callable[[], int]) -> None:
        """Tells of the writers' transactions and the kills, until cancelled."""
        wanted = f" of {self._wanted:,}" if self._wanted else ""
        while True:
            await asyncio.sleep(EVERY)
            self.done = sum(file.read_bytes().count(b"\n") for file in notes)
            self.say(f"{self.done:,}{wanted} transactions, {kills()} kills, {_resident()} MB here")


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0
