"""Who the embedded servers run as: ourselves, or `nobody` when we are root.

PostgreSQL refuses to run as root. Changing to `nobody` is not enough when the files lie where
nobody cannot go (a project below /root): then programs and data live in /var/lib/stop-press.
"""

import hashlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VAR = Path("/var/lib/stop-press")


@dataclass(frozen=True)
class Account:
    """The user that the servers run as; `switched` when that is not the user we are."""

    uid: int
    gid: int
    switched: bool

    def popen(self) -> dict[str, Any]:
        """The arguments of Popen that make a child run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}

    def reaches(self, path: Path) -> bool:
        """Whether this account can enter (or execute) the path. Asked of the kernel, not of mode bits."""
        if not self.switched:
            return True
        return subprocess.run(["/bin/sh", "-c", 'test -x "$0"', str(path)], cwd="/", **self.popen()).returncode == 0

    def own(self, path: Path) -> None:
        """Make an existing directory this account's, and closed to everybody else."""
        if self.switched:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def home(self, data_dir: Path) -> Path:
        """Where the servers keep their data: DATA_DIR, or a place of its own where that is out of reach."""
        data_dir.mkdir(parents=True, exist_ok=True)
        if self.reaches(data_dir):
            return data_dir
        home = VAR / hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        return home


def current() -> Account:
    """The account for servers started by this process."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switched=False)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, switched=True)
