"""A node that is there is used, if it is one that can be used."""

import os
import subprocess

import pytest

from frontend import node


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose PATH holds a node of some version, or none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    node._system_node.cache_clear()
    yield lambda version: _script(tmp_path / "node", f"echo {version}")
    node._system_node.cache_clear()


def _script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_without_node_the_carried_one_serves(machine):
    assert str(node.WHEEL) in node.node()[0]
    assert node.environment()["PATH"].startswith(str(node.WHEEL))
    printed = subprocess.run([*node.npm(), "--version"], env=node.environment(), capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr


def test_a_node_too_old_is_left_alone(machine):
    machine("v12.22.12")
    assert str(node.WHEEL) in node.node()[0]


def test_a_node_without_npm_does_not_run_another_npm(machine, tmp_path):
    machine("v20.1.0")
    assert node.node() == [str(tmp_path / "node")]
    assert all(str(node.WHEEL) in part for part in node.npm())
    assert node.environment() == dict(os.environ)
