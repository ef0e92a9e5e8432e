"""The registry: the followers of this process, by audience and by topic."""

from collections import Counter
from collections.abc import Sequence
from time import monotonic

from consumers.delivery.audience import Audience, AudienceKey
from consumers.delivery.follower import Follower
from consumers.wire.server_frames import Entry, Variant


class AudienceRegistry:
    """Puts each follower into the audience of those who get the same bytes, and finds audiences by topic."""

    def __init__(self) -> None:
        self._followers: dict[Follower, Audience] = {}
        self._audiences: dict[AudienceKey, Audience] = {}
        self._topics: dict[str, dict[Audience, None]] = {}
        self._variants: Counter[Variant] = Counter()

    def __len__(self) -> int:
        return len(self._followers)

    @property
    def followers(self) -> list[Follower]:
        """All followers, in the order in which they joined."""
        return list(self._followers)

    @property
    def audiences(self) -> list[Audience]:
        """All audiences; each has at least one follower."""
        return list(self._audiences.values())

    @property
    def topics(self) -> int:
        """The number of topics that are followed."""
        return len(self._topics)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants in which frames are wanted. Read by the tail's thread, too."""
        return tuple(self._variants)

    # --- coming and going

    def join(self, follower: Follower) -> None:
        """Adds a follower; it hears what arrives from now on."""
        self.retain(follower.variant)
        self._followers[follower] = self._enter(follower)

    def leave(self, follower: Follower) -> None:
        """Removes a follower, with what waits to be written to it. Harmless when it has left already."""
        audience = self._followers.pop(follower, None)
        if audience is not None:
            self.release(follower.variant)
            self._exit(follower, audience)

    def reindex(self, follower: Follower) -> None:
        """Moves a follower whose topics, variant or `held` have changed to the audience that it belongs to now.

        What waits for it is written first, in its former variant. Nothing happens to a follower who has left.
        """
        if follower in self._followers:
            self.flush(follower)
            self._exit(follower, self._followers[follower])
            self._followers[follower] = self._enter(follower)

    def flush(self, follower: Follower) -> None:
        """Writes to the follower at once what has arrived for it and waits for its slice."""
        if audience := self._followers.get(follower):
            audience.flush(follower)

    def _enter(self, follower: Follower) -> Audience:
        key = AudienceKey(follower.variant, follower.writer.encoding, frozenset(follower.topics))
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(key, monotonic())
            for topic in key.topics:
                self._topics.setdefault(topic, {})[audience] = None
        audience.enter(follower)
        return audience

    def _exit(self, follower: Follower, audience: Audience) -> None:
        audience.leave(follower)
        if audience:
            return
        del self._audiences[audience.key]
        for topic in audience.key.topics:
            del self._topics[topic][audience]
            if not self._topics[topic]:
                del self._topics[topic]

    # --- variants in use

    def retain(self, variant: Variant) -> bool:
        """Counts one more user of the variant; returns whether it is the first."""
        self._variants[variant] += 1
        return self._variants[variant] == 1

    def release(self, variant: Variant) -> None:
        """Counts one user of the variant less; frames of a variant without users are not made any more."""
        self._variants[variant] -= 1
        if self._variants[variant] <= 0:
            del self._variants[variant]

    # --- who gets what

    def match(self, entries: Sequence[Entry]) -> dict[Audience, int]:
        """Returns the share of each audience that gets any of the events: bit n of its mask stands for event n."""
        masks: dict[Audience, int] = {}
        for number, entry in enumerate(entries):
            for topic in entry.event.topics:
                for audience in self._topics.get(topic, ()):
                    masks[audience] = masks.get(audience, 0) | 1 << number
        return masks
