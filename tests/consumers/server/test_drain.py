"""How an edge lets its readers go, on a clock that the test moves."""

import asyncio
from collections import Counter

import pytest

from consumers.server import drain
from consumers.wire.server_frames import Leaving


class Leaver:
    """A reader who notes when it was let go."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.left: float | None = None
        self.writer = self

    def send(self, frame: Leaving) -> None:
        self.told.append(frame.reconnect_in)

    def close(self) -> None:
        assert self.left is None, "once is enough"
        self.left = clock.now


class Clock:
    now = 0.0
    hastens = float("inf")  # when somebody asks for haste

    async def pause(self, haste: asyncio.Event) -> None:
        self.now += drain.WAVE_INTERVAL
        if self.now >= self.hastens:
            haste.set()


clock = Clock()


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.now, clock.hastens = 0.0, float("inf")
    monkeypatch.setattr(drain, "monotonic", lambda: clock.now)
    monkeypatch.setattr(drain, "_pause", clock.pause)


@pytest.mark.parametrize(("number", "seconds"), [(1, 1.0), (40, 1.0), (1000, 4.0), (5000, 8.0)])
async def test_readers_leave_over_a_window_that_they_are_told(number: int, seconds: float):
    readers = [Leaver() for _ in range(number)]
    await drain.let_go(list(readers), asyncio.Event())
    assert {each for reader in readers for each in reader.told} == {(0, seconds * 1000)}
    left = [reader.left for reader in readers if reader.left is not None]
    assert len(left) == number
    assert max(left) <= seconds + drain.WAVE_INTERVAL
    quarters = Counter(int(4 * each / seconds) for each in left)
    assert max(quarters.values()) <= max(1, 0.3 * number), "a quarter of them in each quarter of it"


async def test_in_haste_those_who_are_left_go_at_once():
    readers, clock.hastens = [Leaver() for _ in range(1000)], 1.95
    await drain.let_go(list(readers), asyncio.Event())
    left = [reader.left for reader in readers if reader.left is not None]
    assert len(left) == 1000
    assert max(left) == pytest.approx(2.0)
    assert Counter(left)[max(left)] > 500, "half of the four seconds were over"
