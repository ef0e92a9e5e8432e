"""The same application on the servers that every Django reader knows, with nothing of `consumers/server` loaded."""

from tests.consumers.conftest import Edge


class PlainDaphne(Edge):
    """`daphne asgi:application`."""

    def command(self, fd: int) -> list[str]:
        return ["-m", "daphne", "--fd", str(fd), "-v", "0", "asgi:application"]


class Uvicorn(Edge):
    """`uvicorn asgi:application`."""

    def command(self, fd: int) -> list[str]:
        return ["-m", "uvicorn", "--fd", str(fd), "--log-level", "error", "asgi:application"]
