"""The verdict: what was committed, what the log holds, and what each reader was told, compared.

The ledger is the truth: PostgreSQL committed its rows with the changes they tell of. Per object the
log has to hold exactly its tokens, once each and in its order; and each chain of a reader exactly the
log's events on its topics, once and in order, but for those that a recovery stood a newer one in for.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from django.db import connection

from realtime import kinds
from tests.faults.readers.client import Data
from tests.faults.readers.recording_readers import Chain, Heard

SHOWN = 12  # mistakes that are printed


class Row(NamedTuple):
    """An event of the log. A scrubbed one has no token, until the ledger tells it."""

    offset: int
    key: str
    kind: str
    family: str
    topics: frozenset[str]
    token: str
    version: int
    scrubbed: bool

    @property
    def line(self) -> str:
        """What the ledger calls the object's events of this family."""
        return self.key if self.family == "state" else f"{self.key} {self.family}"


@dataclass
class Verdict:
    """Counts of what must not be, with the first of each told; and of what was looked at."""

    wrong: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def counts(self) -> list[tuple[str, int]]:
        names = ("phantom", "lost", "twice", "out of order", "leaked", "gap", "reset", "late", "mild")
        return [*self.seen.most_common(), *((name, self.wrong[name]) for name in names)]

    def say(self, what: str, where: str) -> None:
        self.wrong[what] += 1
        if len(self.told) < SHOWN:
            self.told.append(f"{what}: {where}")


def read_log() -> list[Row]:
    decode = msgspec.json.Decoder(Data).decode
    with connection.cursor() as cursor:
        cursor.execute('SELECT "offset", key, kind, topics, data::text FROM realtime_event ORDER BY "offset"')
        rows = []
        for offset, key, kind, topics, text in cursor.fetchall():
            data = decode(text)
            token = "" if data.scrubbed else data.token
            version = data.post.version if data.post else data.version
            family = kinds.get(kind).family
            rows.append(Row(offset, key, kind, family, frozenset(topics), token, version, data.scrubbed))
        return rows


def read_ledger() -> dict[str, list[str]]:
    """The tokens of each key, in the order of the commits; the last of each transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, token FROM (SELECT DISTINCT ON (key, transaction) id, key, token FROM ledger"
            " ORDER BY key, transaction, id DESC) l ORDER BY id"
        )
        tokens: dict[str, list[str]] = defaultdict(list)
        for key, token in cursor.fetchall():
            tokens[key].append(token)
        return tokens


def compare_with_ledger(verdict: Verdict, log: list[Row], ledger: Mapping[str, list[str]], start: int) -> list[Row]:
    """Law 1, and the order: what was committed and what is in the log after `start`. The log with all tokens."""
    head, told = start, list[Row]()
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in log:
        if row.offset <= start:
            continue
        if row.offset != head + 1:
            verdict.say("gap", f"the log goes from {head} to {row.offset}")
        head = row.offset
        is_written = row.key.startswith(("author.", "post.")) and row.kind != "desk.changed"
        (lines[row.line] if is_written else told).append(row)
    for line in lines.keys() | ledger.keys():
        was, rows = ledger.get(line, []), _with_tokens(lines.get(line, []), ledger.get(line, []))
        verdict.seen["committed changes"] += len(was)
        _compare_line(verdict, line, was, [row.token for row in rows])
        told += rows
    return sorted(told)


def _with_tokens(rows: list[Row], was: list[str]) -> list[Row]:
    """Scrubbed rows with those of the ledger's tokens that no other row has, in order."""
    lacking = iter(_without(was, [row.token for row in rows if not row.scrubbed]))
    return [row._replace(token=next(lacking, "")) if row.scrubbed else row for row in rows]


def _without(tokens: list[str], others: list[str]) -> list[str]:
    """The tokens without these others; of equal ones the last are taken for the others'."""
    left, without = Counter(others), list[str]()
    for token in reversed(tokens):
        if left[token]:
            left[token] -= 1
        else:
            without.append(token)
    return without[::-1]


def _compare_line(verdict: Verdict, line: str, was: list[str], told: list[str]) -> None:
    for token, number in (Counter(told) - Counter(was)).items():
        verdict.say("twice" if token in was else "phantom", f"{line} {token} is {number} times too often in the log")
    for token in Counter(was) - Counter(told):
        verdict.say("lost", f"{line} {token} is not in the log")
    if sorted(was) == sorted(told) and was != told:
        verdict.say("out of order", f"{line} in the log: {told[:20]}, committed: {was[:20]}")


