"""How posts are live: on public pages, and on the desk until they are public."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from blog.models import Like, Post
from blog.rows import POSTS, PostRow
from blog.state import (
    DeskPost,
    Likes,
    PostState,
    Withdrawn,
    desk_post,
    post_state,
    shown_by_post,
    withdrawn_state,
)
from realtime.kinds import Kind
from realtime.live import Live, Relation, declare
from realtime.publish import Change, NewEvent, publish_all
from realtime.tickets import Reader
from realtime.topics import register as register_topic


@dataclass(frozen=True)
class ReadPost:
    """A post under its lock: its row, and who of those that were touched likes it."""

    row: PostRow
    likers: Collection[int]


class LikedBy(Relation):
    """The likes of a post. Events tell how many there are, and never who gave them."""

    def was(self, row: Any) -> bool:
        return True

    def now(self, seen: ReadPost, state: PostState) -> Mapping[int, bool]:
        return dict.fromkeys(seen.likers, True)

    def data(self, change: Change, seen: ReadPost, state: PostState) -> Likes | None:
        return Likes(state.id, state.likes, state.version) if self.effect(change, seen, state) else None

    def kinds(self) -> Iterator[Kind]:
        likes = {"likes": self.live.fragments["likes"]}
        yield Kind(self.kind, Likes, "likes", likes, shows_post)


@declare
class PostLive(Live):
    """A post. The desk lists what is not public yet, so it is told of that, too."""

    model = Post
    State = PostState
    sources = {"author": "byline"}
    topics = ("front", "post.{id}")
    likes = LikedBy("liked_by", word="likes")
    relations = ("tags", likes)
    fragments = {
        "entry": "blog/post/entry.html",
        "article": "blog/post/article.html",
        "likes": "blog/post/likes.html",
        "chapter": "blog/post/chapter.html",
    }
    tombstone = {"article": "blog/post/tombstone.html"}

    def kinds(self) -> Iterator[Kind]:
        yield from super().kinds()
        yield Kind("desk.changed", DeskPost, "desk", {"row": "blog/desk/row.html"}, shows_post)

    def register_topics(self) -> None:
        super().register_topics()
        register_topic("desk", may_follow_desk, single=True)

    def read(self, changes: Sequence[Change]) -> Mapping[str, ReadPost]:
        likers = _likers(changes, self.likes.kind)
        rows = POSTS.rows(int(change.id) for change in changes)
        return {str(row.id): ReadPost(row, likers.get(row.id, ())) for row in rows}

    def embedded_keys(self, seen: ReadPost) -> Iterable[str]:
        """The byline, the tags and the book."""
        return shown_by_post(seen.row)

    def state_of(self, seen: ReadPost, version: int, shown: Mapping[str, Any]) -> PostState:
        return post_state(seen.row, version, shown)

    def is_public(self, seen: ReadPost) -> bool:
        return seen.row.state == Post.State.PUBLISHED

    def gone(self, change: Change) -> Withdrawn:
        return withdrawn_state(change.state.row, change.version) if change.state else super().gone(change)

    def topics_of(self, state: PostState) -> list[str]:
        lives = [*super().topics_of(state)]
        if state.author:
            lives.append(f"author.{state.author.id}")
        lives += [f"tag.{tag.slug}" for tag in state.tags]
        if state.book:
            lives.append(f"book.{state.book.id}")
        return lives

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        yield from super().build_events(change)
        yield from self.build_desk_events(change)

    def build_desk_events(self, change: Change) -> Iterator[NewEvent]:
        """Yields what the desk is told: it lists what is not public yet."""
        seen: ReadPost | None = change.state
        was_public = self.was_public(change)
        is_public = seen is not None and self.is_public(seen)
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
        elif set(change.kinds) != {self.likes.kind}:
            yield NewEvent("desk.changed", ["desk"], now, lives=False)


def _likers(changes: Sequence[Change], kind: str) -> dict[int, set[int]]:
    """By post, which of those whose like was touched like it now."""
    touched = {int(change.id): change.before[kind] for change in changes if kind in change.before}
    users: set[Any] = {user for likes in touched.values() for user in likes}
    likers: dict[int, set[int]] = {}
    if touched:
        for post, user in Like.objects.filter(post__in=touched, user__in=users).values_list("post_id", "user_id"):
            likers.setdefault(post, set()).add(user)
    return likers


def note_posts(posts: "QuerySet[Post]", using: str) -> None:
    """Notes that posts changed with something that they show."""
    pks = posts.order_by().values_list("pk", flat=True)
    publish_all("post.updated", {f"post.{pk}": {} for pk in pks}, using)


def shows_post(post: Any) -> Mapping[str, Any]:
    """Returns what a template reads of something that has a post's id, and some of its members."""
    return {"post": post}


def may_follow_desk(reader: Reader, topic: str) -> bool:
    """Returns whether the reader has a right on posts."""
    return "desk" in reader.rights
