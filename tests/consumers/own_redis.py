"""A Valkey of a test's own, to be killed and started again at the same place."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from realtime.embedded import account, programs
from realtime.embedded.valkey import Valkey
from tests.waiting import until


class Redis:
    def __init__(self, place: Path) -> None:
        who = account.current()
        who.own(place)
        self._server = Valkey(programs.find_programs(who), who, place, place, place / "log", durable=False)
        self._server.create()
        self.url = self._server.url
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        self._process = self._server.child().spawn()
        until(self._server.ready)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def calls(self, command: str) -> int:
        """How often it was told to do this since it started."""
        return int(self.client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


@contextmanager
def a_redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="stop-press-", dir="/tmp") as directory:
        server = Redis(Path(directory))
        server.start()
        yield server
        server.kill()
        server.client.close()
