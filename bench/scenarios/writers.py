"""Measures transactions a second that announce one object each, against the same without announcing.

    python -m bench.scenarios.writers [--seconds 1.5] [--rounds 3]

On the same cores run PostgreSQL, which waits for its disk, Valkey, and an edge, whose hub sequences the events. Each
writer is a process with a connection of its own, and writes for a moment before it is counted. The cells of a round
are measured in turn; the table has their medians, and the medians of the ratios within a round. The machine's noise
is larger than the difference that is measured, so cells with a gate have more rounds.

    insert   one row by psycopg2: into the table that the hub reads, or into one with the same columns and key
    update   an UPDATE of a row of the writer's own before that, as in a transaction that changes something
    save     Post.save() of a post of the writer's own: as it is, or with the receivers of its signal removed
"""

import argparse
import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.systems.backing_services import BackingServices
from bench.systems.ours import unpinned_edge
from bench.systems.processes import wait_until

WRITERS = (1, 8, 32)
GATED = (("insert", 32), ("update", 32))
MORE_ROUNDS = 9  # of the cells in GATED
WARM_UP_SECONDS = 0.2  # not counted: connections are opened, and hubs begin to poll
COLUMNS = "kind, key, topics, left_topics, data, scrub"
ROW: tuple[Any, ...] = (
    "author.updated",
    "author.{number}",
    ["site", "author.{number}"],
    [],
    '{{"id": {number}, "name": "' + 100 * "x" + '", "url": "/author/{number}/", "version": 1}}',
    False,
)
Write = Callable[[], None]


class Rate(NamedTuple):
    """What a round found."""

    rate: float  # transactions a second
    cpu: float  # seconds of a core for each transaction, of all processes together


class Cell(NamedTuple):
    """The rates of one round: announced, and without announcing."""

    announced: Rate
    plain: Rate

    @property
    def ratio(self) -> float:
        return self.announced.rate / self.plain.rate

    @property
    def cpu_ratio(self) -> float:
        return self.plain.cpu / self.announced.cpu


def insert(number: int, announced: bool, first: str = "") -> Write:
    """Returns a transaction of `first`, if given, and one INSERT; announced as realtime.publish announces."""
    from django.db import connection

    from realtime.bell import bell
    from realtime.polling_lease import SECONDS_LEFT_SQL, PollingLease

    connection.ensure_connection()
    raw: Any = connection.connection
    raw.autocommit = False
    cursor = raw.cursor()
    row = [text.format(number=number) if isinstance(text, str) else text for text in ROW]
    row[2] = [topic.format(number=number) for topic in ROW[2]]
    table = "realtime_pending" if announced else "plain"
    statement = f"INSERT INTO {table} ({COLUMNS}) VALUES (%s, %s, %s::text[], %s::text[], %s::jsonb, %s)"

    lease = PollingLease()

    def announce() -> None:
        if first:
            cursor.execute(first)
        if lease.needs_renewal:
            asked = time.monotonic()
            cursor.execute(f"{statement} RETURNING {SECONDS_LEFT_SQL}", row)
            lease.record(asked, cursor.fetchone()[0])
        else:
            cursor.execute(statement, row)
        raw.commit()
        if not lease.is_open:
            bell.ring()

    def write() -> None:
        if first:
            cursor.execute(first)
        cursor.execute(statement, row)
        raw.commit()

    return announce if announced else write


def update(number: int, announced: bool) -> Write:
    """Returns a transaction of an UPDATE and an INSERT."""
    return insert(number, announced, f"UPDATE plain_row SET n = n + 1 WHERE id = {number}")


def save(number: int, announced: bool) -> Write:
    """Returns a transaction of one save of a public post."""
    from django.db.models.signals import post_save

    from blog.models import Post

    post = Post.objects.order_by("pk")[number]
    if not announced:
        post_save.receivers = []

    def write() -> None:
        post.title = f"Update {time.monotonic_ns()}"
        post.save()

    return write


MEASURES: dict[str, Callable[[int, bool], Write]] = {"insert": insert, "update": update, "save": save}


