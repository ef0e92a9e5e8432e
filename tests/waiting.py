"""Waiting for what another process does."""

import inspect
import time
from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for a condition; one that never holds is shown in the failure."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {seconds} s: {inspect.getsource(holds).strip()}")
        time.sleep(0.01)
