"""What else is measured by programs of their own in bench/: writers, latency, pages."""

import subprocess
import sys

from bench import installs, machine
from bench.processes import ROOT
from bench.results import Results

NAMES = ("writers", "latency", "pages")
LONGEST = 180  # seconds


def run(results: Results) -> None:
    """Each that is there, on all cores; what it prints goes into the report as it is."""
    machine.release()
    for name in NAMES:
        if not (installs.HERE / f"{name}.py").exists():
            continue
        print(f"python -m bench.{name}", flush=True)
        words = [sys.executable, "-m", f"bench.{name}"]
        try:
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
        except subprocess.TimeoutExpired:
            results.note(f"bench.{name} did not end within {LONGEST} s.")
            continue
        if done.returncode:
            results.note(f"bench.{name} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
        results.sections[name] = done.stdout.strip()
        results.save()
