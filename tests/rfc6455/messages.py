"""Messages whose answer is known: what a client of docs/protocol.md says, and says again in its answer."""

import json
from typing import Any

LIMIT = 64 * 1024  # bytes of a message, however many frames it has
PING_MESSAGE = b'{"type":"ping"}'


def padded(size: int) -> bytes:
    """A ping of so many bytes."""
    return PING_MESSAGE[:-1].ljust(size - 1) + b"}"


def echo(text: str) -> bytes:
    """A message that is answered with this text: a topic that cannot be is refused by its name."""
    return json.dumps({"type": "subscribe", "topics": [text]}, ensure_ascii=False).encode()


def echoed(answer: dict[str, Any]) -> str:
    assert answer["type"] == "subscribed", answer
    (refused,) = answer["refused"]
    assert refused["code"] == "unknown"
    return str(refused["topic"])
