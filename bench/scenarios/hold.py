"""`make bench-hold`: one edge holds many readers for minutes while PostgreSQL and Redis fail; nothing may be lost.

Every reader has to receive every event once and in order through all faults: Redis flushed and killed, its
subscriptions cut, PostgreSQL's sessions ended, PostgreSQL stopped, one of its processes killed, and readers cut, who
come back and resume. Some follow a topic without events: they have to receive the heartbeats.
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

from bench.load.generator import DeliveryReport, LoadGenerator
from bench.scenarios.results import HOLD_FILE
from bench.systems import installs, machine
from bench.systems.backing_services import BackingServices
from bench.systems.ours import edge, row_publisher, subscription_options
from bench.systems.processes import wait_until

EVENTS_PER_SECOND = 2.0
AWAY_MILLISECONDS = 1500  # that a cut reader stays away
MEAN_STAY_SECONDS = 200  # until a reader is cut
SILENT_SHARE = 50  # one reader of this many follows a topic without events
SILENT_TOPIC = "post.999999999"
HEARTBEAT_SECONDS = 25  # docs/protocol.md
MAX_HEARTBEAT_DELAY_SECONDS = 2
PAUSE_SECONDS = 3.0  # that PostgreSQL is stopped
CYCLE_SECONDS = 50.0  # in which each fault happens once
MAX_SILENCE_SECONDS = HEARTBEAT_SECONDS + MAX_HEARTBEAT_DELAY_SECONDS


@dataclass(frozen=True)
class Held:
    """What the readers received, and what the edge used."""

    minutes: float
    events: DeliveryReport  # of the readers of a topic with events
    silent: DeliveryReport  # of the readers of a topic without
    faults: dict[str, int]
    cpu: float  # share of the edge's core
    megabytes: float

    @property
    def problems(self) -> list[str]:
        """What went wrong, in sentences."""
        events, silent = self.events, self.silent
        away = events.readers + silent.readers - events.live - silent.live
        found = {
            f"{events.missing} deliveries are missing": events.missing,
            f"{events.duplicates + silent.duplicates} came twice": events.duplicates + silent.duplicates,
            f"{events.out_of_order} came out of order": events.out_of_order,
            f"{events.resets + silent.resets} readers were told to begin anew": events.resets + silent.resets,
            f"{events.errors + silent.errors} frames were errors": events.errors + silent.errors,
            f"{events.unexpected + silent.unexpected} events could not be read": events.unexpected + silent.unexpected,
            f"{events.lost + silent.lost} connections were lost": events.lost + silent.lost,
            f"{away} readers were away in the end": away,
            f"a reader heard nothing for {self.silence:.1f} s": self.silence > MAX_SILENCE_SECONDS,
        }
        return [sentence for sentence, holds in found.items() if holds]

    @property
    def silence(self) -> float:
        """The longest silence in seconds, on the topic where only heartbeats end it."""
        return self.silent.silence

    def save(self, date: str) -> None:
        """Writes the figures that the goals of `make bench` show."""
        events, silent = self.events, self.silent
        wrong = events.missing + events.duplicates + events.out_of_order + events.resets + events.unexpected
        wrong += events.lost + silent.lost
        kept = {"date": date, "minutes": self.minutes, "readers": events.readers + silent.readers}
        HOLD_FILE.write_text(json.dumps({**kept, "wrong": wrong, "silence": self.silence}))

    def __str__(self) -> str:
        events, delay = self.events, self.events.delay
        faults = ", ".join(f"{name} {_times(count)}" for name, count in self.faults.items())
        return (
            f"{events.readers + self.silent.readers:,} readers of one process for {self.minutes:g} minutes: "
            f"{events.events:,} events, {events.deliveries:,} deliveries, {events.missing} missing, "
            f"{events.duplicates} twice, {events.out_of_order} out of order; {events.lost} connections lost. "
            f"Meanwhile: {faults}, readers cut {_times(events.cuts)}. "
            f"From before a commit to a reader, all of that included: p50 {delay.p50:.0f} ms, "
            f"p99 {delay.p99:.0f} ms, at most {delay.max:.0f} ms. The longest silence that readers of a silent topic "
            f"heard: {self.silence:.1f} s. The edge took {self.cpu:.0%} of a core and {self.megabytes:.0f} MB."
            + (f" **It did not hold: {'; '.join(self.problems)}.**" if self.problems else "")
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def run(readers: int, minutes: float) -> Held:
    """Holds readers on one edge for minutes, while events are published and faults injected."""
    installs.build_tools()
    machine.prepare(readers)
    silent_readers = max(1, readers // SILENT_SHARE)
    with BackingServices() as services, edge(services) as (process, port), row_publisher(services) as publisher:
        lifetime = int(60 * minutes) + 600
        load = LoadGenerator(port, subscription_options("site"), lifetime)
        silent = LoadGenerator(port, subscription_options(SILENT_TOPIC), lifetime)
        with load, silent:
            load.connect(readers - silent_readers)
            silent.connect(silent_readers)
            events = int(minutes * 60 * EVENTS_PER_SECOND)
            load.expect(events)
            silent.expect(0)
            load.churn(readers / MEAN_STAY_SECONDS, AWAY_MILLISECONDS)
            cpu, began = machine.cpu_seconds([process.pid]), time.monotonic()
            publisher.send(1, events, 1 / EVENTS_PER_SECOND)
            faults = FaultInjector(services)
            _inject_faults(60 * minutes, faults, load)
            publisher.receive()
            load.churn(0, AWAY_MILLISECONDS)  # cuts none, and brings back those that are away
            load.wait(60, grace=10)
            time.sleep(AWAY_MILLISECONDS / 1000 + 1)
            cpu = (machine.cpu_seconds([process.pid]) - cpu) / (time.monotonic() - began)
            megabytes = machine.resident_kilobytes([process.pid]) / 1024
            return Held(minutes, load.report(), silent.report(), faults.done, cpu, megabytes)


def _inject_faults(seconds: float, faults: "FaultInjector", load: LoadGenerator) -> None:
    """Injects one fault after another, all of them in each cycle, and none in the last moments."""
    limit, pause = time.monotonic() + seconds, CYCLE_SECONDS / len(faults.all)
    for name in cycle(faults.all):
        left = limit - time.monotonic()
        if left <= 0:
            break
        if left > pause + PAUSE_SECONDS:
            faults.inject(name)
        time.sleep(max(0.0, min(pause, limit - time.monotonic())))
        report, left = load.report(), max(0.0, limit - time.monotonic())
        print(f"{left:4.0f} s left, {report.live} live, {report.deliveries} deliveries", flush=True)


class FaultInjector:
    """The faults of the services that an edge depends on, by name."""

    def __init__(self, services: BackingServices) -> None:
        self._services = services
        self.done: dict[str, int] = {}
        self.all: dict[str, Callable[[], None]] = {
            "Redis flushed": self._flush,
            "Redis killed": self._kill_redis,
            "bells unheard": self._end_subscriptions,
            "PostgreSQL's sessions ended": self._end_sessions,
            "PostgreSQL stopped for 3 s": self._pause,
            "a process of PostgreSQL killed": self._kill_backend,
        }

    def inject(self, name: str) -> None:
        """Injects a fault; counts it only if it took effect, since its target may not be back from the last fault."""
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

    def _end_subscriptions(self) -> None:
        """Ends Redis' subscriptions: bells that ring until the edge has subscribed again are lost."""
        self._redis().execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    def _kill_redis(self) -> None:
        process = self._services.running["Valkey"]
        process.kill()
        process.wait()
        time.sleep(1)
        self._services.start(self._services.valkey.child())
        wait_until(self._services.valkey.ready, "Valkey's answer")

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
        self._query(f"SELECT pg_terminate_backend(pid)::int FROM {_SESSIONS}")

    def _kill_backend(self) -> None:
        """Kills one session's process: PostgreSQL ends all sessions and recovers, as after a crash."""
        ((pid,),) = self._query(f"SELECT pid FROM {_SESSIONS} ORDER BY backend_start LIMIT 1") or [(0,)]
        if not pid:
            raise ProcessLookupError("There was no session.")
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        wait_until(self._services.postgres.ready, "PostgreSQL's recovery")

    def _pause(self) -> None:
        """Stops all processes of PostgreSQL for a while: connections stay open, and nothing is answered."""
        pid = self._services.running["PostgreSQL"].pid
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
        family = [pid, *map(int, children.split())]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for each in family:
                try:
                    os.kill(each, number)
                except ProcessLookupError:
                    continue  # a session that has ended meanwhile
            if number == signal.SIGSTOP:
                time.sleep(PAUSE_SECONDS)


_SESSIONS = "pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def judge(held: Held) -> int:
    """Prints what was found; returns the exit status."""
    print(held)
    return 1 if held.problems else 0
