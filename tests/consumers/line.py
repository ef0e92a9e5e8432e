"""A stand-in for Twisted's connection, which keeps what is written and how it was ended."""

from tests.rfc6455.frames import CLOSE, Heard, parse


class TransportStub:
    """Twisted's connection."""

    client, protocol, writer, unsent = ("192.0.2.1", 1234), None, None, 0

    def __init__(self) -> None:
        self.socket = self
        self.written = b""
        self.ended: list[str] = []

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.2", 80

    def registerProducer(self, *_: object) -> None: ...

    def unregisterProducer(self) -> None: ...

    def write(self, data: bytes) -> None:
        self.written += data

    begin = write

    def loseConnection(self) -> None:
        self.ended.append("lost")

    def loseWriteConnection(self) -> None:
        self.ended.append("half")

    def abortConnection(self) -> None:
        self.ended.append("cut")

    def status(self) -> int:
        return int(self.written.split(b" ")[1])

    def frames(self) -> list[Heard]:
        """What was said behind the answer to the handshake."""
        rest, frames = self.written.partition(b"\r\n\r\n")[2], []
        while rest and (found := parse(rest)):
            frames.append(found[0])
            rest = rest[found[1] :]
        return frames

    def code(self) -> int | None:
        """Of the close frame, which has to be the last and the only one."""
        *before, last = self.frames()
        assert CLOSE not in [each.opcode for each in before]
        assert last.opcode == CLOSE
        return last.code
