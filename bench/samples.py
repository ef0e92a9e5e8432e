"""Samples of a process's stacks, as py-spy writes them: by function and by kind."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from bench import tables
from bench.processes import ROOT

THREAD = "Thread._bootstrap (threading.py"  # where all threads but the loop's begin
WAIT = "EpollSelector.select (selectors.py"
SEND = "send: the kernel's TCP"
REST = "the rest"
SHOWN = 10  # functions
# The innermost frame of a stack that is of one of these says what kind it is; what Python brings counts for its caller.
KINDS = {
    "what the socket says: WebSocket frames, handshake": (r"consumers/server/(websocket/|receive_queue|sniffing)"),
    "readers: subscription, position, recovery, limits": (
        r"consumers/(websocket|presence/|access/|throttle|wire/(client_frames|queries|close_codes)"
        r"|delivery/(subscription|recovery)|server/timeouts)"
    ),
    "the hub: events, frames, audiences": r"consumers/",
    "HTTP: the request before the handshake": r"daphne/http_protocol|twisted/web/|twisted/protocols/",
    "Daphne: its tasks and its checks": r"daphne/",
    "Django and Channels: scope, routing, consumer": r"django/|channels/|asgiref/|asgi\.py|realtime/|redis/",
    "Twisted: accept, transport, reactor": r"twisted/|zope/",
    "asyncio: turns of the loop, tasks": r"asyncio/|uvloop/",
}
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+):(?P<line>\d+)\)$")


class Samples:
    """Those of the loop's thread in which it did not wait for work."""

    def __init__(self, raw: str) -> None:
        self.functions: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        for line in raw.splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            if not stack.startswith(THREAD) and not frames[-1].startswith(WAIT):
                self.functions[_function(frames[-1])] += int(count)
                self.kinds[kind(frames)] += int(count)

    @property
    def total(self) -> int:
        return self.functions.total()

    def by_kind(self, loop: float, each: float) -> Iterator[str]:
        """A table; `loop` is the loop's share of the process, `each` what the process costs for one of what it does."""
        shares = {name: loop * count / max(1, self.total) for name, count in self.kinds.most_common()}
        shares["other threads: the tail, which looks at the log"] = 1 - loop
        rows = ([name, f"{share:.1%}", f"{each * share:,.2f}"] for name, share in shares.items())
        return tables.table(("kind", "share", "costs"), rows)

    def by_function(self) -> Iterator[str]:
        for place, count in self.functions.most_common(SHOWN):
            yield f"{100 * count / max(1, self.total):5.1f} %  {place}"
        rest = self.total - sum(count for _, count in self.functions.most_common(SHOWN))
        yield f"{100 * rest / max(1, self.total):5.1f} %  {len(self.functions) - SHOWN} others ({self.total} samples)"


def kind(frames: Sequence[str]) -> str:
    """Of a stack, whose innermost frame is the last."""
    if _sends(frames[-1]):
        return SEND
    for frame in reversed(frames):
        for name, files in KINDS.items():
            if re.search(files, frame):
                return name
    return REST


def _sends(frame: str) -> bool:
    """Whether that line calls the kernel to write: the source says it."""
    found = _FRAME.match(_short(frame))
    return found is not None and int(found["line"]) in _sending(found["file"])


@cache
def _sending(file: str) -> frozenset[int]:
    path = ROOT / file
    lines: Iterable[str] = path.read_text().splitlines() if file.startswith("consumers/") and path.exists() else ()
    calls = re.compile(r"\bsend\(data")
    return frozenset(number for number, text in enumerate(lines, 1) if calls.search(text))


def _short(frame: str) -> str:
    """The file as it is found in the project or in its packages."""
    function, _, place = frame.replace(str(ROOT) + "/", "").partition(" (")
    return f"{function} ({place.rpartition('site-packages/')[2].rpartition('lib/python')[2]}"


def _function(frame: str) -> str:
    found = _FRAME.match(_short(frame))
    return f"{found['function']} ({found['file']})" if found else frame


def read(path: Path) -> Samples:
    return Samples(path.read_text())
