"""The verdict: what was committed, what the log holds, and what each reader was told, compared.

The ledger is the truth: PostgreSQL committed its rows with the changes they tell of. Per object the
log has to hold exactly its tokens, once each and in its order; and each chain of a reader exactly the
log's events on its topics, once and in order, but for those that a recovery stood a newer one in for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from django.db import connection

from realtime import kinds
from tests.faults.readers import Chain, Data, Heard

SHOWN = 12  # mistakes that are printed


class Row(NamedTuple):
    """An event of the log."""

    offset: int
    key: str
    family: str
    topics: frozenset[str]
    token: str
    version: int


@dataclass
class Verdict:
    """Counts of what must not be, with the first of each told; and of what was looked at."""

    wrong: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def counts(self) -> list[tuple[str, int]]:
        names = ("phantom", "lost", "twice", "out of order", "gap", "reset", "late")
        return [*self.seen.most_common(), *((name, self.wrong[name]) for name in names)]

    def say(self, what: str, where: str) -> None:
        self.wrong[what] += 1
        if len(self.told) < SHOWN:
            self.told.append(f"{what}: {where}")


def read_log() -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute('SELECT "offset", key, kind, topics, data::text FROM realtime_event ORDER BY "offset"')
        rows = []
        for offset, key, kind, topics, text in cursor.fetchall():
            data = msgspec.json.decode(text, type=Data)
            family = kinds.get(kind).family
            rows.append(Row(offset, key, family, frozenset(topics), data.name or data.title, data.version))
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


def compare_with_ledger(verdict: Verdict, log: list[Row], ledger: Mapping[str, list[str]], start: int) -> None:
    """Law 1, and the order: what was committed and what is in the log after `start`."""
    head = start
    logged: dict[str, list[str]] = defaultdict(list)
    for row in log:
        if row.offset <= start:
            continue
        if row.offset != head + 1:
            verdict.say("gap", f"the log goes from {head} to {row.offset}")
        head = row.offset
        if row.key.startswith(("author.", "post.")):
            logged[row.key].append(row.token)
    for key in logged.keys() | ledger.keys():
        was, told = ledger.get(key, []), logged.get(key, [])
        verdict.seen["committed changes"] += len(was)
        for token, number in (Counter(told) - Counter(was)).items():
            verdict.say("twice" if token in was else "phantom", f"{key} {token} is {number} times too often in the log")
        for token in Counter(was) - Counter(told):
            verdict.say("lost", f"{key} {token} is not in the log")
        if sorted(was) == sorted(told) and was != told:
            verdict.say("out of order", f"{key} in the log: {told[:20]}, committed: {was[:20]}")


def compare_notes(verdict: Verdict, notes: Iterable[Path]) -> None:
    """What writers were told: a commit that was confirmed is there, a rollback is not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT transaction FROM ledger")
        committed = {name for (name,) in cursor.fetchall()}
    for file in notes:
        for line in file.read_text().splitlines():
            outcome, name = line.split(" ")
            verdict.seen[outcome] += 1
            if outcome == "rolled" and name in committed:
                verdict.say("phantom", f"{name} was rolled back, and is in the ledger")


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


def compare_chain(verdict: Verdict, chain: Chain, log: list[Row]) -> None:
    """One reader's chain with the log, up to where its cursor stands."""
    heard = {event.offset: event for event in chain.heard}
    verdict.seen["chains"] += 1
    verdict.seen["events heard"] += len(chain.heard)
    verdict.seen["recoveries"] += len(chain.recoveries)
    for fault in chain.faults:
        verdict.say("out of order", f"{chain.reader}: {fault}")
    offsets = [event.offset for event in chain.heard]
    for one, next_one in pairwise(offsets):
        if one >= next_one:
            verdict.say("twice" if one == next_one else "out of order", f"{chain.reader}: {next_one} after {one}")
    expected = {
        row.offset: row
        for row in log
        if chain.start.offset < row.offset <= chain.cursor.offset and not row.topics.isdisjoint(chain.topics)
    }
    for offset, event in heard.items():
        row = expected.get(offset)
        if row is None or (row.key, row.token, row.version) != (event.key, event.token, event.version):
            verdict.say("phantom", f"{chain.reader} heard {event}, the log has {row}")
    missing = [row for offset, row in expected.items() if offset not in heard]
    verdict.seen["compacted"] += len(missing)
    substitutes = Substitutes(chain, {row.offset: row.family for row in log})
    for row in missing:
        if not substitutes.stand_for(row):
            verdict.say("lost", f"{chain.reader} (from {chain.start} to {chain.cursor}) never heard {row}")


class Substitutes:
    """The events of a chain's recoveries, which stand for older ones of their object and family."""

    def __init__(self, chain: Chain, families: Mapping[int, str]) -> None:
        self._recoveries = chain.recoveries
        self._by_recovery: dict[int, list[Heard]] = defaultdict(list)
        self._families = families
        for event in chain.heard:
            if event.recovery >= 0:
                self._by_recovery[event.recovery].append(event)

    def stand_for(self, row: Row) -> bool:
        return any(
            recovery.since < row.offset and self._has(number, row) for number, recovery in enumerate(self._recoveries)
        )

    def _has(self, number: int, row: Row) -> bool:
        """Whether this recovery brought a newer one; where it was cut short, the next one has to, if any came."""
        for event in self._by_recovery[number]:
            if event.offset > row.offset and event.key == row.key and self._families.get(event.offset) == row.family:
                return True
        recovery = self._recoveries[number]
        if recovery.came == recovery.missed:
            return False
        return number + 1 == len(self._recoveries) or self._has(number + 1, row)
