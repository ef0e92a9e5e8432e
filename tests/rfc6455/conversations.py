"""What a client might say, made by chance from a seed: well-formed, and then not."""

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.rfc6455.deflating import WAYS
from tests.rfc6455.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RSV1,
    TEXT,
    announced,
    closing,
    frame,
    in_pieces,
)
from tests.rfc6455.messages import LIMIT, PING_MESSAGE, echo, padded

ALPHABET = 'abc /"\\ß€\ud7ff\uffff😀\U0010ffff'
SIZES = (125, 126, 127, 65_535, LIMIT, LIMIT + 1)
CODES = (None, 1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999, 0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000)
MOST = 7  # messages: ten bad ones would end the connection


class Conversation(NamedTuple):
    seed: int
    sort: str
    deflates: bool
    frames: list[bytes]
    pieces: list[bytes]  # as they are sent

    @property
    def sent(self) -> bytes:
        return b"".join(self.pieces)


def conversation(seed: int) -> Conversation:
    """The one that belongs to the seed."""
    chance = random.Random(seed)
    deflates = chance.random() < 0.5
    frames = [each for _ in range(chance.randint(1, MOST)) for each in _turn(chance, deflates)]
    if chance.random() < 0.4:
        frames.append(
            closing(chance.choice(CODES[:8]), b"bye"[: chance.randint(0, 3)]) if chance.random() < 0.9 else b""
        )
    sort = chance.choice(("well-formed", "frames", "bytes"))
    if sort == "frames":
        for _ in range(chance.randint(1, 2)):
            chance.choice(_OF_FRAMES)(chance, frames)
    sent = bytearray(b"".join(frames))
    if sort == "bytes":
        for _ in range(chance.randint(1, 3)):
            chance.choice(_OF_BYTES)(chance, sent)
    return Conversation(seed, sort, deflates, frames, _cut(chance, bytes(sent)))


def _turn(chance: random.Random, deflates: bool) -> list[bytes]:
    kind = chance.random()
    if kind < 0.15:
        return [frame(PING, chance.randbytes(chance.choice((0, 1, 20, 125))), mask=chance.randbytes(4))]
    if kind < 0.2:
        return [frame(PONG, chance.randbytes(chance.choice((0, 5, 125))))]
    if kind < 0.25:
        return [frame(BINARY, chance.randbytes(chance.randint(0, 300)))]
    if kind < 0.32:
        return [frame(TEXT, padded(chance.choice(SIZES)), mask=chance.randbytes(4))]
    if kind < 0.4:
        return [frame(TEXT, PING_MESSAGE)]
    return _message(chance, deflates)


def _message(chance: random.Random, deflates: bool) -> list[bytes]:
    """An echo in up to eight pieces, with control frames between."""
    payload = echo("/" + "".join(chance.choices(ALPHABET, k=chance.choice((0, 1, 5, 40, 300)))))
    compressed = deflates and chance.random() < 0.6
    if compressed:
        payload = WAYS[chance.choice([name for name in WAYS if "byte" not in name])](payload)
    cuts = sorted(chance.randint(0, len(payload)) for _ in range(chance.choice((0, 0, 1, 2, 7))))
    pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames = in_pieces(TEXT, *pieces, rsv=RSV1 if compressed else 0)
    if len(frames) > 1 and chance.random() < 0.5:
        frames.insert(chance.randint(1, len(frames) - 1), frame(PING, chance.randbytes(3)))
    return frames


