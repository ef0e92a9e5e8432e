"""A client of the socket as an integrator would write it: JSON in, JSON out, nothing hidden."""

import json
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.waiting import PATIENCE


class Reader:
    """One connection. `hear()` returns the frames in the order in which they came."""

    welcome: dict[str, Any]

    def __init__(self, url: str, **options: Any) -> None:
        # without a limit of its own, so that it closes at once whatever it has not read
        self._socket = connect(url, **{"max_size": None, "max_queue": None, "open_timeout": PATIENCE, **options})
        self.heard = 0

    def say(self, type: str, **members: Any) -> None:
        self.send(json.dumps({"type": type, **members}))

    def send(self, frame: str | bytes | list[str]) -> None:
        """A list goes out as one message in several frames."""
        self._socket.send(frame)

    def send_malformed(self, payload: bytes) -> None:
        """A text frame that is not UTF-8."""
        self._socket.send(payload, text=True)

    def hear(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next frame, which has to be JSON text. Heartbeats are left out."""
        frame = self.hear_raw(seconds)
        return self.hear(seconds) if frame["type"] == "heartbeat" else frame

    def hear_raw(self, seconds: float = PATIENCE) -> dict[str, Any]:
        text = self._socket.recv(timeout=seconds)
        assert isinstance(text, str)
        return dict(json.loads(text))

    def ask(self, type: str, **members: Any) -> dict[str, Any]:
        """Says it and returns the answer; for when nothing else can come between."""
        self.say(type, **members)
        return self.hear()

    def subscribe(self, *topics: str, **members: Any) -> dict[str, Any]:
        return self.ask("subscribe", topics=list(topics), **members)

    def pong(self) -> str:
        return str(self.ask("ping")["position"])

    def events(self, number: int) -> list[dict[str, Any]]:
        events = [self.hear() for _ in range(number)]
        assert {event["type"] for event in events} <= {"event"}, events
        return events

    def is_told_nothing(self) -> bool:
        """Whatever would be on its way comes before the answer to a ping."""
        return self.ask("ping")["type"] == "pong"

    def end(self) -> tuple[int | None, str]:
        """Reads until the server closes; its code and reason."""
        try:
            while True:
                self._socket.recv(timeout=PATIENCE)
                self.heard += 1
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (None, "")

    def close(self) -> None:
        self._socket.close()


def offset(position: str) -> int:
    return int(position.rpartition("-")[2])
