"""Waiting for what another process does."""

import inspect
import time
from collections.abc import Callable

PATIENCE = 30.0  # seconds that a test waits for what should come at once: a busy machine is no failure


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Waits for a condition; one that never holds is shown in the failure."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {seconds} s: {inspect.getsource(holds).strip()}")
        time.sleep(0.01)


def promptly(seconds: float, attempt: Callable[[], float], tries: int = 3) -> None:
    """What is promised within some seconds is kept in one of some tries: a machine may stand still for a moment.

    An attempt says how long it took. What is not a matter of time it asserts each time.
    """
    took: list[float] = []
    while not took or took[-1] >= seconds:
        assert len(took) < tries, f"Not once within {seconds} s: {took}"
        took.append(attempt())
