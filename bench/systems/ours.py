"""This project as a measured system: one edge, the process that publishes to it, and how readers subscribe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.systems import machine
from bench.systems.backing_services import BackingServices
from bench.systems.processes import CommandProcess, Process


@contextmanager
def edge(services: BackingServices, **settings: str) -> Iterator[tuple[Process, int]]:
    """Runs an edge on the server's core; yields it and its port. `settings` are environment variables."""
    with unpinned_edge(services, **settings) as (process, port):
        machine.pin(process.pid, machine.SERVER_CORE)
        yield process, port


@contextmanager
def unpinned_edge(services: BackingServices, **settings: str) -> Iterator[tuple[Process, int]]:
    """Runs an edge on the cores that this process may use; yields it and its port."""
    port = machine.free_port()
    command = [sys.executable, "manage.py", "edge", "--host", "127.0.0.1", "--port", str(port)]
    with Process("edge", command, {**services.environment, **settings}) as process:
        process.wait_until(lambda: machine.accepts_connections(port), "the edge's answer")
        yield process, port


def row_publisher(services: BackingServices) -> CommandProcess:
    """Returns a process that publishes by saving rows (bench/systems/row_publisher.py)."""
    command = [sys.executable, "-m", "bench.systems.row_publisher"]
    return CommandProcess("row-publisher", command, services.environment)


def subscription_options(*topics: str) -> list[str]:
    """Returns the options with which the load generator's readers follow these topics and resume after a cut."""
    names = ",".join(f'"{topic}"' for topic in topics)
    first = f'{{"type":"subscribe","topics":[{names}]}}'
    resume = f'{{"type":"subscribe","topics":[{names}],"since":"%p"}}'
    frames = ["--say", first, "--resume", resume, "--ready", '{"type":"subscribed"', "--cursors"]
    return ["--path", "/live/socket", *frames]
