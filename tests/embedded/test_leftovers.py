"""What a process leaves behind when it is killed while it makes a cluster: the next one starts from nothing."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from realtime.embedded import account, programs
from realtime.embedded.postgres import Postgres
from tests.embedded.terminal import BASE, descendants, left, until

# an initdb that begins and never ends; -D DIRECTORY comes first
SLOW = "#!/bin/sh\ntouch $2/begun\nexec sleep 1000\n"
MAKE = """
from pathlib import Path
from tests.embedded.test_leftovers import cluster
cluster(Path({place!r}), slow=True).create()
"""


def cluster(place: Path, slow: bool = False) -> Postgres:
    who = account.current()
    found = programs.find_programs(who)
    if slow:
        found = replace(found, initdb=place / "initdb")
    return Postgres(found, who, place, place, place / "log", durable=False)


def test_a_process_killed_while_it_makes_a_cluster_takes_initdb_along(place: Path) -> None:
    """Otherwise initdb would go on in the directory in which the next process begins anew."""
    (place / "initdb").write_text(SLOW)
    (place / "initdb").chmod(0o755)
    maker = subprocess.Popen([sys.executable, "-c", MAKE.format(place=str(place))], cwd=BASE)
    until(lambda: (place / "postgres.making" / "begun").exists())
    family = descendants(maker.pid)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    assert family
    until(lambda: left(family) == [])
    assert not cluster(place).data.exists()
    cluster(place).create()
    assert (cluster(place).data / "PG_VERSION").exists()
    assert not (cluster(place).data / "begun").exists()
