"""Making the objects of a model live: one declaration, from which kinds, topics, signals and events follow.

docs/architecture.md, "Make a new thing live", walks through it.
"""

from realtime.live.announced import Announced, AnnouncedQuerySet
from realtime.live.declaration import Live, Withdrawn
from realtime.live.named import NamedLive, NameRef
from realtime.live.registry import declare, declared, live_of
from realtime.live.relation import Relation

__all__ = [
    "Announced",
    "AnnouncedQuerySet",
    "Live",
    "NameRef",
    "NamedLive",
    "Relation",
    "Withdrawn",
    "declare",
    "declared",
    "live_of",
]
