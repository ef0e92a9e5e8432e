"""Servers are killed while writers write and readers read; no event may be lost, doubled or wrong.

FAULTS_SECONDS sets the length of a run, FAULTS_SEED its faults: docs/reliability.md.
"""

import os
import subprocess
import sys

import pytest

from tests.faults import isolation, open_transaction, recovery
from tests.faults.rig.rig import ROOT

SECONDS = os.environ.get("FAULTS_SECONDS", "35")
SEED = os.environ.get("FAULTS_SEED", "1")


def fault_run(*options: str) -> "subprocess.CompletedProcess[str]":
    # in a process of its own, with servers of its own: those of the tests must not be killed
    command = [sys.executable, "-m", "tests.faults", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120 + 3 * float(SECONDS))


def test_nothing_is_lost_or_twice_or_out_of_order_whatever_is_killed():
    run = fault_run("--seconds", SECONDS, "--seed", SEED)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif("FAULTS_BROKEN" not in os.environ, reason="a minute for each: FAULTS_BROKEN=1 asks for it")
@pytest.mark.parametrize(
    ("build", "found"),
    [
        ("early-bell", "late"),
        ("early-event", "phantom"),
        ("skipped-position", "lost"),
        ("no-merge", "lost"),
        ("kept-text", "leaked"),
        ("kept-in-memory", "leaked"),
    ],
)
def test_a_broken_build_is_found(build: str, found: str):
    run = fault_run("--seconds", "30", "--seed", SEED, "--broken", build)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"\n0 {found}\n" not in run.stdout


def test_the_measurements_still_fit_the_product():
    """Only that they can be imported: they take minutes, and are run by hand."""
    assert all((isolation.measure, open_transaction.measure, recovery.measure))
