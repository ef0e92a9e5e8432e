"""What every transport has to do. Each check is a sentence, and is run on each transport that can do it.

A check follows tags that nobody else writes to, and ends with an event that it expects next: so it
knows what was not told, without waiting for silence.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.site import Writer
from tests.conformance.transports import TRANSPORTS, Following, Frame, Log, Refused, Socket, Stream, page

EVERY = ("socket", "stream", "log")
HTTP = ("stream", "log")


class Trial:
    """One check on one transport."""

    def __init__(self, writer: Writer, transport: str) -> None:
        self.writer = writer
        self.site = writer.site
        self.open: Any = next(each for each in TRANSPORTS if each.name == transport)
        self.topic = f"tag.{writer.tag}"
        self.other = f"tag.{writer.other_tag}"
        self._opened: list[Following] = []

    def follow(self, *topics: str, since: str | None = None, **options: Any) -> Following:
        """Follows the topics, or the trial's own."""
        following: Following = self.open(self.site, list(topics) or [self.topic], since, **options)
        self._opened.append(following)
        return following

    def publish(self, title: str = "The pier holds", *more: str, **fields: str) -> int:
        """A new post on the trial's topic."""
        return self.writer.publish(title, self.writer.tag, *more, **fields)

    def settle(self) -> None:
        """Whoever asks the log asks for all that was committed: after that its process has read it."""
        page(self.site, [self.topic])

    def expect_next(self, following: Following) -> None:
        """Publishes, and expects that to be what the reader hears next."""
        post = self.publish("Nothing else was told")
        assert_is(following.hear(), "post.published", post)

    def refused(self, *topics: str, **options: Any) -> Refused:
        try:
            self.follow(*topics, **options)
        except Refused as refused:
            return refused
        raise AssertionError("it was not refused")

    def end(self) -> None:
        for each in self._opened:
            each.close()


@dataclass(frozen=True)
class Check:
    """A sentence, how to find out, and the transports that it is about."""

    sentence: str
    run: Callable[[Trial], None]
    transports: tuple[str, ...] = field(default=EVERY)

    def __call__(self, writer: Writer, transport: str) -> None:
        trial = Trial(writer, transport)
        try:
            self.run(trial)
        finally:
            trial.end()


CHECKS: list[Check] = []


def check(sentence: str, *transports: str) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    """Registers a check; without transports it is for all of them."""

    def register(run: Callable[[Trial], None]) -> Callable[[Trial], None]:
        CHECKS.append(Check(sentence, run, transports or EVERY))
        return run

    return register


def offset(position: str) -> int:
    return int(position.rpartition("-")[2])


def assert_is(frame: Frame, kind: str, post: int) -> None:
    assert (frame.get("kind"), frame.get("key")) == (kind, f"post.{post}"), frame


# --- events


@check("An event reaches who follows its topic, with the members of the contract.")
def _an_event(trial: Trial) -> None:
    reader = trial.follow()
    post = trial.publish("Fog over the harbour")
    event = reader.hear()
    assert_is(event, "post.published", post)
    assert list(event) == ["type", "position", "topics", "left", "kind", "key", "time", "data"], list(event)
    assert event["type"] == "event"
    assert {"front", f"post.{post}", trial.topic} <= set(event["topics"])
    assert event["left"] == []
    assert event["time"].endswith("Z")
    assert event["data"]["title"] == "Fog over the harbour"
    assert offset(event["position"]) > offset(reader.position)


@check("Events come in the order in which they were committed.")
def _in_order(trial: Trial) -> None:
    reader = trial.follow()
    posts = [trial.publish(f"Number {number}") for number in range(5)]
    events = [reader.hear() for _ in posts]
    assert [event["key"] for event in events] == [f"post.{post}" for post in posts]
    offsets = [offset(event["position"]) for event in events]
    assert offsets == sorted(set(offsets))


@check("An event of several followed topics comes once.")
def _once(trial: Trial) -> None:
    reader = trial.follow(trial.topic, trial.topic, trial.other)
    post = trial.publish("Twice tagged", trial.writer.other_tag)
    assert_is(reader.hear(), "post.published", post)
    trial.expect_next(reader)


@check("What is on other topics is not told.")
def _others(trial: Trial) -> None:
    reader = trial.follow()
    trial.writer.publish("Elsewhere", trial.writer.other_tag)
    trial.expect_next(reader)


