"""The measurements of docs/performance.md: `make bench` from the top of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
OUTPUT = BENCH / "out"  # what is built, installed and logged; git ignores it


class MeasurementError(Exception):
    """A measurement that could not be made; its text gives the reason in a sentence."""
