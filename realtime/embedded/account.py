"""The account that the embedded servers run as: our own, or `nobody` when we are root.

PostgreSQL refuses to run as root. Changing to `nobody` is not enough where that account cannot reach
the files (a project below /root): then programs and data lie in /var/lib/stop-press.
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
    """A user and group; `switched` is true where it is not the one of this process."""

    uid: int
    gid: int
    switched: bool

    def popen(self) -> dict[str, Any]:
        """Returns the arguments of Popen that make a child run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switched else {}

    def reaches(self, path: Path) -> bool:
        """Returns whether this account can enter or execute the path, as the kernel answers, not the mode bits."""
        if not self.switched:
            return True
        return subprocess.run(["/bin/sh", "-c", 'test -x "$0"', str(path)], cwd="/", **self.popen()).returncode == 0

    def own(self, path: Path) -> None:
        """Makes this account the owner of an existing directory, and closes it to all others."""
        if self.switched:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def home(self, data_dir: Path) -> Path:
        """Returns the directory of the servers' data: DATA_DIR, or one below VAR where that is out of reach."""
        data_dir.mkdir(parents=True, exist_ok=True)
        if self.reaches(data_dir):
            return data_dir
        home = VAR / hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        return home


def current() -> Account:
    """Returns the account for servers that this process starts."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switched=False)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, switched=True)
