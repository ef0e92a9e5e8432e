"""Finds psql: the one of the embedded PostgreSQL's package, else the system's."""

import os
import shutil

from realtime.embedded import programs
from realtime.embedded.account import Account
from realtime.embedded.supervisor import Failed


def find_psql() -> str:
    """Returns the path of psql; raises Failed, which names the package that brings it, where there is none.

    The package's own comes first: psql describes servers of its own version and older ones, and the
    system's may be older than the embedded server.
    """
    found = _of_the_package() or shutil.which("psql")
    if not found:
        raise Failed("There is no psql on this machine: install the package postgresql-client.")
    return found


def _of_the_package() -> str:
    # it runs as ourselves, not as the servers: nothing has to be copied to where their account can go
    ourselves = Account(os.geteuid(), os.getegid(), switched=False)
    try:
        beside = programs.find_programs(ourselves).postgres.parent
    except Failed:
        return ""
    return shutil.which("psql", path=str(beside)) or ""
