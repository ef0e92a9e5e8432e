"""Draining an edge: its readers are told at once that it ends, and their connections are closed in waves.

They come back over the same time to the other edges, or to the next process here. If all came at once, each
would wait for all the others.
"""

import asyncio
import contextlib
import random
from math import ceil
from time import monotonic

from django.conf import settings

from consumers.delivery.follower import Follower
from consumers.wire.server_frames import Leaving

READERS_PER_SECOND = 250  # who come back without being noticed: one core takes several thousand
MIN_WINDOW_SECONDS = 1.0
WAVE_INTERVAL = 0.1  # seconds between two waves


def window(readers: int) -> float:
    """Returns the seconds over which this number of readers leaves: DRAIN_SECONDS at most."""
    return min(float(settings.DRAIN_SECONDS), max(MIN_WINDOW_SECONDS, readers / READERS_PER_SECOND))


async def let_go(readers: list[Follower], haste: asyncio.Event) -> None:
    """Tells the readers to come back, and closes their connections over the window, or at once when `haste` is set."""
    seconds, number = window(len(readers)), len(readers)
    leaving = Leaving((0, round(seconds * 1000)))
    for reader in readers:
        reader.send(leaving)
    random.shuffle(readers)
    began = monotonic()
    while readers:
        share = 1.0 if haste.is_set() else min(1.0, (monotonic() - began) / seconds)
        while len(readers) > number - ceil(number * share):
            readers.pop().writer.close()
        if readers:
            await _pause(haste)


async def _pause(haste: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(haste.wait(), WAVE_INTERVAL)
