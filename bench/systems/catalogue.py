"""The measured systems: how each is installed and started, what its readers send, and what publishes to it."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import OUTPUT
from bench.systems import installs, machine
from bench.systems.backing_services import BackingServices
from bench.systems.ours import edge, row_publisher, subscription_options
from bench.systems.processes import CommandProcess, Process
from frontend.node import node


@dataclass(frozen=True)
class Server:
    """A system that runs."""

    port: int
    pid: int  # of the process whose processor time and memory are measured
    reader_options: Sequence[str]  # of the load generator
    publisher: CommandProcess


Start = Callable[[BackingServices], AbstractContextManager[Server]]


@dataclass(frozen=True)
class System:
    """A system that can be measured; `install` raises MeasurementError where it cannot be had."""

    name: str
    start: Start
    install: Callable[[], object] = field(default=lambda: None)
    slow: bool = False  # gets small bursts: a large one would take minutes
    max_connecting: int = 100  # handshakes under way at the same time
    resumes: bool = False  # readers who come back ask for what they missed
    brief: bool = False  # only connecting, delivering and a storm are measured


CORE_LAYER = "tutorial, core layer"  # what the gates compare this project with


@contextmanager
def ours(services: BackingServices) -> Iterator[Server]:
    with edge(services) as (process, port), row_publisher(services) as publisher:
        yield Server(port, process.pid, subscription_options("site"), publisher)


@contextmanager
def ours_on_daphne(services: BackingServices) -> Iterator[Server]:
    """Starts the same application on Daphne as it comes, without an edge."""
    options = ["--websocket_timeout", "-1", "asgi:application"]
    daphne = _daphne(sys.executable, options, services.environment)
    with daphne as (process, port), row_publisher(services) as publisher:
        yield Server(port, process.pid, subscription_options("site"), publisher)


def tutorial(layer: str) -> Start:
    @contextmanager
    def start(services: BackingServices) -> Iterator[Server]:
        environment = {"LAYER": layer, "REDIS_URL": services.valkey.url, **_settings("tutorial")}
        words = ["layer", layer, services.valkey.url, "chat_room"]
        daphne = _daphne(sys.executable, ["bench.systems.tutorial.asgi:application"], environment)
        with daphne as (process, port), _message_publisher(*words) as publisher:
            yield Server(port, process.pid, ["--path", "/ws/chat/room/"], publisher)

    return start


@contextmanager
def eventstream(services: BackingServices) -> Iterator[Server]:
    python, environment = installs.eventstream(), _settings("eventstream")
    options = ["--path", "/events/", "--stream", "--ready", "event: stream-open"]
    application = "bench.systems.eventstream.asgi:application"
    with _daphne(python, [application], environment) as (process, port), _http_publisher(port, "/publish") as publisher:
        yield Server(port, process.pid, options, publisher)


def on_node(library: str, options: Sequence[str]) -> Start:
    @contextmanager
    def start(services: BackingServices) -> Iterator[Server]:
        port, modules = machine.free_port(), str(installs.node_packages())
        command = [*node(), "bench/systems/node/server.js", library, str(port)]
        environment = {"NODE_PATH": modules, "NODE_ENV": "production"}
        with _serve(library, command, port, environment) as process, _http_publisher(port, "/") as publisher:
            yield Server(port, process.pid, options, publisher)

    return start


@contextmanager
def nchan(services: BackingServices) -> Iterator[Server]:
    place, port, configuration = installs.nchan(), machine.free_port(), OUTPUT / "nginx.conf"
    text = (installs.SYSTEMS_DIRECTORY / "nchan" / "nginx.conf").read_text()
    configuration.write_text(text.replace("PLACE", str(place)).replace("LISTEN", str(port)))
    command = [str(place / "usr" / "sbin" / "nginx"), "-c", str(configuration), "-p", str(place), "-e", "stderr"]
    with _serve("nchan", command, port) as process, _http_publisher(port, "/publish") as publisher:
        yield Server(port, process.pid, ["--path", "/socket"], publisher)


@contextmanager
def floor(services: BackingServices) -> Iterator[Server]:
    port = machine.free_port()
    with _serve("floor", [OUTPUT / "floor", str(port)], port) as process, _http_publisher(port, "/") as publisher:
        yield Server(port, process.pid, [], publisher)


# Engine.IO's packets: "40" opens the namespace and confirms it, "2" is a ping and "3" its pong
SOCKET_IO_PATH = ["--path", "/socket.io/?EIO=4&transport=websocket"]
SOCKET_IO = [*SOCKET_IO_PATH, "--say", "40", "--ready", "40", "--ask", "2", "--reply", "3"]

SYSTEMS = [
    System("ours", ours, resumes=True),
    System("ours, on plain Daphne", ours_on_daphne, slow=True, max_connecting=50, resumes=True, brief=True),
    System(CORE_LAYER, tutorial("core"), slow=True, max_connecting=50),
    System("tutorial, pub/sub layer", tutorial("pubsub"), slow=True, max_connecting=50),
    System("django-eventstream", eventstream, installs.eventstream, slow=True, max_connecting=50),
    System("socket.io", on_node("socket.io", SOCKET_IO), installs.node_packages),
    System("ws", on_node("ws", []), installs.node_packages),
    System("nchan", nchan, installs.nchan),
    System("floor", floor),
]


def _settings(package: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": f"bench.systems.{package}.settings"}


@contextmanager
def _daphne(
    python: str | Path, options: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[Process, int]]:
    port = machine.free_port()
    command = [python, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", *options]
    with _serve("daphne", command, port, environment) as process:
        yield process, port


@contextmanager
def _serve(
    name: str, command: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Runs a server on the server's core, and yields it once it accepts connections."""
    with Process(name, command, environment) as process:
        machine.pin(process.pid, machine.SERVER_CORE)
        process.wait_until(lambda: machine.accepts_connections(port), f"the answer of {name}")
        yield process


def _http_publisher(port: int, path: str) -> CommandProcess:
    return _message_publisher("http", port, path)


def _message_publisher(*words: object) -> CommandProcess:
    command = [sys.executable, "-m", "bench.systems.message_publisher", *map(str, words)]
    return CommandProcess("message-publisher", command)
