"""One fault run, from the first write to the verdict."""

import argparse
import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from blog.models import Author, Post, Tag, User
from realtime.log import LogConnection
from realtime.position import LARGEST, Position
from tests.faults.judge import verdict
from tests.faults.judge.verdict import Log, Verdict
from tests.faults.readers.recording_readers import (
    EveryPollReader,
    PollReader,
    Reader,
    StreamReader,
    Withdrawals,
    come_and_go,
    come_late,
    stay,
)
from tests.faults.rig.fault_injection import Faults
from tests.faults.rig.progress import Progress
from tests.faults.rig.rig import Program, Rig
from tests.journey.wire import Wire

THREADS = 10  # writers of one process
HOT = 20  # authors that everybody renames
BACK = 3000  # offsets that somebody who comes late is behind at most: a recovery ends at 5,000 rows
PER_KILL = 2000  # transactions: 100,000 are to see at least 50 kills
ROLLED = 0.3  # of the transactions at least
CALM = 8  # commits, one after the other, when nothing is broken any more
PROMPT = 0.4  # seconds from such a commit to the readers, at the median: milliseconds, if the bell rings in time
COMPLETE = 60.0  # seconds for everybody to catch up at the end


class Run:
    """Its cast is made at once; `whole` does the rest."""

    def __init__(self, rig: Rig, wires: Sequence[Wire], options: argparse.Namespace) -> None:
        self._rig = rig
        self._options = options
        self._dice = random.Random(options.seed)
        self._progress = Progress(options.transactions)
        self._stuck: list[str] = []  # who did not catch up
        self._cast = Cast.make()
        self._start = position()
        ports = [*rig.ports, *(urlsplit(wire.origin).port or 0 for wire in wires)]
        self._gone = dict(zip(ports, [Withdrawals() for _ in rig.ports] * 2, strict=True))  # by edge
        self._regular = [*self._all_over("stays", ports, 2), *self._all_over("comes and goes", ports, 2)]
        self._narrow = [self._reader("narrow", port, {self._dice.choice(self._topics)}) for port in ports * 2]
        self._html = [self._reader("html", port, {"site", "front"}, language) for port, language in _languages(ports)]
        self._late = self._all_over("late", rig.ports, 2)
        self._streams = [self._of(StreamReader, "stream", port) for port in ports]
        kinds = cycle((PollReader, EveryPollReader, EveryPollReader, PollReader))  # both on each edge
        self._polls = [self._of(kind, "poll", port) for kind, port in zip(kinds, ports, strict=False)]
        self._told = self._regular + self._narrow + self._html + self._streams  # who need not ask
        self._lasting = self._told + self._polls
        self._faults = Faults(rig, wires, self._lasting, self._dice)

    async def whole(self) -> Verdict:
        self._progress.say("everybody comes")
        async with _living(self._behaviours()):
            notes = await self._fire()
            self._progress.say("nothing is broken any more; they catch up")
            await self._catch_up(self._lasting)
        for reader in self._lasting + self._late:
            reader.cut()
        # nobody asks any more: a hub looks for who asks, and would find what its bell did not say
        async with _living(stay(reader, self._own_dice()) for reader in self._told):
            await self._catch_up(self._told)
            self._progress.say("calm")
            notes.append(await self._calm())
            await self._catch_up(self._told)
        self._progress.say("looking back")
        await self._look_back()
        self._progress.say("comparing")
        self._rig.worker.kill()
        return self._judge(notes)

    # --- the cast

    @property
    def _topics(self) -> list[str]:
        topics = [f"author.{pk}" for pk in self._cast.authors] + [f"post.{pk}" for pk in self._cast.posts]
        return topics + [f"tag.{slug}" for slug in self._cast.slugs]

    def _all_over(self, name: str, ports: Sequence[int], number: int) -> list[Reader]:
        return [self._reader(name, port, {"site", "front"}) for port in ports for _ in range(number)]

    def _reader(self, name: str, port: int, topics: set[str], language: str = "") -> Reader:
        return Reader(f"{name} on {port}", port, topics, self._start, self._gone[port], language)

    def _of(self, kind: type[Reader], name: str, port: int, since: Position | None = None) -> Reader:
        return kind(f"{name} on {port}", port, {"site", "front"}, since or self._start, self._gone[port])

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
        faults = asyncio.create_task(self._faults.run(self._options.often, self._is_late))
        telling = asyncio.create_task(self._progress.of(notes, lambda: self._faults.kills))
        try:
            if self._options.transactions:
                while any(writer.process.poll() is None for writer in writers):
                    await asyncio.sleep(0.5)
            else:
                await asyncio.sleep(self._options.seconds)
        finally:
            telling.cancel()
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
        await self._faults.mended()
        await asyncio.gather(*(asyncio.to_thread(writer.stop) for writer in writers))
        return notes

    def _is_late(self) -> bool:
        """Whether there were fewer kills than so many transactions ask for."""
        return self._faults.kills < self._progress.share * self._kills + 2

    @property
    def _kills(self) -> int:
        return self._options.transactions // PER_KILL

    def _writers(self) -> tuple[list[Program], list[Path]]:
        options = self._options
        words = ["--pause", str(options.pause), "--seed", options.seed, *self._cast.words()]
        if options.transactions:
            words += ["--transactions", str(options.transactions // options.writers)]
        started = []
        for first in range(0, options.writers, THREADS):
            threads = min(THREADS, options.writers - first)
            started.append(self._rig.write(f"writers-{first}", "--threads", str(threads), *words))
        return [program for program, _ in started], [notes for _, notes in started]

    async def _catch_up(self, readers: Sequence[Reader]) -> None:
        """Until all of them stand where the log does."""
        connection.close()
        head = position().offset
        told = max(row.offset for row in verdict.read_log() if not row.topics.isdisjoint({"site", "front"}))

        def behind() -> list[Reader]:
            return [each for each in readers if each.chain.cursor.offset < (head if each.hears_all else told)]

        def all_there() -> bool:
            for reader in behind():
                reader.ask()
            return not behind()

        with suppress(TimeoutError):
            await self._rig.until(all_there, COMPLETE)
        self._stuck += [f"{each.chain.reader} stands at {each.chain.cursor}, the log at {head}" for each in behind()]

    async def _calm(self) -> Path:
        """One writer, and nothing else: what it commits has to arrive at once."""
        words = ["--threads", "1", "--transactions", str(CALM), "--seed", "calm", "--held", "0.6", *self._cast.words()]
        # A bell rung before COMMIT is heard before it, too; and the next one's would find what this one did not.
        writer, notes = self._rig.write("calm", *words, "--hold", "0.15", "--pause", "0.7", "--steady")
        await self._rig.until(lambda: writer.process.poll() is not None)
        return notes

    async def _look_back(self) -> None:
        """Who comes with an old position and wants every event gets none of what was withdrawn since."""
        back = [self._of(EveryPollReader, "looks back", port, self._older()) for port in self._rig.ports]
        self._lasting += back
        async with _living(stay(reader, self._own_dice()) for reader in back):
            await self._catch_up(back)

    # --- what became of it

    def _judge(self, notes: Sequence[Path]) -> Verdict:
        result = Verdict()
        rows = verdict.read_log()
        verdict.compare_scrubbing(result, rows)
        log = Log(verdict.compare_with_ledger(result, rows, verdict.read_ledger(), self._start.offset))
        verdict.compare_notes(result, notes)
        verdict.compare_tasks(result)
        for reader in self._lasting + self._late:
            result.seen["too far behind"] += reader.let_go
            for reason in reader.resets:
                result.say("reset", f"{reader.chain.reader}: {reason}")
            for chain in reader.chains:
                verdict.compare_chain(result, chain, log)
        for where in self._stuck:
            result.say("lost", where)
        self._judge_calm(result)
        result.seen.update(self._faults.done)
        result.seen["tracebacks"] = self._rig.tracebacks()
        result.seen["kills"] = self._faults.kills
        ended = sum(result.seen[outcome] for outcome in ("committed", "rolled", "broken", "unknown"))
        if self._kills and (self._faults.kills < self._kills or result.seen["rolled"] < ROLLED * ended):
            result.say("mild", f"{self._faults.kills} kills, {result.seen['rolled']} of {ended} rolled back")
        return result

    def _judge_calm(self, result: Verdict) -> None:
        """From writing the event to reading it, of those who were there."""
        late = [seconds for reader in self._regular for seconds in reader.chain.calm]
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


@dataclass(frozen=True)
class Cast:
    """What everybody changes."""

    authors: list[int]
    posts: list[int]
    users: list[int]
    tags: list[int]
    slugs: list[str]

    @classmethod
    def make(cls) -> "Cast":
        users = [User.objects.create_user(name) for name in ("ada", "ben", "cleo")]
        byline = Author.objects.create(name="Ada")
        tags = [Tag.objects.create(name=name) for name in ("tide", "moon")]
        authors = [Author.objects.create(name=f"hot {number}") for number in range(HOT)]
        posts = [
            Post.objects.create(author=users[0], byline=byline, title=f"hot {n}", text="Tide.", state="published")
            for n in range(5)
        ]
        pks = ([row.pk for row in rows] for rows in (authors, posts, users, tags))
        return cls(*pks, [tag.slug for tag in tags])

    def words(self) -> list[str]:
        """For the writers."""
        lists = {"authors": self.authors, "posts": self.posts, "users": self.users, "tags": self.tags}
        return [word for name, pks in lists.items() for word in (f"--{name}", *map(str, pks))]


def position() -> Position:
    log = LogConnection()
    found = log.advance_and_read(LARGEST)
    log.close()
    return Position(found.epoch, found.head)


def _languages(ports: Sequence[int]) -> list[tuple[int, str]]:
    """One for each edge: rendering is half of its work."""
    return list(zip(ports, cycle(("en", "ko")), strict=False))
