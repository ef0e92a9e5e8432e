"""Measures how long after a save returned an edge has its event, ready to be written to sockets.

    python -m bench.scenarios.latency [--seconds 10] [--form html]

One process saves bylines at a rate; in this one a tail reads the log, as in each edge, and hands the event with its
frame to the event loop. Both use the machine's monotonic clock. The event may arrive before `save()` returns: its
latency is then negative.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.scenarios.results import quantile
from bench.systems.backing_services import BackingServices
from bench.systems.ours import row_publisher
from bench.systems.processes import wait_until

RATES = (1, 10, 100)  # events a second
MIN_EVENTS = 10  # of each rate
WARM_UP_EVENTS = 5


class ArrivalLog:
    """Stands in for the hub behind a tail: notes when each event arrives, and does nothing else."""

    def __init__(self, form: str) -> None:
        from consumers.delivery.log_tail import LogTail
        from consumers.wire.server_frames import JSON, Variant

        self.variant = JSON if form == "json" else Variant("html", "en")
        self.arrivals: dict[int, int] = {}
        self.is_ready = False
        self.tail = LogTail(self.take, lambda: (self.variant,))

    def take(self, news: Any) -> None:
        now = time.monotonic_ns()
        self.is_ready = True
        for entry in getattr(news, "entries", ()):
            entry.frame(self.variant)
            if b"~" in entry.event.data:  # as bench.systems.row_publisher marks names: ~NUMBER~
                self.arrivals[int(entry.event.data.split(b"~")[1])] = now


async def measure(services: BackingServices, form: str, seconds: float) -> Iterator[str]:
    """Returns a table with the latencies at each rate, events being formatted as `form`."""
    from realtime.bell import listen

    log = ArrivalLog(form)
    lines = [f"| events/s ({form}) | events | p50 ms | p99 ms | most ms |", "|---|---|---|---|---|"]
    loop = asyncio.get_running_loop()
    log.tail.start(loop)
    listening = loop.create_task(listen(log.tail.wake))
    with ExitStack() as stack:
        publisher = stack.enter_context(row_publisher(services))
        await asyncio.to_thread(publisher.ask, 0, WARM_UP_EVENTS, 0.1)  # connections are opened, modules imported
        first = 1000
        for rate in RATES:
            count = max(MIN_EVENTS, int(seconds * rate))
            timings = await asyncio.to_thread(publisher.ask, first, count, 1 / rate)
            last = first + count - 1
            await asyncio.to_thread(wait_until, partial(log.arrivals.__contains__, last), "the last event")
            late = [log.arrivals[first + number] - end for number, end in enumerate(timings["ends"])]
            p50, p99, most = (_milliseconds(late, share) for share in (0.5, 0.99, 1))
            lines.append(f"| {rate} | {count} | {p50} | {p99} | {most} |")
            first += count
    listening.cancel()
    log.tail.stop()
    return iter(lines)


def _milliseconds(nanoseconds: Sequence[int], share: float) -> str:
    return f"{quantile(nanoseconds, share) / 1e6:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.latency")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate; ten events at least")
    parser.add_argument("--form", choices=("json", "html"), default="html")
    options = parser.parse_args()
    with BackingServices() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        print("\n".join(asyncio.run(measure(services, options.form, options.seconds))))


if __name__ == "__main__":
    main()
