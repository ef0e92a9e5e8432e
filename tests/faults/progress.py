"""What a long run says while it goes on, on stderr: so that nobody takes it for dead."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

EVERY = 5.0  # seconds


class Progress:
    """Where a run is."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:5.0f} s: {what}\n")
        sys.stderr.flush()

    async def of(self, notes: Sequence[Path], transactions: int, kills: Callable[[], int]) -> None:
        """Tells of the writers' transactions and the kills, until cancelled."""
        wanted = f" of {transactions:,}" if transactions else ""
        while True:
            await asyncio.sleep(EVERY)
            self.say(f"{_lines(notes):,}{wanted} transactions, {kills()} kills, {_resident()} MB here")


def _lines(files: Iterable[Path]) -> int:
    return sum(file.read_bytes().count(b"\n") for file in files if file.exists())


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0
