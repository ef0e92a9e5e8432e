"""`make bench-hold`: one process holds many readers for minutes, while what it stands on fails; nothing may be lost.

Every reader has to hear every event once and in order, across all of it: Redis flushed, killed and deaf,
PostgreSQL's sessions ended, PostgreSQL stopped, one of its processes killed, readers cut who come back and resume.
Some follow a topic on which nothing happens: they have to hear the heartbeats.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import psycopg2
import redis

from bench.load.generator import Came, Crowd
from bench.scenarios.results import HELD
from bench.systems import installs, machine
from bench.systems.ours import Services, commits, edge, follow
from bench.systems.processes import until

RATE = 2.0  # events a second
AWAY = 1500  # milliseconds that a cut reader stays away
STAYS = 200  # seconds that a reader stays until it is cut, about
SILENT = 50  # one of so many follows a silent topic
HEARTBEAT = 25  # seconds; docs/protocol.md
PROMPT = 2  # seconds that a heartbeat may be late
PAUSED = 3.0  # seconds
CYCLE = 50.0  # seconds in which each fault happens once


@dataclass(frozen=True)
class Held:
    """What became of it."""

    minutes: float
    came: Came
    quiet: Came  # who follow a topic on which nothing happens
    faults: dict[str, int]
    cpu: float  # share of a core
    megabytes: float

    @property
    def problems(self) -> list[str]:
        """In sentences."""
        came, quiet = self.came, self.quiet
        away = came.readers + quiet.readers - came.live - quiet.live
        found = {
            f"{came.missing} deliveries are missing": came.missing,
            f"{came.twice + quiet.twice} came twice": came.twice + quiet.twice,
            f"{came.disordered} came out of order": came.disordered,
            f"{came.resets + quiet.resets} readers were told to begin anew": came.resets + quiet.resets,
            f"{came.errors + quiet.errors} frames were errors": came.errors + quiet.errors,
            f"{came.strange + quiet.strange} events could not be read": came.strange + quiet.strange,
            f"{came.lost + quiet.lost} connections were lost": came.lost + quiet.lost,
            f"{away} readers were away in the end": away,
            f"a reader heard nothing for {self.silence:.1f} s": self.silence > HEARTBEAT + PROMPT,
        }
        return [sentence for sentence, holds in found.items() if holds]

    @property
    def silence(self) -> float:
        """Seconds; heartbeats end it where nothing else does."""
        return self.quiet.silence

    def keep(self, date: str) -> None:
        """For the table of `make bench`."""
        came, quiet = self.came, self.quiet
        wrong = came.missing + came.twice + came.disordered + came.resets + came.strange + came.lost + quiet.lost
        kept = {"date": date, "minutes": self.minutes, "readers": came.readers + quiet.readers}
        HELD.write_text(json.dumps({**kept, "wrong": wrong, "silence": self.silence}))

    def __str__(self) -> str:
        came, late = self.came, self.came.delay
        faults = ", ".join(f"{name} {_times(count)}" for name, count in self.faults.items())
        return (
            f"{came.readers + self.quiet.readers:,} readers of one process for {self.minutes:g} minutes: "
            f"{came.events:,} events, {came.deliveries:,} deliveries, {came.missing} missing, {came.twice} twice, "
            f"{came.disordered} out of order; {came.lost} connections lost. Meanwhile: {faults}, readers cut "
            f"{_times(came.cuts)}. From before a commit to a reader, all of that included: p50 {late.p50:.0f} ms, "
            f"p99 {late.p99:.0f} ms, at most {late.most:.0f} ms. The longest silence that readers of a silent topic "
            f"heard: {self.silence:.1f} s. The edge took {self.cpu:.0%} of a core and {self.megabytes:.0f} MB."
            + (f" **It did not hold: {'; '.join(self.problems)}.**" if self.problems else "")
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def run(readers: int, minutes: float) -> Held:
    installs.tools()
    machine.prepare(readers)
    silent = max(1, readers // SILENT)
    with Services() as services, edge(services) as (process, port), commits(services) as publisher:
        seconds = int(60 * minutes) + 600
        loud, quiet = Crowd(port, follow("site"), seconds), Crowd(port, follow("post.999999999"), seconds)
        with loud, quiet:
            loud.open(readers - silent)
            quiet.open(silent)
            events = int(minutes * 60 * RATE)
            loud.expect(events)
            quiet.expect(0)
            loud.churn(readers / STAYS, AWAY)
            used, began = machine.cpu([process.pid]), time.monotonic()
            publisher.say(1, events, 1 / RATE)
            faults = Faults(services)
            _pass_time(60 * minutes, faults, loud)
            publisher.heard()
            loud.churn(0, AWAY)  # who is away comes back
            loud.wait(60, grace=10)
            time.sleep(AWAY / 1000 + 1)
            used = (machine.cpu([process.pid]) - used) / (time.monotonic() - began)
            megabytes = machine.resident([process.pid]) / 1024
            return Held(minutes, loud.report(), quiet.report(), faults.done, used, megabytes)


def _pass_time(seconds: float, faults: "Faults", crowd: Crowd) -> None:
    """One fault after another, each cycle all of them, and the last moments without any."""
    limit, pause = time.monotonic() + seconds, CYCLE / len(faults.all)
    for name in cycle(faults.all):
        left = limit - time.monotonic()
        if left <= 0:
            break
        if left > pause + PAUSED:
            faults.inject(name)
        time.sleep(max(0.0, min(pause, limit - time.monotonic())))
        came, left = crowd.report(), max(0.0, limit - time.monotonic())
        print(f"{left:4.0f} s left, {came.live} live, {came.deliveries} deliveries", flush=True)


class Faults:
    """What may fail beside an edge, each by its name."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.done: dict[str, int] = {}
        self.all: dict[str, Callable[[], None]] = {
            "Redis flushed": self._flush,
            "Redis killed": self._kill_redis,
            "bells unheard": self._deafen,
            "PostgreSQL's sessions ended": self._end_sessions,
            "PostgreSQL stopped for 3 s": self._pause,
            "a process of PostgreSQL killed": self._kill_backend,
        }

    def inject(self, name: str) -> None:
        """Only what did happen is counted: what is to be ended may still be on its way back from the last fault."""
        print(name, flush=True)
        try:
            self.all[name]()
        except (psycopg2.Error, redis.RedisError, ProcessLookupError) as error:
            print(f"  could not be done: {error}", flush=True)
        else:
            self.done[name] = self.done.get(name, 0) + 1

    def _redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._services.valkey.socket), socket_timeout=5)

    def _flush(self) -> None:
        self._redis().flushall()

    def _deafen(self) -> None:
        """What is rung until the edge has subscribed again is rung for nobody."""
        self._redis().execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    def _kill_redis(self) -> None:
        process = self._services.running["Valkey"]
        process.kill()
        process.wait()
        time.sleep(1)
        self._services.start(self._services.valkey.child())
        until(self._services.valkey.ready, "Valkey's answer")

    def _query(self, sql: str) -> list[tuple[int]]:
        connection = psycopg2.connect(self._services.postgres.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return [(int(value),) for (value,) in cursor.fetchall()]
        finally:
            connection.close()

    def _end_sessions(self) -> None:
        self._query(f"SELECT pg_terminate_backend(pid)::int FROM {_OTHERS}")

    def _kill_backend(self) -> None:
        """PostgreSQL then ends all sessions and recovers, as after a crash."""
        ((pid,),) = self._query(f"SELECT pid FROM {_OTHERS} ORDER BY backend_start LIMIT 1") or [(0,)]
        if not pid:
            raise ProcessLookupError("Nobody had a session just then.")
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        until(self._services.postgres.ready, "PostgreSQL's recovery")

    def _pause(self) -> None:
        """Nobody hears that it is away: connections stay open, and nothing is answered."""
        pid = self._services.running["PostgreSQL"].pid
        said = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
        family = [pid, *map(int, said.split())]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for each in family:
                try:
                    os.kill(each, number)
                except ProcessLookupError:
                    continue  # a session that has ended meanwhile
            if number == signal.SIGSTOP:
                time.sleep(PAUSED)


_OTHERS = "pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def judge(held: Held) -> int:
    """The exit status."""
    print(held)
    return 1 if held.problems else 0
