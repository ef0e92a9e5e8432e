"""A private Valkey (the Redis protocol), reachable by a unix socket only."""

from dataclasses import dataclass
from pathlib import Path

import redis

from realtime.embedded.account import Account
from realtime.embedded.child import Child
from realtime.embedded.programs import Programs


@dataclass(frozen=True)
class Valkey:
    """One server. `durable` keeps queued tasks across a restart."""

    programs: Programs
    account: Account
    home: Path
    sockets: Path
    log: Path
    durable: bool = True
    fds: tuple[int, ...] = ()

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    @property
    def data(self) -> Path:
        return self.home / "valkey"

    def create(self) -> None:
        """Make the directory of its data unless it is there."""
        self.data.mkdir(exist_ok=True)
        self.account.own(self.data)

    def child(self) -> Child:
        """The server. It replaces a socket file that an earlier one left behind."""
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
            patience=1,
            stage=2,
        )

    def ready(self) -> bool:
        """Whether it answers."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.ConnectionError:  # not listening yet, or still loading
            return False
        finally:
            client.close()