def _cut(chance: random.Random, sent: bytes) -> list[bytes]:
    """In one packet, in a few, or at first byte by byte."""
    if (kind := chance.random()) < 0.3:
        return [sent]
    if kind < 0.8 or not sent:
        cuts = sorted(chance.randint(0, len(sent)) for _ in range(chance.randint(1, 12)))
    else:
        cuts = list(range(1, min(60, len(sent))))
    return [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


# --- what may be wrong with frames


def _place(chance: random.Random, frames: list[bytes]) -> int:
    return chance.randrange(len(frames))


def _twice(chance: random.Random, frames: list[bytes]) -> None:
    at = _place(chance, frames)
    frames.insert(at, frames[at])


def _lost(chance: random.Random, frames: list[bytes]) -> None:
    del frames[_place(chance, frames)]
    frames.append(frame(PING, b"after"))


def _in_another_order(chance: random.Random, frames: list[bytes]) -> None:
    frames.insert(_place(chance, frames), frames.pop(_place(chance, frames)))


def _other_first_byte(chance: random.Random, frames: list[bytes]) -> None:
    """Another opcode, a reserved bit, or the end of a message."""
    at = _place(chance, frames)
    if frames[at]:
        frames[at] = bytes((frames[at][0] ^ (1 << chance.randrange(8)),)) + frames[at][1:]


def _no_mask(chance: random.Random, frames: list[bytes]) -> None:
    frames.insert(_place(chance, frames), frame(chance.choice((TEXT, PING, CLOSE)), b"{}", mask=None))


def _odd_size(chance: random.Random, frames: list[bytes]) -> None:
    odd = (
        frame(TEXT, b"{}", bits=chance.choice((16, 64))),
        announced(TEXT, chance.choice((LIMIT + 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))),
        frame(PING, b"x" * 126),
    )
    frames.insert(_place(chance, frames), chance.choice(odd))


def _no_text(chance: random.Random, frames: list[bytes]) -> None:
    payload = bytearray(echo("/ß€😀" * chance.randint(1, 20)))
    payload[chance.randrange(len(payload))] = chance.choice((0x80, 0xC0, 0xED, 0xF5, 0xFF))
    frames.insert(_place(chance, frames), frame(TEXT, bytes(payload)))


def _other_close(chance: random.Random, frames: list[bytes]) -> None:
    reason = chance.choice((b"", b"bye", b"\xff", b"\xe2\x82", b"x" * 123))
    code = chance.choice(CODES)
    frames.insert(_place(chance, frames), closing(code, reason) if code is not None else frame(CLOSE, reason[:1]))


def _pieces_of_nothing(chance: random.Random, frames: list[bytes]) -> None:
    frames.insert(_place(chance, frames), frame(CONTINUATION, b"x", final=chance.random() < 0.5))


def _rubbish(chance: random.Random, frames: list[bytes]) -> None:
    frames.insert(_place(chance, frames), chance.randbytes(chance.randint(1, 30)))


def _bad_compression(chance: random.Random, frames: list[bytes]) -> None:
    payload = bytearray(chance.choice(list(WAYS.values())[:3])(echo("/" + "tide " * 50)))
    for _ in range(chance.randint(1, 4)):
        payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
    pieces = [bytes(payload)] if chance.random() < 0.5 else [bytes(payload[:9]), bytes(payload[9:])]
    at = _place(chance, frames)
    frames[at:at] = in_pieces(TEXT, *pieces, rsv=RSV1)


_OF_FRAMES: list[Callable[[random.Random, list[bytes]], None]] = [
    *(_twice, _lost, _in_another_order, _other_first_byte, _no_mask, _odd_size, _no_text, _other_close),
    *(_pieces_of_nothing, _rubbish, _bad_compression),
]

# --- and with bytes: most of them at the beginning of what is said, or all would be payload


def _byte(chance: random.Random, sent: bytearray) -> int:
    return min(int(chance.expovariate(1 / 60)), len(sent) - 1)


def _flipped(chance: random.Random, sent: bytearray) -> None:
    if sent:
        sent[_byte(chance, sent)] ^= 1 << chance.randrange(8)


def _another(chance: random.Random, sent: bytearray) -> None:
    if sent:
        sent[_byte(chance, sent)] = chance.choice((0, 0x7F, 0x80, 0xFE, 0xFF, chance.randrange(256)))


def _more(chance: random.Random, sent: bytearray) -> None:
    at = _byte(chance, sent) if sent else 0
    sent[at:at] = chance.randbytes(chance.randint(1, 4))


def _fewer(chance: random.Random, sent: bytearray) -> None:
    if sent:
        at = _byte(chance, sent)
        del sent[at : at + chance.randint(1, 4)]


def _half(chance: random.Random, sent: bytearray) -> None:
    if sent:
        del sent[_byte(chance, sent) :]


_OF_BYTES: list[Callable[[random.Random, bytearray], None]] = [_flipped, _another, _more, _fewer, _half]
