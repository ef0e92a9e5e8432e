"""Runs the scenarios that are programs of their own, each of which prints a table."""

import signal
import subprocess
import sys
import time

from bench import ROOT
from bench.scenarios.results import Results
from bench.systems import machine
from realtime.embedded.child import die_with_parent

NAMES = ("writers", "latency", "relations", "pages")
MAX_RUN_SECONDS = 240


def run_all(results: Results) -> None:
    """Runs each on all cores, and keeps its output for the report."""
    machine.unpin()
    for name in NAMES:
        run(name, results)
        results.save()


def run(name: str, results: Results) -> None:
    """Runs one scenario; its own children end with it, however it ends."""
    began = time.monotonic()
    print(f"python -m bench.scenarios.{name}", end=" ", flush=True)
    with subprocess.Popen(
        [sys.executable, "-m", f"bench.scenarios.{name}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    ) as process:
        try:
            output, errors = process.communicate(timeout=MAX_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()[0], f"it did not end within {MAX_RUN_SECONDS} s"
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if process.returncode:
        reason = (errors.strip().splitlines() or ["without a message"])[-1]
        results.note(f"`python -m bench.scenarios.{name}` failed: {reason}")
    if output.strip():
        results.sections[name] = output.strip()