def compare_scrubbing(verdict: Verdict, log: Iterable[Row]) -> None:
    """Law 8: what came before an object's last withdrawal has lost its text, and nothing else has."""
    log = list(log)
    gone = {row.key: row.offset for row in log if row.kind.endswith(".withdrawn")}
    for row in log:
        before = row.offset < gone.get(row.key, 0)
        if before and not row.scrubbed:
            verdict.say("leaked", f"{row} is before the withdrawal at {gone[row.key]}")
        if row.scrubbed and not before:
            verdict.say("lost", f"the text of {row}, which nobody withdrew")
        verdict.seen["scrubbed"] += row.scrubbed


def compare_notes(verdict: Verdict, notes: Iterable[Path]) -> None:
    """What writers were told: a commit that was confirmed is there, a rollback is not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT transaction FROM ledger")
        committed = {name for (name,) in cursor.fetchall()}
    for file in notes:
        for line in file.read_text().splitlines():
            outcome, name = line.split(" ")
            verdict.seen[outcome] += 1
            if outcome in ("rolled", "broken") and name in committed:
                verdict.say("phantom", f"{name} was {outcome}, and is in the ledger")


def compare_tasks(verdict: Verdict) -> None:
    """The last that was told of each job is what its row says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, t.state, (SELECT data->>'state' FROM realtime_event e"
            " WHERE e.key = 'task.' || t.id ORDER BY \"offset\" DESC LIMIT 1) FROM realtime_task t"
        )
        for id, state, told in cursor.fetchall():
            verdict.seen["jobs"] += 1
            if state != told:
                verdict.say("phantom", f"task.{id} is {state}, and was told as {told}")


class Log:
    """The log to compare chains with: all of it once, parts of it by offset."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = sorted(rows)
        self._offsets = [row.offset for row in self._rows]
        self.families = {row.offset: row.family for row in self._rows}

    def between(self, start: int, end: int, topics: frozenset[str]) -> dict[int, Row]:
        """The rows on any of the topics after `start` up to `end`, by offset."""
        first, last = bisect_right(self._offsets, start), bisect_right(self._offsets, end)
        return {row.offset: row for row in self._rows[first:last] if not row.topics.isdisjoint(topics)}


def compare_chain(verdict: Verdict, chain: Chain, log: Log) -> None:
    """One reader's chain with the log, up to where its cursor stands."""
    verdict.seen["chains"] += 1
    verdict.seen["events heard"] += len(chain.heard)
    verdict.seen["recoveries"] += len(chain.recoveries)
    for fault in chain.faults:
        verdict.say("out of order", f"{chain.reader}: {fault}")
    for leak in chain.leaks:
        verdict.say("leaked", f"{chain.reader} was told, after its withdrawal, {leak}")
    for one, next_one in pairwise(event.offset for event in chain.heard):
        if one >= next_one:
            verdict.say("twice" if one == next_one else "out of order", f"{chain.reader}: {next_one} after {one}")
    expected = log.between(chain.start.offset, chain.cursor.offset, chain.topics)
    for event in chain.heard:
        row = expected.get(event.offset)
        if row is None or not _is_of(event, row):
            verdict.say("phantom", f"{chain.reader} heard {event}, the log has {row}")
    missing = expected.keys() - {event.offset for event in chain.heard}
    verdict.seen["compacted"] += len(missing)
    if missing:
        substitutes = Substitutes(chain, log.families)
        for row in (expected[offset] for offset in sorted(missing)):
            if not substitutes.stand_for(row):
                verdict.say("lost", f"{chain.reader} (from {chain.start} to {chain.cursor}) never heard {row}")


def _is_of(event: Heard, row: Row) -> bool:
    """Whether this is what the log has there: or had, or without the text that the log has no more."""
    if event.scrubbed:
        return row.scrubbed and row.key == event.key
    return (row.key, row.token) == (event.key, event.token) and (row.scrubbed or row.version == event.version)


class Substitutes:
    """The events of a chain's recoveries, which stand for older ones of their object and family."""

    def __init__(self, chain: Chain, families: Mapping[int, str]) -> None:
        self._recoveries = chain.recoveries
        self._since = [recovery.since for recovery in chain.recoveries]
        self._newest: dict[tuple[int, str, str], int] = {}
        for event in chain.heard:
            if event.recovery >= 0:
                self._newest[event.recovery, event.key, families.get(event.offset, "")] = event.offset

    def stand_for(self, row: Row) -> bool:
        return any(self._has(number, row) for number in reversed(range(bisect_left(self._since, row.offset))))

    def _has(self, number: int, row: Row) -> bool:
        """Whether this recovery brought a newer one; where it was cut short, the next one has to, if any came."""
        if self._newest.get((number, row.key, row.family), 0) > row.offset:
            return True
        recovery = self._recoveries[number]
        if recovery.came == recovery.missed:
            return False
        return number + 1 == len(self._recoveries) or self._has(number + 1, row)