@check("A post that leaves a topic says so to who follows it.")
def _leaves(trial: Trial) -> None:
    post = trial.publish()
    reader = trial.follow()
    trial.writer.edit(post, "The pier holds", tags_text=trial.writer.other_tag)
    event = reader.hear()
    while event["kind"] != "post.tags.changed":
        event = reader.hear()
    assert event["left"] == [trial.topic]
    assert trial.topic in event["topics"]
    trial.expect_next(reader)


@check("Fragments come in the language that was asked for; JSON has none.")
def _fragments(trial: Trial) -> None:
    reader = trial.follow(format="html", language="ko")
    trial.publish("안개")
    assert "<article" in reader.hear()["html"]["entry"]


@check("An unknown language falls back to the site's.")
def _unknown_language(trial: Trial) -> None:
    reader = trial.follow(format="html", language="tlh")
    trial.publish()
    assert reader.hear()["html"]


# --- recovery


@check("A page's position leaves no gap: what was published since is told.")
def _snapshot(trial: Trial) -> None:
    since = trial.site.position()
    post = trial.publish()
    reader = trial.follow(since=since)
    assert reader.position == since
    assert_is(reader.hear(), "post.published", post)
    trial.expect_next(reader)


@check("Who comes back hears what was missed, oldest first, and then what is live.")
def _recovery(trial: Trial) -> None:
    reader = trial.follow()
    first = trial.publish("Heard")
    assert_is(reader.hear(), "post.published", first)
    reader.close()
    missed = [trial.publish(f"Missed {number}") for number in range(3)]
    again = trial.follow(since=reader.cursor)
    assert again.missed in (3, None)
    assert [again.hear()["key"] for _ in missed] == [f"post.{post}" for post in missed]
    trial.expect_next(again)


@check("Who has missed nothing hears nothing of the past.")
def _nothing_missed(trial: Trial) -> None:
    reader = trial.follow()
    trial.publish()
    reader.hear()
    reader.close()
    again = trial.follow(since=reader.cursor)
    assert again.missed in (0, None)
    trial.expect_next(again)


@check("Any event's position can be resumed from.")
def _any_position(trial: Trial) -> None:
    since = trial.follow().position
    posts = [trial.publish(f"Number {number}") for number in range(3)]
    for post in posts:
        reader = trial.follow(since=since)
        assert_is(reader.hear(), "post.published", post)
        since = reader.cursor
        reader.close()
    trial.expect_next(trial.follow(since=since))


@check("Of several events of one object the newest is recovered; likes are told apart.")
def _compaction(trial: Trial) -> None:
    since = trial.follow().position
    post = trial.publish("a")
    trial.writer.edit(post, "b")
    trial.writer.like(post)
    trial.writer.edit(post, "c")
    trial.settle()
    reader = trial.follow(since=since)
    assert reader.missed in (2, None)
    assert_is(reader.hear(), "post.likes.changed", post)
    event = reader.hear()
    assert_is(event, "post.updated", post)
    assert event["data"]["title"] == "c"
    trial.expect_next(reader)


@check("A topic that was left on the way is named by the event that stands for it.")
def _left_on_the_way(trial: Trial) -> None:
    post = trial.publish()
    since = trial.follow().position
    trial.writer.edit(post, "The pier holds", tags_text=trial.writer.other_tag)
    trial.writer.edit(post, "The pier fell")
    trial.settle()
    reader = trial.follow(trial.topic, trial.other, since=since)
    event = reader.hear()
    assert event["data"].get("title", "The pier fell") == "The pier fell"
    assert event["left"] == [trial.topic]
    trial.expect_next(reader)


@check("compact=0 tells every event.", *HTTP)
def _every_event(trial: Trial) -> None:
    since = trial.follow().position
    post = trial.publish("a")
    trial.writer.edit(post, "b")
    trial.writer.edit(post, "c")
    reader = trial.follow(since=since, compact="0")
    assert [reader.hear()["data"]["title"] for _ in "abc"] == ["a", "b", "c"]
    trial.expect_next(reader)


@check("A withdrawn text is not told to who comes back: they get the tombstone.")
def _withdrawn(trial: Trial) -> None:
    since = trial.follow().position
    post = trial.publish("A secret", text="That must not be told.")
    trial.writer.withdraw(post, "A mistake.")
    trial.settle()
    reader = trial.follow(since=since)
    event = reader.hear()
    assert_is(event, "post.withdrawn", post)
    assert event["data"]["reason"] == "A mistake."
    assert not {"title", "body"} & set(event["data"])
    trial.expect_next(reader)


