"""PostgreSQL and Valkey, private to a run; the other systems that need a Redis use the same one."""

import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import psycopg2

from bench.systems.processes import Process, wait_until
from realtime.embedded import account, programs
from realtime.embedded.child import Child
from realtime.embedded.postgres import Postgres
from realtime.embedded.valkey import Valkey


class BackingServices:
    """A PostgreSQL with the project's tables and a Valkey, both in a temporary directory."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        place = tempfile.TemporaryDirectory(prefix="stop-press-", dir="/tmp", ignore_cleanup_errors=True)
        self.home = Path(self._stack.enter_context(place))
        self.home.chmod(0o755)
        who = account.current()
        found, sockets = programs.find_programs(who), self.home / "s"
        sockets.mkdir()
        who.own(sockets)
        home = who.home(self.home)
        self.postgres = Postgres(found, who, home, sockets, self.home / "postgres.log")
        self.valkey = Valkey(found, who, home, sockets, self.home / "valkey.log", durable=False)
        self.postgres.create()
        self.valkey.create()
        self.running = {server.name: server.spawn() for server in (self.postgres.child(), self.valkey.child())}
        try:
            wait_until(self.postgres.ready, "PostgreSQL's answer")
            wait_until(self.valkey.ready, "Valkey's answer")
            self._migrate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _migrate(self) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        with Process("migrate", command, self.environment) as migrating:
            wait_until(lambda: migrating.exit_status is not None, "the end of migrate")

    def start(self, child: Child) -> None:
        """Starts a server again after it was killed."""
        self.running[child.name] = child.spawn()

    def log_sessions(self) -> list[int]:
        """Returns the pids of PostgreSQL's sessions that serve the hubs."""
        with closing(psycopg2.connect(self.postgres.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'stop-press-log'")
            return [pid for (pid,) in cursor.fetchall()]

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process of the project that uses these services."""
        return {
            "POSTGRES_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "DATA_DIR": str(self.home),
            "SECRET_KEY": "only-for-measuring",
            "DJANGO_SETTINGS_MODULE": "realtime.settings",
            "LIVE_MAX_PER_ADDRESS": "0",  # all readers come from one machine
            "LIVE_MAX_REQUESTS": "0",
        }

    def __exit__(self, *error: object) -> None:
        for child in (self.valkey.child(), self.postgres.child()):
            process = self.running[child.name]
            if process.poll() is None:
                process.send_signal(child.stop_signal)
                process.wait(child.stop_timeout)
        self._stack.close()
