"""A fresh clone: `manage.py` on a Python without packages, and `test` and `live` on a copy."""

import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.terminal import BASE, Newsroom, manage, run

# Stands in for uv and the network: its environments see the packages of the Python that runs the tests.
UV = """#!/bin/sh
echo "$@" >> "{calls}"
for last in "$@"; do :; done
case "$1" in
  venv) exec "{python}" -m venv --without-pip "$last" ;;
  pip) [ ! -e "{broken}" ] || {{ echo "No route to the index."; exit 2; }}
       for site in "${{4%/bin/python}}"/lib/python*/site-packages; do echo "{packages}" > "$site/all.pth"; done ;;
esac
"""


@pytest.fixture
def clone(place: Path) -> Iterator[Path]:
    """A copy of the tracked files, and a link to the node packages, which would come from the network."""
    copy = place / "clone"
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=BASE, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (BASE / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(BASE / name, copy / name)
    (copy / "frontend" / "node_modules").symlink_to(BASE / "frontend" / "node_modules")
    yield copy
    shutil.rmtree(copy)


@pytest.fixture
def bare(clone: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A Python without packages, with the installer above beside it on PATH; and the file of its calls."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    uv, calls = tmp_path / "bare" / "bin" / "uv", tmp_path / "calls"
    words = {"python": sys.executable, "packages": sysconfig.get_path("purelib")}
    uv.write_text(UV.format(calls=calls, broken=tmp_path / "broken", **words))
    uv.chmod(0o755)
    calls.touch()
    return tmp_path / "bare" / "bin" / "python", calls


def check(clone: Path, python: Path, *more: str) -> tuple[int, str]:
    return run(python, clone / "manage.py", "version", *more, PATH=f"{python.parent}:/usr/bin:/bin")


def test_packages_that_are_missing_are_installed_once(clone: Path, bare: tuple[Path, Path]) -> None:
    python, calls = bare
    code, said = check(clone, python)
    assert code == 0, said
    assert said.splitlines()[-1].startswith("5.2")
    assert calls.read_text().count("--require-hashes") == 1

    calls.write_text("")
    assert check(clone, python)[0] == 0
    assert calls.read_text() == ""  # nothing was asked of the network


def test_a_changed_lock_is_installed_again(clone: Path, bare: tuple[Path, Path]) -> None:
    python, calls = bare
    assert check(clone, python)[0] == 0
    calls.write_text("")
    with (clone / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert check(clone, python)[0] == 0
    assert "venv" not in calls.read_text().split()
    assert calls.read_text().count("--require-hashes") == 1


def test_an_install_that_fails_shows_why_and_is_tried_again(clone: Path, bare: tuple[Path, Path]) -> None:
    python, calls = bare
    broken = calls.with_name("broken")
    broken.touch()
    code, said = check(clone, python)
    assert code == 1
    why, what = said.strip().splitlines()[-2:]
    assert why == "No route to the index."
    assert what.endswith("failed, see above.")
    broken.unlink()
    assert check(clone, python)[0] == 0


def test_the_two_commands_on_a_copy_of_the_clone(clone: Path) -> None:
    code, said = manage("test", "tests/realtime/test_position.py", "-k", "text", base=clone)
    assert code == 0, said
    assert " passed" in said
    assert " deselected" in said

    live = Newsroom(clone / ".data", base=clone).ready()
    try:
        assert live.status("") == 200
    finally:
        live.signal(signal.SIGTERM)
        assert live.terminal.ends() == 0
