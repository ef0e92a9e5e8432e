"""The systems that are measured: how each is started, read and published to."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import installs, machine
from bench.newsroom import Services, commits, edge, follow
from bench.processes import OUT, Process, Told
from frontend.node import node


@dataclass(frozen=True)
class Server:
    """One that runs."""

    port: int
    pid: int  # whose time and memory count
    crowd: Sequence[str]  # options of the load generator
    publisher: Told


@dataclass(frozen=True)
class System:
    name: str
    start: Callable[[Services], AbstractContextManager[Server]]
    install: Callable[[], object] = field(default=lambda: None)  # raises Failed where that is not possible
    slow: bool = False  # gets small bursts: a large one would take minutes
    at_once: int = 100  # connections under way
    resumes: bool = False  # readers who come back ask for what they missed
    aside: bool = False  # only what it costs to connect and to deliver, and a storm


@contextmanager
def ours(services: Services) -> Iterator[Server]:
    with edge(services) as (process, port), commits(services) as publisher:
        yield Server(port, process.pid, follow("site"), publisher)


@contextmanager
def ours_on_daphne(services: Services) -> Iterator[Server]:
    """The same application on Daphne as it comes, without an edge."""
    words = ["--websocket_timeout", "-1", "asgi:application"]
    with _daphne(sys.executable, words, services.environment) as (process, port), commits(services) as publisher:
        yield Server(port, process.pid, follow("site"), publisher)


def tutorial(layer: str) -> Callable[[Services], AbstractContextManager[Server]]:
    @contextmanager
    def start(services: Services) -> Iterator[Server]:
        environment = {"LAYER": layer, "REDIS_URL": services.valkey.url, **_settings("tutorial")}
        words = ["layer", layer, services.valkey.url, "chat_room"]
        daphne = _daphne(sys.executable, ["bench.tutorial.asgi:application"], environment)
        with daphne as (process, port), _publisher(*words) as publisher:
            yield Server(port, process.pid, ["--path", "/ws/chat/room/"], publisher)

    return start


@contextmanager
def eventstream(services: Services) -> Iterator[Server]:
    python, environment = installs.eventstream(), _settings("eventstream")
    options = ["--path", "/events/", "--stream", "--ready", "event: stream-open"]
    with (
        _daphne(python, ["bench.eventstream.asgi:application"], environment) as (process, port),
        _http(port, "/publish") as publisher,
    ):
        yield Server(port, process.pid, options, publisher)


def on_node(way: str, options: Sequence[str]) -> Callable[[Services], AbstractContextManager[Server]]:
    @contextmanager
    def start(services: Services) -> Iterator[Server]:
        port, modules = machine.free_port(), str(installs.node_packages())
        words = [*node(), "bench/node/server.js", way, str(port)]
        environment = {"NODE_PATH": modules, "NODE_ENV": "production"}
        with _serving(way, words, port, environment) as process, _http(port, "/") as publisher:
            yield Server(port, process.pid, options, publisher)

    return start


@contextmanager
def nchan(services: Services) -> Iterator[Server]:
    place, port, configuration = installs.nchan(), machine.free_port(), OUT / "nginx.conf"
    text = (installs.HERE / "nchan" / "nginx.conf").read_text()
    configuration.write_text(text.replace("PLACE", str(place)).replace("LISTEN", str(port)))
    words = [str(place / "usr" / "sbin" / "nginx"), "-c", str(configuration), "-p", str(place), "-e", "stderr"]
    with _serving("nchan", words, port) as process, _http(port, "/publish") as publisher:
        yield Server(port, process.pid, ["--path", "/socket"], publisher)


@contextmanager
def floor(services: Services) -> Iterator[Server]:
    port = machine.free_port()
    with _serving("floor", [OUT / "floor", str(port)], port) as process, _http(port, "/") as publisher:
        yield Server(port, process.pid, [], publisher)


SOCKET_IO = [
    "--path",
    "/socket.io/?EIO=4&transport=websocket",
    "--say",
    "40",
    "--ready",
    "40",
    "--ask",
    "2",
    "--reply",
    "3",
]

SYSTEMS = [
    System("ours", ours, resumes=True),
    System("ours, on plain Daphne", ours_on_daphne, slow=True, at_once=50, resumes=True, aside=True),
    System("tutorial, core layer", tutorial("core"), slow=True, at_once=50),
    System("tutorial, pub/sub layer", tutorial("pubsub"), slow=True, at_once=50),
    System("django-eventstream", eventstream, installs.eventstream, slow=True, at_once=50),
    System("socket.io", on_node("socket.io", SOCKET_IO), installs.node_packages),
    System("ws", on_node("ws", []), installs.node_packages),
    System("nchan", nchan, installs.nchan),
    System("floor", floor),
]


def named(*names: str) -> list[System]:
    return [system for system in SYSTEMS if system.name in names]


def _settings(package: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": f"bench.{package}.settings"}


@contextmanager
def _daphne(
    python: str | Path, options: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[Process, int]]:
    port = machine.free_port()
    words = [python, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", *options]
    with _serving("daphne", words, port, environment) as process:
        yield process, port


@contextmanager
def _serving(
    name: str, words: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    with Process(name, words, environment) as process:
        machine.pin(process.pid, machine.SERVER)
        process.wait_for(lambda: machine.answers(port), f"the answer of {name}")
        yield process


def _http(port: int, path: str) -> Told:
    return _publisher("http", port, path)


def _publisher(*words: object) -> Told:
    return Told("publish", [sys.executable, "-m", "bench.publish", *map(str, words)])
