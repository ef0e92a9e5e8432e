"""How the guest book is live."""

from dataclasses import dataclass

from realtime.live import Live, NamedLive, NameRef, declare
from tests.guestbook.models import Guest, Place


@declare
class PlaceLive(NamedLive):
    model = Place
    topics = ("guests",)


@declare
class GuestLive(Live):
    model = Guest
    topics = ("guests", "guest.{id}")
    relations = ("places",)
    fragments = {"row": "guestbook/guest.html"}

    @dataclass(frozen=True)
    class State:
        id: int
        name: str
        places: tuple[NameRef, ...]
        version: int
