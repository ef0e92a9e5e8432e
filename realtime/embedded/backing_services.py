"""The services that the application needs: a PostgreSQL and a Redis, embedded or named by the environment."""

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

CONNECT_TIMEOUT = 5  # seconds for an outside server to answer
CRASH_RECOVERY_TIMEOUT = 60  # seconds for an embedded one: after a power cut it reads its journal first
SOCKETS_PREFIX = "stop-press-"  # of the directories of sockets in /tmp


class BackingServices:
    """A PostgreSQL and a Redis. One that has an address given is used as it is; the other is started here."""

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
        who = account.current()
        found, home, fds = programs.find_programs(who), who.home(data_dir), () if lock is None else (lock,)
        # in /tmp, whatever TMPDIR says: the path of a socket ends at 107 bytes
        self.sockets = Path(tempfile.mkdtemp(prefix=SOCKETS_PREFIX, dir="/tmp"))
        who.own(self.sockets)
        if not postgres_url:
            self._postgres = Postgres(found, who, home, self.sockets, data_dir / "postgres.log", durable, fds)
            self.postgres_url = self._postgres.url
        if not redis_url:
            self._valkey = Valkey(found, who, home, self.sockets, data_dir / "valkey.log", durable, fds)
            self.redis_url = self._valkey.url

    @property
    def owns_postgres(self) -> bool:
        """Whether PostgreSQL is embedded."""
        return self._postgres is not None

    @property
    def description(self) -> str:
        """Names both servers, for the person at the terminal."""
        return f"{'' if self._postgres else 'Your '}PostgreSQL and {'Valkey' if self._valkey else 'your Redis'}"

    @property
    def run_file_entries(self) -> dict[str, str]:
        """The entries of run.json by which commands in other terminals find the servers."""
        return {
            "postgres_url": self.postgres_url,
            "redis_url": self.redis_url,
            "sockets": str(self.sockets or ""),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead a process to both servers."""
        return {"POSTGRES_URL": self.postgres_url, "REDIS_URL": self.redis_url}

    def start(self, supervisor: Supervisor) -> None:
        """Starts the embedded servers and waits until both answer; raises Failed where one does not."""
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
            supervisor.wait_until(
                ready, CRASH_RECOVERY_TIMEOUT, f"{name} did not answer within {CRASH_RECOVERY_TIMEOUT} s."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the directory of sockets; by now the supervisor has stopped the servers."""
        if self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)


def _reach_postgres(url: str) -> None:
    try:
        psycopg2.connect(url, connect_timeout=CONNECT_TIMEOUT).close()
    except psycopg2.Error as error:
        raise Failed(f"POSTGRES_URL is set, but no database answers there: {_reason(error)}.") from error


def _reach_redis(url: str) -> None:
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT, socket_timeout=CONNECT_TIMEOUT)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Failed(f"REDIS_URL (or BROKER_URL) is set, but no Redis answers there: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """Returns the first line of a library's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
