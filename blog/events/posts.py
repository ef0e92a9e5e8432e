"""How a change of a post is told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from blog.events.net import net
from blog.models import Like, Post
from blog.rows import POSTS, PostRow
from blog.state import (
    DeskPost,
    Likes,
    PostState,
    TagsChanged,
    Withdrawn,
    desk_post,
    post_state,
    shown_by_post,
    withdrawn_state,
)
from realtime.publish import Change, NewEvent, StandaloneSource

RELATION = "post.tags"
TAGS = "post.tags.changed"
LIKES = "post.likes.changed"


@dataclass(frozen=True)
class Seen:
    """A post under its lock: its row, and who of those that were touched likes it."""

    row: PostRow
    likers: Collection[int]


class PostSource(StandaloneSource):
    rank = 10

    def read(self, changes: Sequence[Change]) -> Mapping[str, Seen]:
        likers = _likers(changes)
        rows = POSTS.rows(int(change.id) for change in changes)
        return {str(row.id): Seen(row, likers.get(row.id, ())) for row in rows}

    def embedded_keys(self, state: Seen) -> Iterable[str]:
        """The byline, the tags and the book."""
        return shown_by_post(state.row)

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        seen: Seen | None = change.state
        was_public = change.known.kind not in ("", "post.withdrawn")
        is_public = seen is not None and seen.row.state == Post.State.PUBLISHED
        if seen is not None and is_public:
            yield from _public(change, seen, was_public)
        elif was_public:
            # scrub: no cursor, however old, brings the text back
            yield NewEvent("post.withdrawn", [change.key], _gone(change), scrub=True)
        yield from _desk(change, seen, was_public, is_public)


def _gone(change: Change) -> Withdrawn:
    if change.state is None:
        return Withdrawn(int(change.id), timezone.now(), "", True, change.version)
    return withdrawn_state(change.state.row, change.version)


def _likers(changes: Sequence[Change]) -> dict[int, set[int]]:
    """By post, which of those whose like was touched like it now."""
    touched = {int(change.id): change.before[LIKES] for change in changes if LIKES in change.before}
    users: set[Any] = {user for likes in touched.values() for user in likes}
    likers: dict[int, set[int]] = {}
    if touched:
        for post, user in Like.objects.filter(post__in=touched, user__in=users).values_list("post_id", "user_id"):
            likers.setdefault(post, set()).add(user)
    return likers


def _public(change: Change, seen: Seen, was_public: bool) -> Iterable[NewEvent]:
    """What the whole transaction did to a public post; what was set while publishing folds into that."""
    post = post_state(seen.row, change.version, change.embedded)
    topics = topics_of(post)
    if not was_public:
        kind = "post.restored" if change.known.kind == "post.withdrawn" else "post.published"
        yield NewEvent(kind, topics, post)
        return
    if "post.updated" in change.kinds:
        yield NewEvent("post.updated", topics, post)
    tags = net(change.before.get(TAGS, {}), {tag.slug: tag for tag in post.tags}, TAGS in change.cleared)
    if tags:
        yield NewEvent(TAGS, topics, TagsChanged(RELATION, **vars(tags), post=post))
    if net(change.before.get(LIKES, {}), dict.fromkeys(seen.likers, True)):
        yield NewEvent(LIKES, topics, Likes(post.id, post.likes, post.version))


def _desk(change: Change, seen: Seen | None, was_public: bool, is_public: bool) -> Iterable[NewEvent]:
    """What the desk is told: it lists what is not public yet."""
    if seen is None:
        if not was_public:
            gone = DeskPost(int(change.id), "", "deleted", None, None, change.version)
            yield NewEvent("desk.changed", ["desk"], gone, lives=False, left=["desk"])
        return
    now = desk_post(seen.row, change.version, change.embedded)
    if is_public or now.state == Post.State.WITHDRAWN:
        # what is public from the beginning was never listed
        if change.known.version and (not was_public or not is_public):
            yield NewEvent("desk.changed", ["desk"], now, lives=False, left=["desk"])
    elif set(change.kinds) != {LIKES}:
        yield NewEvent("desk.changed", ["desk"], now, lives=False)


def topics_of(post: PostState) -> list[str]:
    """Where a public post lives."""
    topics = ["front", f"post.{post.id}"]
    if post.author:
        topics.append(f"author.{post.author.id}")
    topics += [f"tag.{tag.slug}" for tag in post.tags]
    if post.book:
        topics.append(f"book.{post.book.id}")
    return topics
