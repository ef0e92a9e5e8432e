"""How a change of a post is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from blog.events.net import net
from blog.models import Post
from blog.state import DeskPost, Likes, PostState, TagsChanged, Withdrawn, desk_post, post_states, withdrawn_state
from realtime.publish import Change, Draft

RELATION = "post.tags"


@dataclass(frozen=True)
class Seen:
    """A post under its lock: what the desk sees, and what everyone sees, if anything."""

    desk: DeskPost
    public: PostState | None
    gone: Withdrawn


class PostSource:
    rank = 10

    def parts(self, ids: Sequence[str]) -> Iterable[str]:
        """The byline, the tags and the book that the posts show."""
        rows = Post.objects.filter(pk__in=ids).values_list("byline_id", "book_id", "tags__slug")
        for byline, book, slug in rows:
            yield from (
                f"{family}.{id}" for family, id in (("author", byline), ("book", book), ("tag", slug)) if id is not None
            )

    def read(self, ids: Sequence[str], versions: Mapping[str, int]) -> Mapping[str, Seen]:
        by_pk = {int(id): version for id, version in versions.items()}
        public = {state.id: state for state in post_states(Post.objects.public().filter(pk__in=ids), by_pk)}
        rows = Post.objects.filter(pk__in=ids).select_related("byline")
        return {
            str(row.pk): Seen(
                desk_post(row, by_pk[row.pk]),
                public.get(row.pk),
                withdrawn_state(row, by_pk[row.pk]),
            )
            for row in rows
        }

    def tell(self, change: Change) -> Iterable[Draft]:
        seen: Seen | None = change.state
        was_public = change.known.kind not in ("", "post.withdrawn")
        if seen is not None and seen.public is not None:
            yield from _public(change, seen.public, was_public)
        elif was_public:
            gone = seen.gone if seen else Withdrawn(int(change.id), timezone.now(), "", True, change.version)
            # scrub: no cursor, however old, brings the text back
            yield Draft("post.withdrawn", [change.key], gone, scrub=True)
        yield from _desk(change, seen, was_public)


def _public(change: Change, post: PostState, was_public: bool) -> Iterable[Draft]:
    """What the whole transaction did to a public post; what was set while publishing folds into that."""
    topics = topics_of(post)
    if not was_public:
        kind = "post.restored" if change.known.kind == "post.withdrawn" else "post.published"
        yield Draft(kind, topics, post)
        return
    if "post.updated" in change.kinds:
        yield Draft("post.updated", topics, post)
    tags = net(change.before.get("post.tags.changed", {}), {tag.slug: tag for tag in post.tags})
    if tags:
        yield Draft("post.tags.changed", topics, TagsChanged(RELATION, **vars(tags), post=post))
    if _likes_changed(change):
        yield Draft("post.likes.changed", topics, Likes(post.id, post.likes, post.version))


def _likes_changed(change: Change) -> bool:
    touched = change.before.get("post.likes.changed", {})
    if not touched:
        return False
    rows = Post.liked_by.through.objects  # type: ignore[attr-defined]
    likes = rows.filter(post=change.id, user__in=touched)
    return bool(net(touched, dict.fromkeys(likes.values_list("user_id", flat=True), True)))


def _desk(change: Change, seen: Seen | None, was_public: bool) -> Iterable[Draft]:
    """What the desk is told: it lists what is not public yet."""
    if seen is None:
        if not was_public:
            gone = DeskPost(int(change.id), "", "deleted", None, None, change.version)
            yield Draft("desk.changed", ["desk"], gone, lives=False, left=["desk"])
    elif seen.public is not None or seen.desk.state == Post.State.WITHDRAWN:
        if not was_public or seen.public is None:
            yield Draft("desk.changed", ["desk"], seen.desk, lives=False, left=["desk"])
    elif set(change.kinds) != {"post.likes.changed"}:
        yield Draft("desk.changed", ["desk"], seen.desk, lives=False)


def topics_of(post: PostState) -> list[str]:
    """Where a public post lives."""
    topics = ["front", f"post.{post.id}"]
    if post.author:
        topics.append(f"author.{post.author.id}")
    topics += [f"tag.{tag.slug}" for tag in post.tags]
    if post.book:
        topics.append(f"book.{post.book.id}")
    return topics
