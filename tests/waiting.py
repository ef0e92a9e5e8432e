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
