"""Where one of the two does otherwise than the RFC has it, and why that stays. The suite fails when it stops to."""

from typing import NamedTuple


class Deviation(NamedTuple):
    """What it does instead, as `outcome` says it, and the reason."""

    does: str
    reason: str


LENIENT = "Daphne gives autobahn a head of its own making, in which this cannot be seen any more."
HEARD_AS_HTTP = "Daphne compares the first Upgrade header with `websocket`; whatever else is there is a page."
PYTHON = "Autobahn reads the number as Python does: harmless, and the version is that of this RFC."

# by who speaks WebSocket, and by the name of the case
DEVIATIONS: dict[str, dict[str, Deviation]] = {
    "autobahn": {},
}