def rate(measure: str, announced: bool, writers: int, seconds: float, servers: Sequence[int]) -> Rate:
    """Runs the writers, which begin together and count what each commits within `seconds`."""
    forked = multiprocessing.get_context("fork")
    ready, counts = forked.Barrier(writers + 1), forked.Queue()

    def run(number: int) -> None:
        write, count = MEASURES[measure](number, announced), 0
        write()
        ready.wait()
        begin = time.monotonic() + WARM_UP_SECONDS
        while time.monotonic() < begin:
            write()
        ready.wait()
        used, end = time.process_time(), time.monotonic() + seconds
        while time.monotonic() < end:
            write()
            count += 1
        counts.put((count, time.process_time() - used))

    processes = [forked.Process(target=run, args=(number,)) for number in range(writers)]
    for writer in processes:
        writer.start()
    ready.wait()
    ready.wait()
    before = _cpu(servers)
    done = [counts.get() for _ in processes]
    wait_for_hub()  # its work for these transactions belongs to their cost
    used = _cpu(servers) - before + sum(own for _, own in done)
    for writer in processes:
        writer.join()
    total = sum(count for count, _ in done)
    return Rate(total / seconds, used / total)


def _cpu(servers: Sequence[int]) -> float:
    """Returns the processor time of the servers and of their children, those that have ended included."""
    ticks = 0
    for server in servers:
        for pid in (str(server), *Path(f"/proc/{server}/task/{server}/children").read_text().split()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended: counted for its parent
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def prepared_servers() -> Iterator[Sequence[int]]:
    """Yields the pids of the services and an edge, with the tables and rows that the writers use."""
    with BackingServices() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        from django.db import connection

        from blog.models import Post, User

        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE plain (LIKE realtime_pending INCLUDING ALL)")
            cursor.execute("CREATE TABLE plain_row (id int PRIMARY KEY, n int NOT NULL)")
            cursor.execute("INSERT INTO plain_row SELECT number, 0 FROM generate_series(0, %s) number", [max(WRITERS)])
        author = User.objects.create(username="ada")
        for number in range(max(WRITERS)):
            Post.objects.create(author=author, title=f"{number}", text="It held all night. " * 20, state="published")
        connection.close()  # forked processes must not share it
        with unpinned_edge(services) as (edge, _):
            yield [edge.pid, *(process.pid for process in services.running.values())]


def wait_for_hub() -> None:
    """Waits until the hub has sequenced all announced changes, which would disturb the next cell."""
    from django.db import connection

    def is_empty() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOT EXISTS (SELECT FROM realtime_pending)")
            return bool(cursor.fetchone()[0])

    wait_until(is_empty, "the hub's end with what is pending")
    connection.close()


def measure(servers: Sequence[int], seconds: float, rounds: int) -> dict[tuple[str, int], list[Cell]]:
    """Measures all cells in turns; which rate of a cell comes first alternates, since each leaves work for the next."""
    cells: dict[tuple[str, int], list[Cell]] = {}
    for turn in range(rounds + MORE_ROUNDS):
        for name, writers in product(MEASURES, WRITERS):
            if turn < rounds or (name, writers) in GATED:
                order = (True, False) if turn % 2 == 0 else (False, True)
                found = {announced: rate(name, announced, writers, seconds, servers) for announced in order}
                cells.setdefault((name, writers), []).append(Cell(found[True], found[False]))
    return cells


def table(cells: dict[tuple[str, int], list[Cell]]) -> Iterator[str]:
    """Yields the lines of a Markdown table; bench/report/goals.py reads it."""
    yield "| what | writers | announced/s | plain/s | of rates | its CPU, us | plain, us | ratio | of each round |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for (name, writers), rounds in cells.items():
        rates = [median(cell[which].rate for cell in rounds) for which in (0, 1)]
        cpus = [1e6 * median(cell[which].cpu for cell in rounds) for which in (0, 1)]
        ratio, cpu_ratio = median(cell.ratio for cell in rounds), median(cell.cpu_ratio for cell in rounds)
        each = " ".join(f"{cell.cpu_ratio:.2f}" for cell in rounds)
        yield (
            f"| {name} | {writers} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f}"
            f" | {cpus[0]:,.0f} | {cpus[1]:,.0f} | {cpu_ratio:.2f} | {each} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.writers")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each cell")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with prepared_servers() as servers:
        print("\n".join(table(measure(servers, options.seconds, options.rounds))))


if __name__ == "__main__":
    main()
