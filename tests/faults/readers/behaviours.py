"""How readers behave: each function is the life of one reader, until it is cancelled."""

import asyncio
import contextlib
import random
from collections.abc import Callable

from realtime.position import Position
from tests.faults.readers.recording_readers import Reader


async def stay(reader: Reader, dice: random.Random) -> None:
    """Stays connected; reconnects soon after the connection ends."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.connect()
            await reader.closed()
        await asyncio.sleep(dice.uniform(0.05, 0.5))


async def come_and_go(reader: Reader, dice: random.Random) -> None:
    """Connects for seconds, disconnects for seconds, and resumes."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.connect()
            await reader.closed(dice.uniform(0.2, 4))
            reader.cut()
        await asyncio.sleep(dice.uniform(0, 3))


async def come_late(reader: Reader, dice: random.Random, older: Callable[[], Position]) -> None:
    """Connects with an old position, and then with another."""
    while True:
        reader.begin(older())
        with contextlib.suppress(OSError, TimeoutError):
            await reader.connect()
            await reader.closed(dice.uniform(0.5, 2))
            reader.cut()
        await asyncio.sleep(dice.uniform(0.1, 1))
