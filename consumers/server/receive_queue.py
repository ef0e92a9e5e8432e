"""What has come for an application."""

import asyncio
from typing import Any


class Inbox:
    """An asyncio.Queue keeps four empty deques for this: 3 KB a socket."""

    __slots__ = ("_messages", "_waiter")

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._waiter: asyncio.Future[None] | None = None

    def qsize(self) -> int:
        return len(self._messages)

    def put_nowait(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> dict[str, Any]:
        """The next message. One at a time may wait for it."""
        while not self._messages:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._messages.pop(0)

    def take(self) -> list[dict[str, Any]]:
        """All that is here."""
        messages, self._messages = self._messages, []
        return messages
