"""A private Valkey, which speaks the Redis protocol, reachable by a unix socket only."""

from dataclasses import dataclass
from pathlib import Path

import redis

from realtime.embedded.account import Account
from realtime.embedded.child import Child
from realtime.embedded.programs import Programs


@dataclass(frozen=True)
class Valkey:
    """One server. `durable` keeps queued jobs across a restart."""

    programs: Programs
    account: Account
    home: Path
    sockets: Path
    log: Path
    durable: bool = True
    fds: tuple[int, ...] = ()

    @property
    def socket(self) -> Path:
        """The socket that it listens on."""
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The address of its database, as redis-py reads it."""
        return f"unix://{self.socket}?db=0"

    @property
    def data(self) -> Path:
        """The directory of its data."""
        return self.home / "valkey"

    def create(self) -> None:
        """Makes the directory of its data unless there is one."""
        self.data.mkdir(exist_ok=True)
        self.account.own(self.data)

    def child(self) -> Child:
        """Returns the server's process, which replaces a socket file that an earlier one left."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "loglevel": "warning",
        }
        return Child(
            "Valkey",
            (self.programs.valkey, *[word for key, value in options.items() for word in (f"--{key}", value)]),
            account=self.account,
            log=self.log,
            fds=self.fds,
            stop_timeout=1,
            stop_stage=2,
        )

    def ready(self) -> bool:
        """Returns whether the server answers."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.ConnectionError:  # not listening yet, or still loading
            return False
        finally:
            client.close()
