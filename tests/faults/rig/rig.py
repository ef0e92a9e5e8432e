"""Runs all the processes of a publication, to be killed: PostgreSQL, Valkey, edges, a worker, writers.

Unlike `live` it restarts nothing by itself. The edges' listening sockets stay open in this process, so that a reader
who connects while an edge is down waits instead of failing.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

import redis

from realtime.embedded import account, programs
from realtime.embedded.child import Child
from realtime.embedded.postgres import Postgres
from realtime.embedded.valkey import Valkey
from tests.faults.rig.bell_proxy import BellProxy
from tests.faults.rig.program import Program

ROOT = Path(__file__).resolve().parents[3]
READY_TIMEOUT_SECONDS = 60.0  # for a server to answer on a busy machine
LEDGER_TABLE = (
    "CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " key text NOT NULL, token text NOT NULL, transaction text NOT NULL)"
)


class Rig:
    """The processes and what connects them; starts by `async with`, on the main thread.

    `broken` names a build of broken_builds.py, which edges and writers run.
    """

    def __init__(self, edges: int = 2, broken: str = "", shared: bool = False) -> None:
        self._count = edges
        self._shared = shared  # one port for all edges, as with `live`
        self._broken = broken

    async def __aenter__(self) -> Self:
        self._place = tempfile.TemporaryDirectory(prefix="stop-press-", dir="/tmp", ignore_cleanup_errors=True)
        self.home = Path(self._place.name)
        who = account.current()
        self.home.chmod(0o755)
        self._sockets, logs = self.home / "s", self.home / "logs"
        for directory in (self._sockets, logs):
            directory.mkdir()
        who.own(self._sockets)
        found = programs.find_programs(who)
        self.logs = logs
        self._postgres = Postgres(found, who, who.home(self.home), self._sockets, logs / "postgres", durable=True)
        self._valkey = Valkey(found, who, who.home(self.home), self._sockets, logs / "valkey", durable=True)
        self._postgres.create()
        self._valkey.create()
        self.postgres = Program(self._postgres.child())
        self.valkey = Program(self._valkey.child())
        self.bells = [BellProxy(self._sockets / f"bell-{n}.sock", self._valkey.socket) for n in range(self._count)]
        for bell in self.bells:
            bell.start()
        await self.until(self._postgres.ready)
        await self.until(self._valkey.ready)
        self.environment = {
            **os.environ,
            "POSTGRES_URL": self._postgres.url,
            "REDIS_URL": self._valkey.url,
            "DATA_DIR": str(self.home),
            "SECRET_KEY": "only-for-faults",
            "DJANGO_SETTINGS_MODULE": "realtime.settings",
            "PYTHONUNBUFFERED": "1",
            "LIVE_MAX_PER_ADDRESS": "0",  # all readers come from one address
            "LIVE_MAX_REQUESTS": "0",
        }
        self.programs: list[Program] = []
        self._listening: list[socket.socket] = []
        return self

    def prepare(self) -> None:
        """Creates the tables, by Django in this process, whose environment has to be the rig's."""
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(LEDGER_TABLE)

    def serve(self) -> None:
        """Starts the edges."""
        count = 1 if self._shared else self._count
        self._listening = [socket.create_server(("127.0.0.1", 0), backlog=4096) for _ in range(count)]
        self.ports = [each.getsockname()[1] for each in self._listening]
        self.edges = [self._edge(number) for number in range(self._count)]

    def _edge(self, number: int) -> Program:
        listening, bell = self._listening[number % len(self._listening)], self.bells[number]
        words = self._python("manage.py", "edge", "--fd", str(listening.fileno()))
        environment = self.environment | {"REDIS_URL": f"unix://{bell.path}?db=0"}
        return self.run(f"edge {number + 1}", words, environment, (listening.fileno(),))

    def work(self) -> None:
        """Starts the Celery worker."""
        words = ("-m", "celery", "-A", "realtime", "worker", "-c", "1", "--loglevel", "warning")
        flags = ("--without-mingle", "--without-gossip", "--include", "tests.realtime.jobs.sample_jobs")
        self.worker = self.run("worker", (sys.executable, *words, *flags), self.environment)

    def write(self, name: str, *options: str) -> tuple[Program, Path]:
        """Starts a process of writers; returns it and the file of their notes."""
        notes = self.home / f"{name}.notes"
        words = self._python("tests/faults/rig/writers.py", name, "--notes", str(notes), *options)
        return self.run(name, words, self.environment | {"PYTHONPATH": str(ROOT)}), notes

    def script(self, name: str, *words: str) -> Program:
        """Starts a script, named by its path in tests/faults, in the environment of the rig."""
        words = (sys.executable, f"tests/faults/{name}", *words)
        return self.run(Path(name).stem, words, self.environment | {"PYTHONPATH": str(ROOT)})

    def run(self, name: str, words: tuple[str, ...], environment: dict[str, str], fds: tuple[int, ...] = ()) -> Program:
        child = Child(name, words, environment, ROOT, log=self.logs / name.replace(" ", "-"), fds=fds)
        program = Program(child)
        self.programs.append(program)
        return program

    def _python(self, script: str, *words: str) -> tuple[str, ...]:
        """Returns the command of a script; for a broken build a line of Python breaks it first."""
        if not self._broken:
            return (sys.executable, script, *words)
        line = f"from tests.faults.rig import broken_builds; broken_builds.run({self._broken!r}, {script!r})"
        return (sys.executable, "-c", line, *words)

    async def restart_postgres(self) -> None:
        self.postgres.start()
        await self.until(self._postgres.ready)

    async def restart_valkey(self) -> None:
        self.valkey.start()
        await self.until(self._valkey.ready)

    def tracebacks(self) -> int:
        """Counts the tracebacks in all logs; copies the logs to the directory FAULTS_LOGS, if it is set."""
        if directory := os.environ.get("FAULTS_LOGS"):
            shutil.copytree(self.logs, directory, dirs_exist_ok=True)
        return sum(file.read_text(errors="replace").count("Traceback") for file in self.logs.iterdir())

    def is_up(self) -> bool:
        """Returns whether PostgreSQL accepts connections."""
        return self._postgres.ready()

    def redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._valkey.socket), socket_timeout=5)

    @staticmethod
    async def until(holds: Callable[[], bool], seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Waits for a condition; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.05)

    async def __aexit__(self, *error: object) -> None:
        for programs_of_a_layer in (self.programs, (self.valkey, self.postgres)):
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs_of_a_layer))
        for bell in self.bells:
            bell.stop()
        for listening in self._listening:
            listening.close()
        self._place.cleanup()
