"""One fault run, from the first write to the verdict."""

import argparse
import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from realtime.position import Position
from tests.faults.judge import comparisons, ledger
from tests.faults.judge.ledger import Log
from tests.faults.judge.verdict import Verdict
from tests.faults.readers.behaviours import come_and_go, come_late, stay
from tests.faults.readers.chain import Withdrawals
from tests.faults.readers.recording_readers import EveryPollReader, PollReader, Reader, StreamReader
from tests.faults.rig.fault_injection import FaultInjector
from tests.faults.rig.program import Program
from tests.faults.rig.progress import Progress
from tests.faults.rig.rig import Rig
from tests.faults.rig.shared_rows import SharedRows
from tests.journey.wire import Wire

WRITERS_OF_A_PROCESS = 10
MAX_BEHIND = 3000  # offsets, of a reader that comes with an old position: a recovery ends at 5,000 rows
TRANSACTIONS_PER_KILL = 2000  # 100,000 ask for at least 50 kills
MIN_ROLLBACK_SHARE = 0.3  # of the transactions
CALM_COMMITS = 8  # one after the other, when there are no more faults
MAX_CALM_SECONDS = 0.4  # from such a commit to the readers, at the median: milliseconds, if the bell rings in time
CATCH_UP_TIMEOUT_SECONDS = 60.0


