"""`make bench-profile`: in which lines an edge spends its time, by py-spy, while nobody else is measured."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import Failed, installs, machine
from bench.crowd import Crowd
from bench.newsroom import Services, commits, edge, follow
from bench.processes import OUT, ROOT

READERS = 1_000
THREAD = "Thread._bootstrap (threading.py"  # where all threads but the loop's begin
WAIT = "EpollSelector.select (selectors.py"
SHOWN = 10  # lines of a profile
# name, events, seconds between two, seconds watched, samples a second
LOADS = (("burst", 6000, 0.0, 8, 250), ("5 events a second", 150, 0.2, 20, 500))


def run() -> dict[str, list[str]]:
    """For each load the lines of its profile."""
    installs.tools()
    spy = installs.py_spy()
    machine.prepare(READERS)
    found = {}
    with Services() as services:
        for name, events, gap, seconds, rate in LOADS:
            with edge(services) as (process, port), commits(services) as publisher, _crowd(port):
                publisher.say(1, events, gap)
                before = machine.loop_and_all(process.pid)
                samples = _watch(spy, process.pid, seconds, rate)
                loop, everything = (b - a for a, b in zip(before, machine.loop_and_all(process.pid), strict=True))
                found[name] = [
                    f"{100 * loop / everything:5.1f} %  of all is the loop's thread; of that:",
                    *lines(samples),
                ]
    return found


@contextmanager
def _crowd(port: int) -> Iterator[None]:
    with Crowd(port, follow("site")) as crowd:
        crowd.open(READERS)
        yield


def _watch(spy: Path, pid: int, seconds: int, rate: int) -> Counter[str]:
    """Samples of the loop's thread by the innermost line of Python, without those in which it waits for work.

    The other threads wait most of the time, in calls of which py-spy may think that they run.
    """
    raw = OUT / "profile.raw"
    words = [str(spy), "record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(rate), "--format", "raw"]
    done = subprocess.run([*words, "--output", str(raw)], capture_output=True, text=True, check=False)
    if done.returncode or not raw.exists():
        raise Failed(
            f"py-spy could not watch the edge: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
        )
    samples: Counter[str] = Counter()
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        place = _innermost(stack.split(";"))
        if not stack.startswith(THREAD) and not place.startswith(WAIT):
            samples[place] += int(count)
    return samples


def _innermost(stack: Iterable[str]) -> str:
    """`function (file:line)`, the file as it is found in the project or in its packages."""
    frame = [*stack][-1].replace(str(ROOT) + "/", "")
    function, _, place = frame.partition(" (")
    return f"{function} ({place.rpartition('site-packages/')[2].rpartition('lib/python')[2]}"


def lines(samples: Counter[str]) -> Iterator[str]:
    total = sum(samples.values())
    for place, count in samples.most_common(SHOWN):
        yield f"{100 * count / total:5.1f} %  {place}"
    rest = total - sum(count for _, count in samples.most_common(SHOWN))
    yield f"{100 * rest / total:5.1f} %  everything else ({len(samples)} lines, {total} samples)"
