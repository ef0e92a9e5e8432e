"""Somebody who stays where others come and go, and remembers what was said of them."""

import contextlib
import threading
import time
from typing import Any

from tests.consumers.reader import Reader


class Witness(threading.Thread):
    """Stays on a topic as a client does, and notes what it is told, and when.

    `late` is the longest that the answer to a ping took: so much later may come what has its time.
    """

    def __init__(self, reader: Reader, topic: str) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.late = 0.0
        self._reader, self._topic = reader, topic
        self._ended = threading.Event()
        self.start()

    @property
    def readers(self) -> list[int]:
        return [frame["readers"] for frame in self.told]

    def run(self) -> None:
        renewed, asked = 0.0, 0.0
        while not self._ended.is_set():
            if time.monotonic() > renewed + 10:
                self._reader.say("here", topic=self._topic, state="viewing")
                renewed = time.monotonic()
            if not asked:
                asked = time.monotonic()
                self._reader.say("ping")
            with contextlib.suppress(TimeoutError):
                frame = self._reader.hear(0.1)
                if frame["type"] == "pong":
                    self.late, asked = max(self.late, time.monotonic() - asked), 0.0
                    self._ended.wait(0.1)
                else:
                    self.told.append(frame)
                    self.times.append(time.monotonic())

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._reader.close()
