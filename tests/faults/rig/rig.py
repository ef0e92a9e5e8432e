"""All the processes of a newsroom, to be killed: PostgreSQL, Valkey, edges, a worker, writers.

Unlike `live` it starts nothing again by itself; whoever kills says when. The edges' listening
sockets stay open here, so that a reader who comes while an edge is away waits instead of failing.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
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
from tests.faults.rig.bell_proxy import BellWire

ROOT = Path(__file__).resolve().parents[3]
READY = 60.0  # seconds for a server to answer, on a busy machine
LEDGER = (
    "CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " key text NOT NULL, token text NOT NULL, transaction text NOT NULL)"
)


class Program:
    """One process, to be started again and again."""

    def __init__(self, child: Child) -> None:
        self.name = child.name
        self._child = child
        self.process = child.spawn()

    def start(self) -> None:
        self.process = self._child.spawn()

    def kill(self) -> None:
        """At once, with all it has started: as when the machine goes, nobody is asked."""
        family = self.family()
        for pid in family:
            self.send(pid, signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        for pid in self.family():
            self.send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self.family():
            self.send(pid, signal.SIGCONT)

    def stop(self) -> None:
        """In order, as long as that does not take long."""
        self.resume()
        self.send(self.process.pid, self._child.stop)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    @staticmethod
    def send(pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, number)

    def family(self) -> list[int]:
        """It and its children, the parent first: it would start the others again."""
        return [self.process.pid, *children(self.process.pid)]


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


class Rig:
    """Started by `async with`, on the main thread; `broken` names a broken build of the edges and writers."""

    def __init__(self, edges: int = 2, broken: str = "", shared: bool = False) -> None:
        self._count = edges
        self._shared = shared  # one port for all edges, as `live` has it
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
        found = programs.find(who)
        self.logs = logs
        self._postgres = Postgres(found, who, who.home(self.home), self._sockets, logs / "postgres", durable=True)
        self._valkey = Valkey(found, who, who.home(self.home), self._sockets, logs / "valkey", durable=True)
        self._postgres.create()
        self._valkey.create()
        self.postgres = Program(self._postgres.child())
        self.valkey = Program(self._valkey.child())
        self.bells = [BellWire(self._sockets / f"bell-{n}.sock", self._valkey.socket) for n in range(self._count)]
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
        """The tables, by the settings of this process, which have to be the rig's."""
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(LEDGER)

    def serve(self) -> None:
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
        words = ("-m", "celery", "-A", "realtime", "worker", "-c", "1", "--loglevel", "warning")
        flags = ("--without-mingle", "--without-gossip", "--include", "tests.realtime.jobs.sample_jobs")
        self.worker = self.run("worker", (sys.executable, *words, *flags), self.environment)

    def write(self, name: str, *options: str) -> tuple[Program, Path]:
        """Writers, and the file of their notes."""
        notes = self.home / f"{name}.notes"
        words = self._python("tests/faults/rig/writers.py", name, "--notes", str(notes), *options)
        return self.run(name, words, self.environment | {"PYTHONPATH": str(ROOT)}), notes

    def script(self, name: str, *words: str) -> Program:
        """A program of tests/faults, by its path below it, in the newsroom's environment."""
        words = (sys.executable, f"tests/faults/{name}", *words)
        return self.run(Path(name).stem, words, self.environment | {"PYTHONPATH": str(ROOT)})

    def run(self, name: str, words: tuple[str, ...], environment: dict[str, str], fds: tuple[int, ...] = ()) -> Program:
        child = Child(name, words, environment, ROOT, log=self.logs / name.replace(" ", "-"), fds=fds)
        program = Program(child)
        self.programs.append(program)
        return program

    def _python(self, script: str, *words: str) -> tuple[str, ...]:
        """A script of the project; in a broken build by a line that breaks it first."""
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
        """In what the edges and writers said. Kept, to be read, where FAULTS_LOGS names a directory."""
        if directory := os.environ.get("FAULTS_LOGS"):
            shutil.copytree(self.logs, directory, dirs_exist_ok=True)
        return sum(file.read_text(errors="replace").count("Traceback") for file in self.logs.iterdir())

    def is_up(self) -> bool:
        return self._postgres.ready()

    def redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._valkey.socket), socket_timeout=5)

    @staticmethod
    async def until(holds: Callable[[], bool], seconds: float = READY) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.05)

    async def __aexit__(self, *error: object) -> None:
        for together in (self.programs, (self.valkey, self.postgres)):
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in together))
        for bell in self.bells:
            bell.stop()
        for listening in self._listening:
            listening.close()
        self._place.cleanup()
