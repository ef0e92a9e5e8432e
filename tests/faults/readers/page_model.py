"""A model of one open page: the posts that it shows, and how events change them.

It follows docs/protocol.md alone, as a client of another author would.
"""

from collections.abc import Mapping
from typing import Any

Shown = dict[int, dict[str, Any]]


class Page:
    """A list of posts that follows one topic, and `site` for the names that the posts contain."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.shown: Shown = {}

    def render(self, states: Mapping[int, dict[str, Any]]) -> None:
        """Replaces everything by the states as they were read."""
        self.shown = {pk: dict(state) for pk, state in states.items()}

    def apply(self, frame: Mapping[str, Any]) -> None:
        """Applies an event."""
        family, _, id = frame["key"].partition(".")
        if family == "author":
            self._rename(frame["data"])
        elif family == "post":
            self._post(int(id), frame)

    def _rename(self, author: Mapping[str, Any]) -> None:
        for post in self.shown.values():
            if post["author"] and post["author"]["id"] == author["id"]:
                post["author"] = {name: author[name] for name in ("id", "name", "url")}

    def _post(self, pk: int, frame: Mapping[str, Any]) -> None:
        data = frame["data"]
        state = data.get("post", data)
        here = self.shown.get(pk)
        if here is not None and state.get("version", 0) < here["version"]:
            return  # the page was read after this event
        if "withdrawn" in data or self.topic in frame["left"] or data.get("scrubbed"):
            self.shown.pop(pk, None)
        elif "body" in state:
            self.shown[pk] = state
        elif here is not None:  # only the number of likes changed
            here["likes"], here["version"] = state["likes"], state["version"]
