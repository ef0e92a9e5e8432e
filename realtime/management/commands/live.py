"""`manage.py live`: runs the whole publication on this machine, until it is told to stop.

An embedded PostgreSQL and Valkey (or those that POSTGRES_URL and REDIS_URL name), the edges, the Celery
workers and their schedule: each a process of its own, restarted when it dies.
"""

import contextlib
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand

from realtime.embedded import listening, schema
from realtime.embedded.app_processes import AppProcesses
from realtime.embedded.backing_services import BackingServices
from realtime.embedded.datadir import DataDir
from realtime.embedded.health import healthy
from realtime.embedded.listening import StartingResponder
from realtime.embedded.supervisor import Failed, Stopped, Supervisor

HEALTHY_TIMEOUT = 60  # seconds from the start of the last process to a 200 of /healthz
HEALTH_CHECK_INTERVAL = 0.1  # seconds between two requests for /healthz


class Command(BaseCommand):
    """Starts everything in order, keeps it running, and stops it in order."""

    help = (
        "Runs everything: databases, edges, worker and schedule. Ctrl-C stops it, SIGHUP replaces the edges one by one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--edges", type=int, default=1, metavar="N", help="how many edge processes (default 1)")

    def handle(self, *_: Any, edges: int, **__: Any) -> None:
        began = time.monotonic()
        try:
            with ExitStack() as stack:
                url, demo = self._start(stack, max(1, edges))
                self.print_line(_ready(url, demo, time.monotonic() - began))
                self._supervisor.keep_running(self._processes.step_rolling_restart)
                self.print_line("Stopping ...")
            self.print_line("Stopped.")
        except Stopped:
            self.print_line("Stopped.")
        except Failed as failure:
            sys.exit(str(failure))

    def _start(self, stack: ExitStack, edges: int) -> tuple[str, bool]:
        """Starts all processes, each after those that it needs; closing the stack stops them.

        Returns the address, and whether the demo's accounts are there.
        """
        data = stack.enter_context(DataDir(settings.DATA_DIR))
        port = stack.enter_context(listening.bind(settings.HOST, settings.PORT))
        services = stack.enter_context(
            BackingServices(
                data.path,
                postgres_url=settings.GIVEN_POSTGRES_URL,
                redis_url=settings.GIVEN_REDIS_URL,
                lock=data.lock,
            )
        )
        supervisor = stack.enter_context(Supervisor(self.print_line))
        processes = AppProcesses(supervisor, settings.BASE_DIR, data.path, services.environment, settings.DRAIN_SECONDS)
        self._supervisor, self._processes = supervisor, stack.enter_context(processes)
        responder = stack.enter_context(StartingResponder(port))
        data.make_secret_key()
        assets = processes.start_command("assets")
        with self.step(services.description):
            services.start(supervisor)
        here = listening.address(port)
        url = f"{settings.PUBLIC_URL}/" if settings.PUBLIC_URL else here
        data.write_run_file(url=url, **services.run_file_entries)
        if schema.is_behind(services.postgres_url):
            with self.step("Tables"):
                processes.finish_command(processes.start_command("migrate"))
        if services.owns_postgres and not data.was_done("demo"):
            with self.step("Demo newsroom"):
                processes.finish_command(processes.start_command("demo"))
            data.mark_done("demo")
        processes.start_workers()
        with self.step("Pages' assets"):
            processes.finish_command(assets)
        with self.step("Edge, worker, schedule"):
            responder.leave()
            processes.start_edges(port, edges)
            host = urlsplit(settings.PUBLIC_URL).netloc
            failure = f"/healthz was not 200 within {HEALTHY_TIMEOUT} s."
            supervisor.wait_until(healthy(here, host), HEALTHY_TIMEOUT, failure, every=HEALTH_CHECK_INTERVAL)
        return url, services.owns_postgres

    def print_line(self, line: str, ending: str = "\n") -> None:
        """Prints and flushes. A terminal that was closed must not keep us from stopping in order."""
        with contextlib.suppress(OSError):
            self.stdout.write(line, ending=ending)
            self.stdout.flush()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Prints the step's name at once, and its seconds when the block ends."""
        began = time.monotonic()
        self.print_line(f"{name} ...", ending="")
        try:
            yield
        except BaseException:
            self.print_line("")
            raise
        self.print_line(f" {time.monotonic() - began:.1f} s")


def _ready(url: str, demo: bool, seconds: float) -> str:
    people = "; sign in as ada, ben or cleo, password stop-press" if demo else ""
    return f"Stop Press is live at {url}{people}; stop with Ctrl-C. (Ready in {seconds:.1f} s.)"
