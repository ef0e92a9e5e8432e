"""As root the servers are nobody's: their files must lie where nobody can go."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from realtime.embedded import account, programs
from realtime.embedded.account import Account

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to change to")


@dataclass(frozen=True)
class Locked(Account):
    """An account that reaches nothing of the environment we run in, as with a project below /root."""

    def reaches(self, path: Path) -> bool:
        return False


def test_programs_out_of_reach_are_copied_and_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "VAR", place / "var")
    who = account.current()
    found = programs.find(Locked(who.uid, who.gid, who.switched))
    assert found.postgres.is_relative_to(place)
    for program in (found.postgres, found.initdb, found.valkey):
        done = subprocess.run([program, "--version"], cwd="/", capture_output=True, **who.popen())
        assert done.returncode == 0, done.stderr
    assert programs.find(Locked(who.uid, who.gid, who.switched)) == found


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
