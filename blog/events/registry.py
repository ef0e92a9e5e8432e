"""The kinds of this domain, with the templates that show them, and who may follow its topics."""

from collections.abc import Mapping
from typing import Any

from blog import permissions, state
from realtime import topics
from realtime.kinds import Kind, register
from realtime.tickets import Reader

POST = {
    "entry": "blog/post/entry.html",
    "article": "blog/post/article.html",
    "likes": "blog/post/likes.html",
    "chapter": "blog/post/chapter.html",
}
BOOK = {
    "card": "blog/book/card.html",
    "heading": "blog/book/heading.html",
    "byline": "blog/book/byline.html",
    "name": "blog/book/name.html",
    "edition": "blog/book/edition.html",
}
NO_POST = {"article": "blog/post/tombstone.html"}
NO_BOOK = {"heading": "blog/book/tombstone.html"}


def shows_post(post: Any) -> Mapping[str, Any]:
    return {"post": post}


def shows_post_inside(change: Any) -> Mapping[str, Any]:
    return {"post": change.post}


def shows_book(book: Any) -> Mapping[str, Any]:
    return {"book": book}


def shows_book_inside(change: Any) -> Mapping[str, Any]:
    return {"book": change.book}


def shows_gone(gone: Any) -> Mapping[str, Any]:
    return {"gone": gone}


def shows_author(author: Any) -> Mapping[str, Any]:
    return {"author": author}


def shows_tag(tag: Any) -> Mapping[str, Any]:
    return {"tag": tag}


def shows_publication(publication: Any) -> Mapping[str, Any]:
    return {"publication": publication}


def register_kinds() -> None:
    for name in ("post.published", "post.updated", "post.restored"):
        register(Kind(name, state.PostState, fragments=POST, context=shows_post))
    register(Kind("post.tags.changed", state.TagsChanged, fragments=POST, context=shows_post_inside))
    register(Kind("post.withdrawn", state.Withdrawn, fragments=NO_POST, context=shows_gone))
    register(Kind("post.likes.changed", state.Likes, "likes", {"likes": POST["likes"]}, shows_post))
    for name in ("book.published", "book.updated", "book.restored"):
        register(Kind(name, state.BookState, fragments=BOOK, context=shows_book))
    register(Kind("book.authors.changed", state.AuthorsChanged, fragments=BOOK, context=shows_book_inside))
    register(Kind("book.withdrawn", state.Withdrawn, fragments=NO_BOOK, context=shows_gone))
    register(
        Kind("author.updated", state.AuthorState, fragments={"name": "blog/author/name.html"}, context=shows_author)
    )
    register(Kind("tag.updated", state.TagState, fragments={"name": "blog/tag/name.html"}, context=shows_tag))
    publication = {"masthead": "blog/publication/masthead.html", "summary": "blog/publication/summary.html"}
    register(Kind("publication.updated", state.PublicationState, fragments=publication, context=shows_publication))
    register(Kind("desk.changed", state.DeskPost, "desk", {"row": "blog/desk/row.html"}, shows_post))


def rights_of(user: Any) -> frozenset[str]:
    """What a ticket says its user may follow beyond the public."""
    desk = permissions.rights(user) & {permissions.DESK}
    return desk | {"staff"} if user.is_staff else desk


def may_follow_desk(reader: Reader, topic: str) -> bool:
    return "desk" in reader.rights


def is_theirs(reader: Reader, topic: str) -> bool:
    return reader.id is not None and topic == f"user.{reader.id}"


def may_follow_task(reader: Reader, topic: str) -> bool:
    # also who started it: the family is personal, and the log knows
    return bool(reader.rights & {"desk", "staff"})


def register_topics() -> None:
    for name in ("front", "books", "site"):
        topics.register(name, single=True)
    for name in ("post", "book", "author", "tag"):
        topics.register(name)
    topics.register("desk", may_follow_desk, single=True)
    topics.register("user", is_theirs)
    topics.register("task", may_follow_task, personal=True)
