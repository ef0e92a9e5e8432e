"""Close codes: why the server closes a socket. 4000-4499: come back and resume; 4500-4999: stay away."""

from enum import IntEnum

CLOSE_TIMEOUT = 2  # seconds for the client's half of the closing handshake, and for the last bytes to arrive


class CloseCode(IntEnum):
    """A close code; `sentence` is the reason in the close frame, for people who debug a client."""

    sentence: str

    def __new__(cls, code: int, sentence: str = "") -> "CloseCode":
        close = int.__new__(cls, code)
        close._value_ = code
        close.sentence = sentence
        return close

    SLOW = 4008, "This reader fell too far behind; come back and resume."
    RESTARTING = 4012, "The server is restarting; come back and resume."
    TRY_LATER = 4013, "There is no room for this connection now; try later."
    TOO_FAST = 4029, "Too many frames; come back more slowly."
    SIGNED_OUT = 4401, "Signed out; come back with a new ticket or without one."
    ORIGIN = 4503, "This origin may not open sockets here."
    TOO_LARGE = 4509, "This frame is too large."
    BAD_FRAMES = 4522, "Too many frames that could not be understood."


def close_sentence(code: int) -> str:
    """Returns the sentence of a code of ours; nothing for the codes of RFC 6455."""
    return CloseCode(code).sentence if code in CloseCode._value2member_map_ else ""
