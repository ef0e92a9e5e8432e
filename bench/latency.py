"""From commit to hub: how long after a save has returned an edge has its event, ready to be written to sockets.

    python -m bench.latency [--seconds 10] [--form html]

A process saves bylines at a rate; here a tail reads the log, as in each edge, and hands the event to the
event loop with its frame made. Both clocks are the machine's. The hub may be faster than the return of
`save()`: such an event counts with what it took, which is then below zero.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.newsroom import Services, commits
from bench.processes import until

RATES = (1, 10, 100)  # events a second


class Hub:
    """What stands behind the tail in an edge, and here only notes when an event came."""

    def __init__(self, form: str) -> None:
        from consumers.delivery.log_tail import LogTail
        from consumers.wire.server_frames import JSON, Variant

        self.variant = JSON if form == "json" else Variant("html", "en")
        self.came: dict[int, int] = {}
        self.is_ready = False
        self.tail = LogTail(self.told, lambda: (self.variant,))

    def told(self, news: Any) -> None:
        now = time.monotonic_ns()
        self.is_ready = True
        for entry in getattr(news, "entries", ()):
            entry.frame(self.variant)
            if b"~" in entry.event.data:  # bench.commits: a name begins with ~NUMBER~
                self.came[int(entry.event.data.split(b"~")[1])] = now


async def measure(services: Services, form: str, seconds: float) -> Iterator[str]:
    from realtime.bell import listen

    hub, lines = Hub(form), [f"| events/s ({form}) | events | p50 ms | p99 ms | most ms |", "|---|---|---|---|---|"]
    loop = asyncio.get_running_loop()
    hub.tail.start(loop)
    ears = loop.create_task(listen(hub.tail.wake))
    with ExitStack() as stack:
        writer = stack.enter_context(commits(services))
        await asyncio.to_thread(writer.ask, 0, 5, 0.1)  # what is read and opened once does not count
        first = 1000
        for rate in RATES:
            count = max(10, int(seconds * rate))
            done = await asyncio.to_thread(writer.ask, first, count, 1 / rate)
            last = first + count - 1
            await asyncio.to_thread(until, partial(hub.came.__contains__, last), "the last event")
            late = [hub.came[first + number] - end for number, end in enumerate(done["ends"])]
            lines.append(f"| {rate} | {count} | {_at(late, 0.5)} | {_at(late, 0.99)} | {_at(late, 1)} |")
            first += count
    ears.cancel()
    hub.tail.stop()
    return iter(lines)


def _at(nanoseconds: Sequence[int], share: float) -> str:
    ordered = sorted(nanoseconds)
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.latency")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate; ten events at least")
    parser.add_argument("--form", choices=("json", "html"), default="html")
    options = parser.parse_args()
    with Services() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        print("\n".join(asyncio.run(measure(services, options.form, options.seconds))))


if __name__ == "__main__":
    main()
