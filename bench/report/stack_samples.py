"""Counts the samples of an edge's stacks that py-spy writes, by function and by kind."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from bench import ROOT
from bench.report import tables

OTHER_THREAD = "Thread._bootstrap (threading.py"  # the outermost frame of every thread but the loop's
WAITING = "EpollSelector.select (selectors.py"
SEND = "send: the kernel's TCP"
REST = "the rest"
MAX_FUNCTIONS = 10  # that a page shows
# The innermost frame that matches a kind decides; frames of the standard library match none and count for their caller.
KINDS = {
    "what the socket says: WebSocket frames, handshake": (r"consumers/server/(websocket/|receive_queue|sniffing)"),
    "readers: subscription, position, recovery, limits": (
        r"consumers/(websocket|presence/|access/|throttle|wire/(client_frames|queries|close_codes)"
        r"|delivery/(subscription|recovery)|server/(timeouts|http_channel))"
    ),
    "the hub: events, frames, audiences": r"consumers/",
    "HTTP: the request before the handshake": r"daphne/http_protocol|twisted/web/|twisted/protocols/",
    "Daphne: its tasks and its checks": r"daphne/",
    "Django and Channels: scope, routing, consumer": r"django/|channels/|asgiref/|asgi\.py|realtime/|redis/",
    "Twisted: accept, transport, reactor": r"twisted/|zope/",
    "asyncio: turns of the loop, tasks": r"asyncio/|uvloop/",
}
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+):(?P<line>\d+)\)$")


class StackSamples:
    """The samples in which the loop's thread did not wait for work."""

    def __init__(self, raw: str) -> None:
        self.functions: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        for line in raw.splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            if not stack.startswith(OTHER_THREAD) and not frames[-1].startswith(WAITING):
                self.functions[_function(frames[-1])] += int(count)
                self.kinds[kind(frames)] += int(count)

    @property
    def total(self) -> int:
        return self.functions.total()

    def by_kind(self, loop: float, each: float) -> Iterator[str]:
        """Yields a table of shares and costs.

        `loop` is the share of the loop's thread, `each` the cost of the whole process for one of what it does.
        """
        shares = {name: loop * count / max(1, self.total) for name, count in self.kinds.most_common()}
        shares["other threads: the tail, which polls the log"] = 1 - loop
        rows = ([name, f"{share:.1%}", f"{each * share:,.2f}"] for name, share in shares.items())
        return tables.table(("kind", "share", "costs"), rows)

    def by_function(self) -> Iterator[str]:
        """Yields a line for each of the functions with the most samples, and one for the rest."""
        for place, count in self.functions.most_common(MAX_FUNCTIONS):
            yield f"{100 * count / max(1, self.total):5.1f} %  {place}"
        rest = self.total - sum(count for _, count in self.functions.most_common(MAX_FUNCTIONS))
        others = len(self.functions) - MAX_FUNCTIONS
        yield f"{100 * rest / max(1, self.total):5.1f} %  {others} others ({self.total} samples)"


def kind(frames: Sequence[str]) -> str:
    """Returns the kind of a stack, whose innermost frame is the last."""
    if _is_send(frames[-1]):
        return SEND
    for frame in reversed(frames):
        for name, files in KINDS.items():
            if re.search(files, frame):
                return name
    return REST


def _is_send(frame: str) -> bool:
    """Returns whether the frame's line, looked up in the source, writes to a socket."""
    found = _FRAME.match(_short(frame))
    return found is not None and int(found["line"]) in _sending_lines(found["file"])


@cache
def _sending_lines(file: str) -> frozenset[int]:
    path = ROOT / file
    lines: Iterable[str] = path.read_text().splitlines() if file.startswith("consumers/") and path.exists() else ()
    calls = re.compile(r"\bsend\(data")
    return frozenset(number for number, text in enumerate(lines, 1) if calls.search(text))


def _short(frame: str) -> str:
    """Returns the frame with its path relative to the project or to site-packages."""
    function, _, place = frame.replace(str(ROOT) + "/", "").partition(" (")
    return f"{function} ({place.rpartition('site-packages/')[2].rpartition('lib/python')[2]}"


def _function(frame: str) -> str:
    found = _FRAME.match(_short(frame))
    return f"{found['function']} ({found['file']})" if found else frame
