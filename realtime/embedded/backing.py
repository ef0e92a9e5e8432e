"""What the application stands on: a PostgreSQL and a Redis, our own or those that the environment names."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psycopg2
import redis

from realtime.embedded import account, programs
from realtime.embedded.postgres import Postgres
from realtime.embedded.supervisor import Failed, Supervisor
from realtime.embedded.valkey import Valkey

PATIENCE = 5  # seconds for an outside server to answer
CRASH_RECOVERY = 60  # seconds for an embedded one: after a power cut it reads its journal first
SOCKETS = "stop-press-"  # how the directories of sockets in /tmp begin


class Backing:
    """Both servers. Whatever the environment names is used as it is; the rest is started here."""

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres_url: str = "",
        redis_url: str = "",
        durable: bool = True,
        lock: int | None = None,
    ) -> None:
        self.postgres_url = postgres_url
        self.redis_url = redis_url
        self.sockets: Path | None = None
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None
        if postgres_url and redis_url:
            return
        self.sockets = Path(tempfile.mkdtemp(prefix=SOCKETS, dir="/tmp"))  # short: a socket's path ends at 107 bytes
        who = account.current()
        who.own(self.sockets)
        found, home, fds = programs.find(who), who.home(data_dir), () if lock is None else (lock,)
        if not postgres_url:
            self._postgres = Postgres(found, who, home, self.sockets, data_dir / "postgres.log", durable, fds)
            self.postgres_url = self._postgres.url
        if not redis_url:
            self._valkey = Valkey(found, who, home, self.sockets, data_dir / "valkey.log", durable, fds)
            self.redis_url = self._valkey.url

    @property
    def owns_postgres(self) -> bool:
        return self._postgres is not None

    @property
    def names(self) -> str:
        """For the person at the terminal."""
        return f"{'' if self._postgres else 'Your '}PostgreSQL and {'Valkey' if self._valkey else 'your Redis'}"

    @property
    def run(self) -> dict[str, str]:
        """For run.json, so that other terminals find them."""
        return {
            "postgres_url": self.postgres_url,
            "redis_url": self.redis_url,
            "sockets": str(self.sockets or ""),
        }

    @property
    def environment(self) -> dict[str, str]:
        """For the processes that use them."""
        return {"POSTGRES_URL": self.postgres_url, "REDIS_URL": self.redis_url}

    def start(self, supervisor: Supervisor) -> None:
        """Start what is ours and wait until both answer; Failed, in one sentence, when one does not."""
        waiting: list[tuple[str, Callable[[], bool]]] = []
        if self._postgres:
            self._postgres.create()
            supervisor.start(self._postgres.child())
            waiting.append(("PostgreSQL", self._postgres.ready))
        else:
            _reach_postgres(self.postgres_url)
        if self._valkey:
            self._valkey.create()
            supervisor.start(self._valkey.child())
            waiting.append(("Valkey", self._valkey.ready))
        else:
            _reach_redis(self.redis_url)
        for name, ready in waiting:
            supervisor.until(ready, CRASH_RECOVERY, f"{name} did not answer within {CRASH_RECOVERY} s.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the directory of sockets: by now the supervisor has stopped the servers."""
        if self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)


def _reach_postgres(url: str) -> None:
    try:
        psycopg2.connect(url, connect_timeout=PATIENCE).close()
    except psycopg2.Error as error:
        raise Failed(f"POSTGRES_URL is set, but no database answers there: {_reason(error)}.") from error


def _reach_redis(url: str) -> None:
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Failed(f"REDIS_URL (or BROKER_URL) is set, but no Redis answers there: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """The first line of what a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