class FaultRun:
    """Creates its rows and readers at once; `run` does the rest."""

    def __init__(self, rig: Rig, wires: Sequence[Wire], options: argparse.Namespace) -> None:
        self._rig = rig
        self._options = options
        self._dice = random.Random(options.seed)
        self._progress = Progress(options.transactions)
        self._stuck: list[str] = []  # sentences about readers that did not catch up
        self._rows = SharedRows.create()
        self._start = ledger.head()
        ports = [*rig.ports, *(urlsplit(wire.origin).port or 0 for wire in wires)]
        self._withdrawals = dict(zip(ports, [Withdrawals() for _ in rig.ports] * 2, strict=True))  # one for each edge
        self._regular = [*self._on_each("stays", ports, 2), *self._on_each("comes and goes", ports, 2)]
        self._narrow = [self._reader("narrow", port, {self._dice.choice(self._topics)}) for port in ports * 2]
        self._html = [self._reader("html", port, {"site", "front"}, language) for port, language in _languages(ports)]
        self._late = self._on_each("late", rig.ports, 2)
        self._streams = [self._reader_of(StreamReader, "stream", port) for port in ports]
        kinds = cycle((PollReader, EveryPollReader, EveryPollReader, PollReader))  # both on each edge
        self._polls = [self._reader_of(kind, "poll", port) for kind, port in zip(kinds, ports, strict=False)]
        self._pushed = self._regular + self._narrow + self._html + self._streams  # receive without polling
        self._lasting = self._pushed + self._polls
        self._faults = FaultInjector(rig, wires, self._lasting, self._dice)

    async def run(self) -> Verdict:
        """Runs all phases and returns the verdict."""
        self._progress.report("readers connect")
        async with _running(self._behaviours()):
            notes = await self._write_and_break()
            self._progress.report("no more faults; readers catch up")
            await self._catch_up(self._lasting)
        for reader in self._lasting + self._late:
            reader.cut()
        # without readers that poll: their requests make a hub read the log, where it finds events whose bell was lost
        async with _running(stay(reader, self._own_dice()) for reader in self._pushed):
            await self._catch_up(self._pushed)
            self._progress.report("calm")
            notes.append(await self._calm())
            await self._catch_up(self._pushed)
        self._progress.report("reading old events again")
        await self._read_again()
        self._progress.report("comparing")
        self._rig.worker.kill()
        return self._judge(notes)

    @property
    def _topics(self) -> list[str]:
        topics = [f"author.{pk}" for pk in self._rows.authors] + [f"post.{pk}" for pk in self._rows.posts]
        return topics + [f"tag.{slug}" for slug in self._rows.slugs]

    def _on_each(self, name: str, ports: Sequence[int], number: int) -> list[Reader]:
        return [self._reader(name, port, {"site", "front"}) for port in ports for _ in range(number)]

    def _reader(self, name: str, port: int, topics: set[str], language: str = "") -> Reader:
        return Reader(f"{name} on {port}", port, topics, self._start, self._withdrawals[port], language)

    def _reader_of(self, kind: type[Reader], name: str, port: int, since: Position | None = None) -> Reader:
        return kind(f"{name} on {port}", port, {"site", "front"}, since or self._start, self._withdrawals[port])

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
        return Position(self._start.epoch, max(self._start.offset, head - self._dice.randrange(MAX_BEHIND)))

    async def _write_and_break(self) -> list[Path]:
        writers, notes = self._writers()
        await self._rig.until(lambda: all(file.exists() for file in notes))
        faults = asyncio.create_task(self._faults.run(self._options.often, self._is_late))
        reporting = asyncio.create_task(self._progress.follow(notes, lambda: self._faults.kills))
        try:
            if self._options.transactions:
                while any(writer.process.poll() is None for writer in writers):
                    await asyncio.sleep(0.5)
            else:
                await asyncio.sleep(self._options.seconds)
        finally:
            reporting.cancel()
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
        await self._faults.repaired()
        await asyncio.gather(*(asyncio.to_thread(writer.stop) for writer in writers))
        return notes

    def _is_late(self) -> bool:
        """Returns whether there were fewer kills than the transactions so far ask for."""
        return self._faults.kills < self._progress.share * self._min_kills + 2

    @property
    def _min_kills(self) -> int:
        return self._options.transactions // TRANSACTIONS_PER_KILL

    def _writers(self) -> tuple[list[Program], list[Path]]:
        options = self._options
        words = ["--pause", str(options.pause), "--seed", options.seed, *self._rows.options()]
        if options.transactions:
            words += ["--transactions", str(options.transactions // options.writers)]
        started = []
        for first in range(0, options.writers, WRITERS_OF_A_PROCESS):
            threads = min(WRITERS_OF_A_PROCESS, options.writers - first)
            started.append(self._rig.write(f"writers-{first}", "--threads", str(threads), *words))
        return [program for program, _ in started], [notes for _, notes in started]

    async def _catch_up(self, readers: Sequence[Reader]) -> None:
        """Waits until all readers are at the head of the log; notes those that are not after a time."""
        connection.close()
        head = ledger.head().offset
        newest = max(row.offset for row in ledger.read_log() if not row.topics.isdisjoint({"site", "front"}))

        def behind() -> list[Reader]:
            return [each for each in readers if each.chain.cursor.offset < (head if each.can_ping else newest)]

        def all_there() -> bool:
            for reader in behind():
                reader.ask()
            return not behind()

        with suppress(TimeoutError):
            await self._rig.until(all_there, CATCH_UP_TIMEOUT_SECONDS)
        self._stuck += [f"{each.chain.reader} stands at {each.chain.cursor}, the log at {head}" for each in behind()]

    async def _calm(self) -> Path:
        """Runs one writer without faults: what it commits has to arrive at once."""
        # --hold delays COMMIT, so that a bell that rings too early is heard before it; --pause delays the next bell, at
        # which the event would be found
        words = ["--threads", "1", "--transactions", str(CALM_COMMITS), "--seed", "calm", *self._rows.options()]
        pace = ["--hold", "0.15", "--held", "0.6", "--pause", "0.7", "--steady"]
        writer, notes = self._rig.write("calm", *words, *pace)
        await self._rig.until(lambda: writer.process.poll() is not None)
        return notes

    async def _read_again(self) -> None:
        """Polls from old positions without compaction, which must not bring the text of posts withdrawn since."""
        back = [self._reader_of(EveryPollReader, "looks back", port, self._older()) for port in self._rig.ports]
        self._lasting += back
        async with _running(stay(reader, self._own_dice()) for reader in back):
            await self._catch_up(back)

    def _judge(self, notes: Sequence[Path]) -> Verdict:
        verdict = Verdict()
        rows = ledger.read_log()
        comparisons.compare_scrubbing(verdict, rows)
        log = Log(comparisons.compare_with_ledger(verdict, rows, ledger.read_ledger(), self._start.offset))
        comparisons.compare_notes(verdict, notes)
        comparisons.compare_tasks(verdict)
        for reader in self._lasting + self._late:
            verdict.seen["too far behind"] += reader.too_far_behind
            for reason in reader.resets:
                verdict.add("reset", f"{reader.chain.reader}: {reason}")
            for chain in reader.chains:
                comparisons.compare_chain(verdict, chain, log)
        for where in self._stuck:
            verdict.add("lost", where)
        self._judge_calm(verdict)
        verdict.seen.update(self._faults.done)
        verdict.seen["tracebacks"] = self._rig.tracebacks()
        verdict.seen["kills"] = self._faults.kills
        ended = sum(verdict.seen[outcome] for outcome in ("committed", "rolled", "broken", "unknown"))
        if self._min_kills and (
            self._faults.kills < self._min_kills or verdict.seen["rolled"] < MIN_ROLLBACK_SHARE * ended
        ):
            verdict.add("mild", f"{self._faults.kills} kills, {verdict.seen['rolled']} of {ended} rolled back")
        return verdict

    def _judge_calm(self, verdict: Verdict) -> None:
        """Judges the time from writing an event of the calm phase to receiving it."""
        late = [seconds for reader in self._regular for seconds in reader.chain.calm]
        if not late or statistics.median(late) > MAX_CALM_SECONDS:
            verdict.add("late", f"{statistics.median(late or [0]):.3f} s at the median of {len(late)} calm events")
        verdict.seen["calm milliseconds"] = round(1000 * statistics.median(late or [0]))


@asynccontextmanager
async def _running(lives: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Runs these lives in tasks until the block ends."""
    tasks = [asyncio.create_task(life) for life in lives]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _languages(ports: Sequence[int]) -> list[tuple[int, str]]:
    """Returns a port and a language for each edge."""
    return list(zip(ports, cycle(("en", "ko")), strict=False))
