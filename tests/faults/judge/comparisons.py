"""Compares what was committed, what the log holds, and what each reader received.

Per object the log has to hold exactly the ledger's tokens, once each and in its order; and each chain of a reader
exactly the log's events on its topics, once and in order, except those that a recovery replaced by a newer one.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from django.db import connection

from tests.faults.judge.ledger import Log, Row
from tests.faults.judge.verdict import Verdict
from tests.faults.readers.chain import Chain, Heard


def compare_with_ledger(verdict: Verdict, log: list[Row], ledger: Mapping[str, list[str]], start: int) -> list[Row]:
    """Compares what was committed with the log after `start`, in content and order; returns the log with all tokens."""
    head, complete = start, list[Row]()
    written: dict[str, list[Row]] = defaultdict(list)
    for row in log:
        if row.offset <= start:
            continue
        if row.offset != head + 1:
            verdict.add("gap", f"the log goes from {head} to {row.offset}")
        head = row.offset
        is_written = row.key.startswith(("author.", "post.")) and row.kind != "desk.changed"
        (written[row.ledger_key] if is_written else complete).append(row)
    for key in written.keys() | ledger.keys():
        committed = ledger.get(key, [])
        rows = _with_tokens(written.get(key, []), committed)
        verdict.seen["committed changes"] += len(committed)
        _compare_tokens(verdict, key, committed, [row.token for row in rows])
        complete += rows
    return sorted(complete)


def _with_tokens(rows: list[Row], committed: list[str]) -> list[Row]:
    """Returns the rows, the scrubbed ones with the committed tokens that no other row has, in order."""
    lacking = iter(_without(committed, [row.token for row in rows if not row.scrubbed]))
    return [row._replace(token=next(lacking, "")) if row.scrubbed else row for row in rows]


def _without(tokens: list[str], others: list[str]) -> list[str]:
    """Returns the tokens without the others; of equal tokens the last ones are removed."""
    left, without = Counter(others), list[str]()
    for token in reversed(tokens):
        if left[token]:
            left[token] -= 1
        else:
            without.append(token)
    return without[::-1]


def _compare_tokens(verdict: Verdict, key: str, committed: list[str], logged: list[str]) -> None:
    for token, number in (Counter(logged) - Counter(committed)).items():
        kind = "twice" if token in committed else "phantom"
        verdict.add(kind, f"{key} {token} is {number} times too often in the log")
    for token in Counter(committed) - Counter(logged):
        verdict.add("lost", f"{key} {token} is not in the log")
    if sorted(committed) == sorted(logged) and committed != logged:
        verdict.add("out of order", f"{key} in the log: {logged[:20]}, committed: {committed[:20]}")


def compare_scrubbing(verdict: Verdict, log: Iterable[Row]) -> None:
    """Checks that events before an object's last withdrawal have lost their text, and no others have."""
    log = list(log)
    withdrawn = {row.key: row.offset for row in log if row.kind.endswith(".withdrawn")}
    for row in log:
        before = row.offset < withdrawn.get(row.key, 0)
        if before and not row.scrubbed:
            verdict.add("leaked", f"{row} is before the withdrawal at {withdrawn[row.key]}")
        if row.scrubbed and not before:
            verdict.add("lost", f"the text of {row}, which was not withdrawn")
        verdict.seen["scrubbed"] += row.scrubbed


def compare_notes(verdict: Verdict, notes: Iterable[Path]) -> None:
    """Compares the writers' notes with the ledger: what was rolled back or broken off must not be in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT transaction FROM ledger")
        committed = {name for (name,) in cursor.fetchall()}
    for file in notes:
        for line in file.read_text().splitlines():
            outcome, name = line.split(" ")
            verdict.seen[outcome] += 1
            if outcome in ("rolled", "broken") and name in committed:
                verdict.add("phantom", f"{name} was {outcome}, and is in the ledger")


def compare_tasks(verdict: Verdict) -> None:
    """Checks that the last event of each job has the state of its row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, t.state, (SELECT data->>'state' FROM realtime_event e"
            " WHERE e.key = 'task.' || t.id ORDER BY \"offset\" DESC LIMIT 1) FROM realtime_task t"
        )
        for id, state, published in cursor.fetchall():
            verdict.seen["jobs"] += 1
            if state != published:
                verdict.add("phantom", f"task.{id} is {state}, and was published as {published}")


def compare_chain(verdict: Verdict, chain: Chain, log: Log) -> None:
    """Compares one reader's chain with the log, up to the reader's cursor."""
    verdict.seen["chains"] += 1
    verdict.seen["events heard"] += len(chain.heard)
    verdict.seen["recoveries"] += len(chain.recoveries)
    for fault in chain.faults:
        verdict.add("out of order", f"{chain.reader}: {fault}")
    for leak in chain.leaks:
        verdict.add("leaked", f"{chain.reader} was told, after its withdrawal, {leak}")
    for one, following in pairwise(event.offset for event in chain.heard):
        if one >= following:
            verdict.add("twice" if one == following else "out of order", f"{chain.reader}: {following} after {one}")
    expected = log.between(chain.start.offset, chain.cursor.offset, chain.topics)
    for event in chain.heard:
        row = expected.get(event.offset)
        if row is None or not _matches(event, row):
            verdict.add("phantom", f"{chain.reader} heard {event}, the log has {row}")
    missing = expected.keys() - {event.offset for event in chain.heard}
    verdict.seen["compacted"] += len(missing)
    if missing:
        substitutes = Substitutes(chain, log.families)
        for row in (expected[offset] for offset in sorted(missing)):
            if not substitutes.replace(row):
                verdict.add("lost", f"{chain.reader} (from {chain.start} to {chain.cursor}) never heard {row}")


def _matches(event: Heard, row: Row) -> bool:
    """Returns whether an event is the log's row, as it is now or as it was before its text was scrubbed."""
    if event.scrubbed:
        return row.scrubbed and row.key == event.key
    return (row.key, row.token) == (event.key, event.token) and (row.scrubbed or row.version == event.version)


class Substitutes:
    """The events of a chain's recoveries, each of which replaces older ones of its object and family."""

    def __init__(self, chain: Chain, families: Mapping[int, str]) -> None:
        self._recoveries = chain.recoveries
        self._since = [recovery.since for recovery in chain.recoveries]
        self._newest: dict[tuple[int, str, str], int] = {}
        for event in chain.heard:
            if event.recovery >= 0:
                self._newest[event.recovery, event.key, families.get(event.offset, "")] = event.offset

    def replace(self, row: Row) -> bool:
        """Returns whether a recovery from before this row brought a newer event in its place."""
        return any(self._has(number, row) for number in reversed(range(bisect_left(self._since, row.offset))))

    def _has(self, number: int, row: Row) -> bool:
        """Returns whether this recovery did; if it was cut short, the next one has to, if there was one."""
        if self._newest.get((number, row.key, row.family), 0) > row.offset:
            return True
        recovery = self._recoveries[number]
        if recovery.came == recovery.missed:
            return False
        return number + 1 == len(self._recoveries) or self._has(number + 1, row)
