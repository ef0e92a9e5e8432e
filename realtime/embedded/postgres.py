"""A private PostgreSQL: one cluster below DATA_DIR, reachable by a unix socket only."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL

import psycopg2

from realtime.embedded.account import Account
from realtime.embedded.child import Child, die_with_parent
from realtime.embedded.programs import Programs
from realtime.embedded.supervisor import Failed, last_line

NAME = "stop_press"  # of the database and of its user
PORT = 5432  # only part of the socket's file name; nothing listens on it
MAX_CONNECTIONS = 250  # edges, their thread pools, workers and a few terminals


@dataclass(frozen=True)
class Postgres:
    """One cluster and its server. `durable=False` (tests) never waits for the disk."""

    programs: Programs
    account: Account
    home: Path
    sockets: Path
    log: Path
    durable: bool = True
    fds: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        """The address of the database, a libpq URI."""
        return f"postgresql://{NAME}@/{NAME}?host={self.sockets}&port={PORT}"

    @property
    def data(self) -> Path:
        """The directory of the cluster."""
        return self.home / "postgres"

    def create(self) -> None:
        """Makes the cluster unless there is one; renames it into place when it is whole.

        Raises Failed, with the reason that initdb gave.
        """
        if self.data.exists():
            self.account.own(self.data)
            # We hold the lock on DATA_DIR, which a server that still ran would hold too (Child.fds): this file is of
            # one that ended. Its pid may be another process by now, and PostgreSQL would refuse to start.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        making = self.home / "postgres.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        self.account.own(making)
        command = [str(self.programs.initdb), "-D", str(making), "-U", NAME, "--auth=trust", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += [] if self.durable else ["--no-sync"]
        with self.log.open("wb") as log:
            # it ends with us and holds our lock: none goes on writing what the next start removes and makes anew
            with_us = {"start_new_session": True, "preexec_fn": die_with_parent(SIGKILL), "pass_fds": self.fds}
            arguments = self.account.popen() | with_us
            done = subprocess.run(command, env=self._env(), cwd="/", stdout=log, stderr=log, **arguments)
        if done.returncode:
            reason = last_line(self.log) or f"exit code {done.returncode}"
            raise Failed(f"PostgreSQL could not make its cluster in {self.home}: {reason}.")
        making.rename(self.data)

    def child(self) -> Child:
        """Returns the server's process. SIGINT is its fast shutdown: it ends sessions and writes a checkpoint."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": str(MAX_CONNECTIONS),
            "log_min_messages": "error" if self.durable else "fatal",
            **({} if self.durable else {"fsync": "off", "full_page_writes": "off"}),
        }
        return Child(
            "PostgreSQL",
            (self.programs.postgres, "-D", self.data, *[w for o in options.items() for w in ("-c", "=".join(o))]),
            env=self._env(),
            account=self.account,
            log=self.log,
            fds=self.fds,
            stop_signal=SIGINT,
            orphan_signal=SIGINT,
            stop_timeout=10,
            stop_stage=3,
        )

    def ready(self) -> bool:
        """Returns whether the server answers; makes the database the first time."""
        try:
            connection = psycopg2.connect(host=str(self.sockets), port=PORT, user=NAME, dbname="postgres")
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
                if not cursor.fetchone():
                    cursor.execute(f"CREATE DATABASE {NAME}")
        finally:
            connection.close()
        return True

    def _env(self) -> dict[str, str]:
        """Returns our environment without PG*, which would name another server, and with a locale that exists."""
        return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
