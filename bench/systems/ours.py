"""Ours, whole: PostgreSQL, Valkey and one edge, to which rows are committed and readers connect."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import psycopg2

from bench.systems import machine
from bench.systems.processes import Process, Told, until
from realtime.embedded import account, programs
from realtime.embedded.child import Child
from realtime.embedded.postgres import Postgres
from realtime.embedded.valkey import Valkey


class Services:
    """The PostgreSQL and the Valkey of a run, private to it. Others that need a Redis use the same."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        place = tempfile.TemporaryDirectory(prefix="stop-press-", dir="/tmp", ignore_cleanup_errors=True)
        self.home = Path(self._stack.enter_context(place))
        self.home.chmod(0o755)
        who = account.current()
        found, sockets = programs.find(who), self.home / "s"
        sockets.mkdir()
        who.own(sockets)
        home = who.home(self.home)
        self.postgres = Postgres(found, who, home, sockets, self.home / "postgres.log")
        self.valkey = Valkey(found, who, home, sockets, self.home / "valkey.log", durable=False)
        self.postgres.create()
        self.valkey.create()
        self.running = {server.name: server.spawn() for server in (self.postgres.child(), self.valkey.child())}
        try:
            until(self.postgres.ready, "PostgreSQL's answer")
            until(self.valkey.ready, "Valkey's answer")
            self._migrate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _migrate(self) -> None:
        words = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        with Process("migrate", words, self.environment) as migrating:
            until(lambda: migrating.status is not None, "the end of migrate")

    def start(self, child: Child) -> None:
        self.running[child.name] = child.spawn()

    def log_sessions(self) -> list[int]:
        """PostgreSQL's processes that serve the hubs."""
        with closing(psycopg2.connect(self.postgres.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'stop-press-log'")
            return [pid for (pid,) in cursor.fetchall()]

    @property
    def environment(self) -> dict[str, str]:
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
                process.send_signal(child.stop)
                process.wait(child.patience)
        self._stack.close()


@contextmanager
def edge(services: Services, **settings: str) -> Iterator[tuple[Process, int]]:
    """One edge, on the servers' core, and its port."""
    with idle_edge(services, **settings) as (process, port):
        machine.pin(process.pid, machine.SERVER)
        yield process, port


@contextmanager
def idle_edge(services: Services, **settings: str) -> Iterator[tuple[Process, int]]:
    """One edge, on whatever core is free, and its port."""
    port = machine.free_port()
    words = [sys.executable, "manage.py", "edge", "--host", "127.0.0.1", "--port", str(port)]
    with Process("edge", words, {**services.environment, **settings}) as process:
        process.wait_for(lambda: machine.answers(port), "the edge's answer")
        yield process, port


def commits(services: Services, name: str = "commits") -> Told:
    """Somebody who saves rows (bench/systems/row_publisher.py)."""
    return Told(name, [sys.executable, "-m", "bench.systems.row_publisher"], services.environment)


def follow(*topics: str) -> list[str]:
    """What the load generator has to know to read from ours."""
    names = ",".join(f'"{topic}"' for topic in topics)
    new, again = f'{{"type":"subscribe","topics":[{names}]}}', f'{{"type":"subscribe","topics":[{names}],"since":"%p"}}'
    say = ["--say", new, "--resume", again, "--ready", '{"type":"subscribed"', "--cursors"]
    return ["--path", "/live/socket", *say]
