"""`manage.py live`: the publication, whole, on this machine, until somebody stops it.

Its own PostgreSQL and Valkey (or those that POSTGRES_URL and REDIS_URL name), the edges, a Celery
worker and its schedule: each a process of its own, started again when it dies.
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
from realtime.embedded.backing import Backing
from realtime.embedded.crew import Crew
from realtime.embedded.datadir import DataDir
from realtime.embedded.health import healthy
from realtime.embedded.listening import StartingResponder
from realtime.embedded.supervisor import Failed, Stopped, Supervisor

HEALTHY_WITHIN = 60  # seconds from the start of the last process to a 200 of /healthz

ASK_EVERY = 0.1  # seconds


class Command(BaseCommand):
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
                self.say(_ready(url, demo, time.monotonic() - began))
                self._supervisor.watch(self._crew.renew)
                self.say("Stopping ...")
            self.say("Stopped.")
        except Stopped:
            self.say("Stopped.")
        except Failed as failure:
            sys.exit(str(failure))

    def _start(self, stack: ExitStack, edges: int) -> tuple[str, bool]:
        """Start all of it, in the order in which one thing needs the other; what leaves the stack stops it."""
        data = stack.enter_context(DataDir(settings.DATA_DIR))
        port = stack.enter_context(listening.listen(settings.HOST, settings.PORT))
        backing = stack.enter_context(
            Backing(
                data.path,
                postgres_url=settings.GIVEN_POSTGRES_URL,
                redis_url=settings.GIVEN_REDIS_URL,
                lock=data.lock,
            )
        )
        supervisor = stack.enter_context(Supervisor(self.say))
        crew = Crew(supervisor, settings.BASE_DIR, data.path, backing.environment, settings.DRAIN_SECONDS)
        self._supervisor, self._crew = supervisor, stack.enter_context(crew)
        responder = stack.enter_context(StartingResponder(port))
        data.make_secret()
        assets = crew.begin("assets")
        with self.step(backing.names):
            backing.start(supervisor)
        here = listening.address(port)
        url = f"{settings.PUBLIC_URL}/" if settings.PUBLIC_URL else here
        data.announce(url=url, **backing.run)
        if schema.behind(backing.postgres_url):
            with self.step("Tables"):
                crew.finish(crew.begin("migrate"))
        if backing.owns_postgres and data.first("demo"):
            with self.step("Demo newsroom"):
                crew.finish(crew.begin("demo"))
            data.done("demo")
        crew.work()
        with self.step("Pages' assets"):
            crew.finish(assets)
        with self.step("Edge, worker, schedule"):
            responder.leave()
            crew.serve(port, edges)
            host = urlsplit(settings.PUBLIC_URL).netloc
            failure = f"/healthz was not 200 within {HEALTHY_WITHIN} s."
            supervisor.until(healthy(here, host), HEALTHY_WITHIN, failure, every=ASK_EVERY)
        return url, backing.owns_postgres

    def say(self, line: str, ending: str = "\n") -> None:
        """Print at once. A terminal that was closed must not keep us from stopping in order."""
        with contextlib.suppress(OSError):
            self.stdout.write(line, ending=ending)
            self.stdout.flush()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One line per step: its name at once, its seconds at its end."""
        began = time.monotonic()
        self.say(f"{name} ...", ending="")
        try:
            yield
        except BaseException:
            self.say("")
            raise
        self.say(f" {time.monotonic() - began:.1f} s")


def _ready(url: str, demo: bool, seconds: float) -> str:
    people = "; sign in as ada, ben or cleo, password stop-press" if demo else ""
    return f"Stop Press is live at {url}{people}; stop with Ctrl-C. (Ready in {seconds:.1f} s.)"
