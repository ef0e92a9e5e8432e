"""Reports the progress of a long run on stderr."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

REPORT_SECONDS = 5.0


class Progress:
    """The progress of a run of `transactions`, 0 for a run that ends by time."""

    def __init__(self, transactions: int) -> None:
        self.done = 0
        self._wanted = transactions
        self._began = time.monotonic()

    @property
    def share(self) -> float:
        """The share of the transactions that were made; 0 for a run that ends by time."""
        return self.done / self._wanted if self._wanted else 0.0

    def report(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:5.0f} s: {what}\n")
        sys.stderr.flush()

    async def follow(self, notes: Sequence[Path], kills: Callable[[], int]) -> None:
        """Reports the writers' transactions and the kills, until cancelled."""
        wanted = f" of {self._wanted:,}" if self._wanted else ""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self.done = sum(file.read_bytes().count(b"\n") for file in notes)
            self.report(f"{self.done:,}{wanted} transactions, {kills()} kills, {_resident()} MB here")


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0
