"""One fault run, from the first write to the verdict."""

import argparse
import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from blog.models import Author, Post, User
from realtime.log import LogConnection
from realtime.position import LARGEST, Position
from tests.faults import verdict
from tests.faults.faults import Faults
from tests.faults.readers import Reader, StreamReader, come_and_go, come_late, stay
from tests.faults.rig import Program, Rig
from tests.faults.verdict import Verdict
from tests.journey.wire import Wire

THREADS = 10  # writers of one process
HOT = 20  # authors that everybody renames
BACK = 4000  # offsets that somebody who comes late is behind at most: a recovery ends at 5,000 rows
CALM = 10  # commits, one after the other, when nothing is broken any more
PROMPT = 0.4  # seconds from such a commit to the readers, at the median: milliseconds, if the bell rings in time
COMPLETE = 60.0  # seconds for everybody to catch up at the end


class Run:
    """Its cast is made at once; `whole` does the rest."""

    def __init__(self, rig: Rig, wires: Sequence[Wire], options: argparse.Namespace) -> None:
        self._rig = rig
        self._options = options
        self._dice = random.Random(options.seed)
        self._authors, self._posts = _objects()
        self._start = position()
        ports = [*rig.ports, *(urlsplit(wire.origin).port or 0 for wire in wires)]
        self._regular = [*self._all_over("stays", ports, 4), *self._all_over("comes and goes", ports, 2)]
        self._narrow = [self._reader("narrow", port, {self._dice.choice(self._topics)}) for port in ports * 2]
        self._html = [self._reader("html", port, {"site", "front"}, language) for port, language in _languages(ports)]
        self._late = self._all_over("late", rig.ports, 3)
        self._streams = [StreamReader(f"stream on {port}", port, {"site", "front"}, self._start) for port in ports]
        self._lasting = self._regular + self._narrow + self._html + self._streams
        self._faults = Faults(rig, wires, self._lasting, self._dice)

    async def whole(self) -> Verdict:
        async with _living(self._behaviours()):
            notes = await self._fire()
            await self._catch_up()
        for reader in self._lasting + self._late:
            reader.cut()
        # nobody comes any more: a hub also looks for who comes, and would find what its bell did not say
        async with _living(stay(reader, self._own_dice()) for reader in self._lasting):
            await self._catch_up()
            notes.append(await self._calm())
            await self._catch_up()
        self._rig.worker.stop()
        return self._judge(notes)

    # --- the cast

    @property
    def _topics(self) -> list[str]:
        return [f"author.{pk}" for pk in self._authors] + [f"post.{pk}" for pk in self._posts]

    def _all_over(self, name: str, ports: Sequence[int], number: int) -> list[Reader]:
        return [self._reader(name, port, {"site", "front"}) for port in ports for _ in range(number)]

    def _reader(self, name: str, port: int, topics: set[str], language: str = "") -> Reader:
        return Reader(f"{name} on {port}", port, topics, self._start, language)

    def _behaviours(self) -> Iterator[Coroutine[None, None, None]]:
        for reader in self._lasting:
            is_there = reader.chain.reader.startswith("stays")
            yield (stay if is_there else come_and_go)(reader, self._own_dice())
        for reader in self._late:
            yield come_late(reader, self._own_dice(), self._older)

    def _own_dice(self) -> random.Random:
        return random.Random(self._dice.random())

    def _older(self) -> Position:
        head = max(reader.chain.cursor.offset for reader in self._lasting)
        return Position(self._start.epoch, max(self._start.offset, head - self._dice.randrange(BACK)))

    # --- what happens

    async def _fire(self) -> list[Path]:
        writers, notes = self._writers()
        await self._rig.until(lambda: all(file.exists() for file in notes))
        faults = asyncio.create_task(self._faults.run(self._options.often))
        try:
            if self._options.transactions:
                while any(writer.process.poll() is None for writer in writers):
                    await asyncio.sleep(0.5)
            else:
                await asyncio.sleep(self._options.seconds)
        finally:
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
        await self._faults.mended()
        for writer in writers:
            await asyncio.to_thread(writer.stop)
        return notes

    def _writers(self) -> tuple[list[Program], list[Path]]:
        options = self._options
        words = ["--pause", str(options.pause), "--seed", options.seed, *self._hot()]
        if options.transactions:
            words += ["--transactions", str(options.transactions // options.writers)]
        started = []
        for first in range(0, options.writers, THREADS):
            threads = min(THREADS, options.writers - first)
            started.append(self._rig.write(f"writers-{first}", "--threads", str(threads), *words))
        return [program for program, _ in started], [notes for _, notes in started]

    def _hot(self) -> list[str]:
        return ["--authors", *map(str, self._authors), "--posts", *map(str, self._posts)]

    async def _catch_up(self) -> None:
        """Until everybody who lasts stands where the log does."""
        connection.close()
        head = position().offset
        told = max(row.offset for row in verdict.read_log() if not row.topics.isdisjoint({"site", "front"}))

        def all_there() -> bool:
            behind = [
                reader
                for reader in self._lasting
                if reader.chain.cursor.offset < (told if reader in self._streams else head)
            ]
            for reader in behind:
                reader.ask()
            return not behind

        await self._rig.until(all_there, COMPLETE)

    async def _calm(self) -> Path:
        """One writer, and nothing else: what it commits has to arrive at once."""
        words = ["--threads", "1", "--transactions", str(CALM), "--seed", "calm", "--held", "0.6", *self._hot()]
        # A bell rung before COMMIT is heard before it, too; and the next one's would find what this one did not.
        writer, notes = self._rig.write("calm", *words, "--hold", "0.15", "--pause", "1.2", "--steady")
        await self._rig.until(lambda: writer.process.poll() is not None)
        return notes

    # --- what became of it

    def _judge(self, notes: Sequence[Path]) -> Verdict:
        result = Verdict()
        log = verdict.read_log()
        verdict.compare_with_ledger(result, log, verdict.read_ledger(), self._start.offset)
        verdict.compare_notes(result, notes)
        verdict.compare_tasks(result)
        for reader in self._lasting + self._late:
            for reason in reader.resets:
                result.say("reset", f"{reader.chain.reader}: {reason}")
            for chain in reader.chains:
                verdict.compare_chain(result, chain, log)
        self._judge_calm(result)
        result.seen.update(self._faults.done)
        result.seen["tracebacks"] = self._rig.tracebacks()
        result.seen["kills"] = self._faults.kills
        return result

    def _judge_calm(self, result: Verdict) -> None:
        """From writing the event to reading it, of those who were there."""
        late = [
            event.late
            for reader in self._regular
            for event in reader.chain.heard
            if event.token.startswith("calm.") and event.recovery < 0
        ]
        if not late or statistics.median(late) > PROMPT:
            result.say("late", f"{statistics.median(late or [0]):.3f} s at the median of {len(late)} calm events")
        result.seen["calm milliseconds"] = round(1000 * statistics.median(late or [0]))


@asynccontextmanager
async def _living(lives: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """These go on meanwhile."""
    tasks = [asyncio.create_task(life) for life in lives]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _objects() -> tuple[list[int], list[int]]:
    """What everybody changes."""
    ada = User.objects.create_user("ada")
    byline = Author.objects.create(name="Ada")
    authors = [Author.objects.create(name=f"hot {number}") for number in range(HOT)]
    posts = [
        Post.objects.create(author=ada, byline=byline, title=f"hot {number}", text="Tide.", state="published")
        for number in range(5)
    ]
    return [author.pk for author in authors], [post.pk for post in posts]


def position() -> Position:
    log = LogConnection()
    look = log.look(LARGEST)
    log.close()
    return Position(look.epoch, look.head)


def _languages(ports: Sequence[int]) -> list[tuple[int, str]]:
    return [(port, language) for port in ports for language in ("en", "ko")]
