"""What every system is measured by: deliveries at three rates, growth with the readers, and a storm."""

from bench.load.generator import LoadGenerator
from bench.scenarios import fan_out
from bench.scenarios.results import Results, milliseconds_between
from bench.systems import machine
from bench.systems.backing_services import BackingServices
from bench.systems.catalogue import Server, System

QUIET = (40, 0.2)  # events, seconds between two
STEADY = (300, 0.01)
STORM_READERS = 5_000  # who are cut at once
MISSED_EVENTS = 5  # published while the readers of a storm are away
STORM_TIMEOUT_SECONDS = 60
MAX_RECONNECTING = 1000  # handshakes under way after a storm


def deliveries(services: BackingServices, system: System, readers: int, results: Results) -> None:
    """Measures connecting, memory, a burst, a quiet and a steady rate."""
    name = system.name
    with system.start(services) as server, LoadGenerator(server.port, server.reader_options) as load:
        connected = fan_out.connect(server, system, load, readers)
        results.add(name, "connects", connected.rate)
        results.add(name, "kilobytes", connected.kilobytes)
        cost = fan_out.burst(server, system, load, readers)
        results.add(name, "burst", cost.cpu)
        results.add(name, "burst rate", cost.rate)
        results.add(name, "readers", cost.readers_cpu)
        _note_missed(name, "a burst", cost.missed, results)
        paces = {"quiet": QUIET} if system.slow or system.brief else {"quiet": QUIET, "steady": STEADY}
        for measure, pace in paces.items():
            services_cpu = _ServicesCpu(services) if name == "ours" else None
            _paced(name, measure, server, load, pace, results)
            if services_cpu:
                services_cpu.add_to(results, measure, pace[0])
        if name == "ours":
            coalesced = fan_out.deliver(server, load, fan_out.MAX_EVENTS, one_commit=True)[0]
            results.add(name, "coalesced", coalesced.cpu)


def _paced(
    name: str, measure: str, server: Server, load: LoadGenerator, pace: tuple[int, float], results: Results
) -> None:
    cost, _, published = fan_out.deliver(server, load, *pace)
    results.add(name, measure, cost.cpu)
    results.add(name, f"{measure} p50", cost.delay)
    results.add(name, f"{measure} p99", cost.delay_p99)
    _note_missed(name, f"{measure} events", cost.missed, results)
    if "ends" in published:  # only our publisher says when an event was committed
        arrivals = load.last_arrivals()
        results.add(name, f"{measure} commit to last", *milliseconds_between(published["ends"], arrivals))
        results.add(name, f"{measure} save to last", *milliseconds_between(published["starts"], arrivals))


class _ServicesCpu:
    """The processor time of PostgreSQL for the hub's reading of the log, and of Valkey for the bell."""

    def __init__(self, services: BackingServices) -> None:
        self._pids = {"look": services.log_sessions(), "bell": [services.running["Valkey"].pid]}
        self._before = {name: machine.cpu_seconds(pids) for name, pids in self._pids.items()}

    def add_to(self, results: Results, measure: str, events: int) -> None:
        """Adds the milliseconds of a core for each event."""
        for name, pids in self._pids.items():
            used = machine.cpu_seconds(pids) - self._before[name]
            results.add("ours", f"{measure} {name}", 1000 * used / events)


def growth(services: BackingServices, system: System, readers: int, results: Results) -> None:
    """Measures the same burst with fewer or with more readers."""
    with system.start(services) as server, LoadGenerator(server.port, server.reader_options) as load:
        connected = fan_out.connect(server, system, load, readers)
        cost = fan_out.burst(server, system, load, readers)
        results.add(system.name, f"burst at {readers}", cost.cpu)
        if connected.live < readers:
            results.note(f"{system.name}: {connected.live:,} of {readers:,} readers got in.")
        _note_missed(system.name, f"a burst to {readers:,} readers", cost.missed, results)


def storm(services: BackingServices, system: System, readers: int, results: Results) -> None:
    """Cuts all readers at once, publishes events while they are away, and lets them come back."""
    with system.start(services) as server, LoadGenerator(server.port, server.reader_options) as load:
        fan_out.connect(server, system, load, readers)
        load.expect(2 * MISSED_EVENTS)
        load.limit(MISSED_EVENTS)
        server.publisher.ask(1, MISSED_EVENTS, 0.05)
        load.wait(30)
        load.cut()
        server.publisher.ask(MISSED_EVENTS + 1, MISSED_EVENTS, 0.0)
        load.limit(2 * MISSED_EVENTS)
        back = load.reconnect(MAX_RECONNECTING, STORM_TIMEOUT_SECONDS)
        results.add(system.name, "storm back", back["live"])
        results.add(system.name, "storm lost", load.report().missing)
        if back["live"] == readers:
            results.add(system.name, "storm live", back["live_seconds"])
            results.add(system.name, "storm", back["complete_seconds"])


def _note_missed(name: str, what: str, missed: int, results: Results) -> None:
    if missed:
        results.note(f"{name}: {missed:,} deliveries of {what} were lost.")
