"""Event stream: frames as blocks of `text/event-stream` (https://html.spec.whatwg.org/#server-sent-events).

`id:` is the position, so that a browser keeps the cursor by itself and brings it back as
`Last-Event-ID`. A block of nothing but an id moves the cursor and tells the page nothing.
"""

import msgspec


class _Head(msgspec.Struct, frozen=True):
    """The members of a frame that decide its block; the others are skipped over, not decoded."""

    type: str
    position: str = ""
    kind: str = ""


_head = msgspec.json.Decoder(_Head).decode


def block(text: bytes) -> bytes:
    """Returns the frame as a block; nothing for frames that answer what a stream cannot ask."""
    match _head(text):
        case _Head(type="event", position=position, kind=kind):
            return _block(position, kind, text)
        case _Head(type="heartbeat", position=position):
            return f"id: {position}\n\n".encode()
        case _Head(type="reset", position=position):
            return _block(position, "reset", text)
        case _Head(type="leaving" | "unsubscribed" | "presence" as word):
            return _block("", word, text)
    return b""


def _block(position: str, word: str, text: bytes) -> bytes:
    first = f"id: {position}\n" if position else ""
    return f"{first}event: {word}\ndata: ".encode() + text + b"\n\n"
