"""What has arrived for an application and was not received by it yet."""

import asyncio
from typing import Any


class ReceiveQueue:
    """A queue for one application. An asyncio.Queue keeps four empty deques for this: 3 KB a connection."""

    __slots__ = ("_messages", "_waiter")

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._waiter: asyncio.Future[None] | None = None

    def qsize(self) -> int:
        """Returns the number of messages that wait."""
        return len(self._messages)

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Adds a message. There is no limit here."""
        self._messages.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> dict[str, Any]:
        """Waits for the next message and returns it. One call at a time may wait."""
        while not self._messages:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._messages.pop(0)

    def take(self) -> list[dict[str, Any]]:
        """Removes all messages and returns them."""
        messages, self._messages = self._messages, []
        return messages