@check("compact=0 tells of a withdrawn text only that there was one.", *HTTP)
def _scrubbed(trial: Trial) -> None:
    since = trial.follow().position
    post = trial.publish("A secret", text="That must not be told.")
    trial.writer.withdraw(post)
    trial.settle()
    reader = trial.follow(since=since, compact="0", format="html")
    event = reader.hear()
    assert_is(event, "post.published", post)
    assert (event["data"], event["html"]) == ({"scrubbed": True}, {})
    assert_is(reader.hear(), "post.withdrawn", post)
    trial.expect_next(reader)


@check("Another log's position is reset, with the reason epoch.")
def _epoch(trial: Trial) -> None:
    expect_reset(trial, "elsewhere-7", "epoch")


@check("A position ahead of the log is reset, with the reason ahead.")
def _ahead(trial: Trial) -> None:
    epoch, _, head = trial.site.position().partition("-")
    expect_reset(trial, f"{epoch}-{int(head) + 1_000_000}", "ahead")


def expect_reset(trial: Trial, since: str, reason: str, missed: Container[int | None] = (None,)) -> None:
    """A reset that counts what was missed as one of these, from whose position on the reader is live."""
    reader = trial.follow(since=since)
    reset = reader.hear()
    assert (reset["type"], reset["reason"]) == ("reset", reason), reset
    assert reset["topics"] == [trial.topic]
    assert reset["missed"] in missed
    trial.expect_next(reader)
    reader.close()
    again = trial.follow(since=reset["position"])
    assert again.hear()["data"]["title"] == "Nothing else was told"


@check("The transports tell the same to the same question.", "socket")
def _alike(trial: Trial) -> None:
    since = trial.follow().position
    post = trial.publish("a")
    trial.writer.edit(post, "b")
    trial.publish("c")
    for options in ({}, {"format": "html", "language": "ko"}):
        told = []
        for transport in (Socket, Stream, Log):
            trial.open = transport
            reader = trial.follow(since=since, **options)
            told.append([reader.hear() for _ in range(2)])
        assert told[0] == told[1] == told[2]


# --- who may read, and what


@check("The desk is not for everybody.")
def _forbidden(trial: Trial) -> None:
    for topic in ("desk", "user.1", "task.1"):
        refused = trial.refused(trial.topic, topic)
        assert (refused.code, refused.status) in (("forbidden", 403), ("forbidden", None)), refused


@check("A topic of no family, or that is none, is unknown.")
def _unknown(trial: Trial) -> None:
    for topic in ("weather.today", "front.page", "tag.", "no topic", "x" * 101, ""):
        refused = trial.refused(topic)
        assert (refused.code, refused.status) in (("unknown", 404), ("unknown", None)), (topic, refused)


@check("Whether an object exists is not revealed.")
def _not_revealed(trial: Trial) -> None:
    trial.expect_next(trial.follow("post.999999999", trial.topic))


@check("With a ticket the desk can be followed.")
def _ticket(trial: Trial) -> None:
    trial.expect_next(trial.follow("desk", trial.topic, ticket=trial.site.ticket()))


@check("The session's cookie will do as well.", *HTTP)
def _session(trial: Trial) -> None:
    trial.expect_next(trial.follow("desk", trial.topic, session=True))


@check("A ticket that was not issued here is refused.")
def _bad_ticket(trial: Trial) -> None:
    refused = trial.refused(ticket="nobody")
    assert (refused.code, refused.status) in (("bad-ticket", 401), ("bad-ticket", None)), refused


@check("A position that is none is refused.")
def _bad_position(trial: Trial) -> None:
    for since in ("yesterday", "", "k3f9ab-", "k3f9ab--1", "k3f9ab-99999999999999999999"):
        refused = trial.refused(since=since)
        assert (refused.code, refused.status) in (("bad-position", 400), ("bad-position", None)), (since, refused)


@check("A format that is none is refused.")
def _bad_format(trial: Trial) -> None:
    refused = trial.refused(format="xml")
    assert (refused.code, refused.status) in (("bad-parameter", 400), ("bad-message", None)), refused


@check("More than 200 topics are refused.")
def _too_many_topics(trial: Trial) -> None:
    refused = trial.refused(*(f"post.{number}" for number in range(201)))
    assert (refused.code, refused.status) in (("limit", 400), ("limit", None)), refused
