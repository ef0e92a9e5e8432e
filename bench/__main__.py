"""`python -m bench`: the commands of the measurements; the Makefile says what each is for."""

import argparse
import signal
import sys
import time
from datetime import UTC, datetime

from bench import MeasurementError
from bench.report import performance_page, profile
from bench.scenarios import full, hold, profiling, quick
from bench.scenarios.results import Results
from bench.systems import machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("quick", help="ours against the tutorial and the floor, in two minutes")
    whole = commands.add_parser("full", help="everything, in 22 minutes")
    whole.add_argument("--rounds", type=int, default=3)
    whole.add_argument("--readers", type=int, default=1000)
    whole.add_argument("--scale", type=float, default=1.0, help="factor of the other numbers of readers, to try it out")
    whole.add_argument("--only", nargs="*", default=(), metavar="SYSTEM")
    holding = commands.add_parser("hold", help="many readers for minutes, while PostgreSQL and Redis fail")
    holding.add_argument("--readers", type=int, default=10_000)
    holding.add_argument("--minutes", type=float, default=10)
    holding.add_argument("--write", action="store_true", help="write the result into docs/performance.md")
    watching = commands.add_parser("profile", help="where an edge spends its time")
    watching.add_argument("--write", action="store_true", help="write the result into docs/performance.md")
    commands.add_parser("report", help="write docs/performance.md again from bench/out/results.json")
    options = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that child processes are stopped
    try:
        status = run(options)
    except MeasurementError as error:
        print(error)
        return 1
    print(f"Done after {time.monotonic() - began:.0f} s.")
    return status


def run(options: argparse.Namespace) -> int:
    """Runs a command; returns the exit status."""
    if options.command == "quick":
        return quick.run()
    if options.command == "hold":
        return run_hold(options)
    if options.command == "profile":
        lines = list(profile.lines(today(), profiling.run()))
        print("\n".join(lines))
        if options.write:
            performance_page.write_profile(lines)
        return 0
    if options.command == "report":
        performance_page.write(Results.read())
        return 0
    extent = full.Extent(options.rounds, options.readers, options.scale, options.only)
    results = full.run(extent, today())
    if extent == full.Extent():
        performance_page.write(results)
    else:
        print("That was not all of it, so docs/performance.md stays as it is; `python -m bench report` writes it.")
    return 0


def run_hold(options: argparse.Namespace) -> int:
    """Holds readers, writes the result where asked, and returns the exit status."""
    held = hold.run(options.readers, options.minutes)
    if options.write:
        held.save(today())
        performance_page.write_held(today(), machine.description(), str(held))
    return hold.judge(held)


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


if __name__ == "__main__":
    sys.exit(main())
