"""What else is measured by programs of their own in bench/; each says what it found in a table."""

import signal
import subprocess
import sys
import time

from bench.scenarios.results import Results
from bench.systems import installs, machine
from bench.systems.processes import ROOT
from realtime.embedded.child import die_with_parent

NAMES = ("writers", "latency", "relations", "pages")
LONGEST = 240  # seconds


def run(results: Results) -> None:
    """Each that is there, on all cores; what it prints goes into the report as it is."""
    machine.release()
    for name in NAMES:
        if (installs.HERE / "scenarios" / f"{name}.py").exists():
            one(name, results)
            results.save()


def one(name: str, results: Results) -> None:
    """What it started ends with it, whatever becomes of it."""
    began = time.monotonic()
    print(f"python -m bench.scenarios.{name}", end=" ", flush=True)
    words = [sys.executable, "-m", f"bench.scenarios.{name}"]
    with subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    ) as process:
        try:
            said, wrong = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            said, wrong = process.communicate()[0], f"it did not end within {LONGEST} s"
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if process.returncode:
        results.note(
            f"`python -m bench.scenarios.{name}` failed: {(wrong.strip().splitlines() or ['it said nothing'])[-1]}"
        )
    if said.strip():
        results.sections[name] = said.strip()
