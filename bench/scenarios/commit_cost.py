"""What a commit costs who commits, with few readers and with many.

The claim is that nobody who publishes pays for readers. So the same process commits to the same edge, in turns with
few readers and with many, one commit at a time: the next one waits until every reader has heard the last. The bell
rings early, so readers may hear while the commit is being answered: they have the edge's core here, and leave that
of the publisher and of PostgreSQL alone. A draft is saved before each commit, which goes all the way and to nobody,
and is not measured: what a commit needs is in the caches then, whatever has run in between. Few and many get their
commits at the same pace, so that nothing that goes by time is cheaper for either.

A publisher that looked at readers could not pass. A row, a key or a message for each, at only a microsecond of its
own processor or of waiting for another's, would make 5,000 readers cost 5 ms more than 10, and a commit has about 4.
"""

import os
import time
from dataclasses import dataclass
from statistics import median

from bench import Failed
from bench.load.generator import Crowd
from bench.scenarios.results import Results
from bench.systems import machine
from bench.systems.catalogue import Server, System
from bench.systems.ours import Services
from bench.systems.processes import until

FEW, MANY, MOST = 10, 5_000, 50_000  # readers
SPARE = 40  # descriptors that an edge may keep open for others than readers
LONGEST = 30  # seconds for a commit to reach all


@dataclass(frozen=True)
class Turns:
    number: int
    commits: int  # of each, with few and with many
    pace: float  # seconds between two


SHORT, LONG = Turns(3, 25, 0.15), Turns(2, 15, 0.5)  # the latter for as many readers as may be


@dataclass(frozen=True)
class Commit:
    """Milliseconds, medians."""

    took: float
    cpu: float  # of the publisher's core


class Publisher:
    """Commits one by one to the readers of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        server.publisher.ask(1, 40, 0.0)  # what is slow the first time

    def commits(self, readers: int, turns: Turns) -> Commit:
        """With so many readers, who come and go again."""
        with Crowd(self._server.port, self._server.crowd) as crowd:
            machine.pin(crowd.pid, machine.SERVER)
            crowd.open(readers)
            began, made = time.monotonic(), []
            for done in range(turns.commits):
                time.sleep(max(0.0, began + done * turns.pace - time.monotonic()))
                made.append(self._commit(crowd))
        until(lambda: _open_files(self._server.pid) < FEW + SPARE, "the edge's farewell to its readers")
        return Commit(median(each.took for each in made), median(each.cpu for each in made))

    def _commit(self, crowd: Crowd) -> Commit:
        publisher = self._server.publisher
        crowd.expect(1)
        publisher.say(1, 1, 0.0, "warm")
        came = crowd.wait(LONGEST, LONGEST)
        said = publisher.ask("heard")
        if not came.is_exact:
            raise Failed(f"{came.missing} of {came.readers} readers did not hear of a commit.")
        before, after = said["used"]
        return Commit((said["ends"][0] - said["starts"][0]) / 1e6, 1000 * (after - before))


def measure(
    services: Services,
    system: System,
    followers: tuple[int, int],
    turns: Turns,
    results: Results,
) -> None:
    """Of each turn the ratios of many to few; who begins takes turns, too."""
    few, many = followers
    with system.start(services) as server:
        publisher = Publisher(server)
        for turn in range(turns.number):
            order = (few, many) if turn % 2 else (many, few)
            found = {readers: publisher.commits(readers, turns) for readers in order}
            for readers, commit in found.items():
                results.add(system.name, f"commit at {readers}", commit.took)
                results.add(system.name, f"commit cpu at {readers}", commit.cpu)
            results.add(system.name, f"commit ratio at {many}", found[many].took / found[few].took)
            results.add(system.name, f"commit cpu ratio at {many}", found[many].cpu / found[few].cpu)


def most(results: Results) -> int:
    """So many readers may one process of this account have, of those that are aimed at."""
    found = min(MOST, machine.most_readers())
    if found < MOST:
        results.note(
            f"{MOST:,} readers are as many open files of one process; this account may have {machine.most_files():,}, "
            f"so commits were measured with at most {found:,} readers."
        )
    return found


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
