"""Real Celery workers in processes of their own, and waiting for what becomes of a job."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from realtime.celery import app
from realtime.jobs.state_machine import FINAL, enqueue
from realtime.models import Task
from tests.realtime.jobs import sample_jobs
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[3]
START = 60  # seconds; two, on a machine with nothing else to do


class Worker:
    """A prefork worker with one child, as `live` starts it."""

    def __init__(self, environment: dict[str, str], name: str, log: Path, *options: str) -> None:
        self.name = f"{name}@tests"
        command = [sys.executable, "-m", "celery", "-A", "realtime", "worker", "-n", self.name, "-c", "1", "-l", "info"]
        flags = [*options, "--without-mingle", "--without-gossip", "--include", "tests.realtime.jobs.sample_jobs"]
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, *flags],
                env=environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def until_ready(self) -> "Worker":
        until(lambda: self.is_ready(), START)
        return self

    def is_running(self) -> bool:
        return self._process.poll() is None

    def is_ready(self) -> bool:
        assert self.is_running(), self.log.read_text()
        return f"{self.name} ready." in self.log.read_text()

    def children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def kill_child(self) -> None:
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """Main process and child at once, as when the machine goes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        if self.is_running():
            self._process.terminate()

    def stop(self) -> None:
        self.terminate()
        self.until_ended()

    def until_ended(self) -> None:
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()


class WorkerGroup:
    """The workers that a module's tests have started."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = environment
        self._logs = logs
        self._workers: list[Worker] = []
        purge()

    def start(self, name: str, *options: str) -> Worker:
        return self.launch(name, *options).until_ready()

    def launch(self, name: str, *options: str, **environment: str) -> Worker:
        """Starts a worker and does not wait: several start in the time of one."""
        self._workers.append(Worker({**self._environment, **environment}, name, self._logs / name, *options))
        return self._workers[-1]

    def find(self, name: str) -> Worker | None:
        return next((worker for worker in self._workers if worker.name == f"{name}@tests"), None)

    def wait_until_idle(self) -> None:
        """Returns when the workers have stored everything: a late row would be in the way of emptying the tables."""
        if any(worker.is_running() for worker in self._workers):
            until_done(enqueue(sample_jobs.stumble, 0))
        purge()

    def stop_all(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.until_ended()
        purge()


def refreshed(row: Task) -> Task:
    row.refresh_from_db()
    return row


def until_state(row: Task, *states: str, seconds: float = PATIENCE) -> Task:
    until(lambda: refreshed(row).state in states, seconds)
    return row


def until_done(row: Task, seconds: float = PATIENCE) -> Task:
    return until_state(row, *FINAL, seconds=seconds)


def purge() -> None:
    """Empties the queues."""
    with app.connection_for_write() as connection:
        app.control.purge(connection=connection)
