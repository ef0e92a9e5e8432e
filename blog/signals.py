"""Every way in which something that a reader sees can change, connected in one place.

Handlers only leave marks (realtime.publish); what they mean together is told in blog.events.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import ModelSignal, m2m_changed, post_save, pre_delete, pre_save

from blog import relations
from blog.announced import bulk_changed, bulk_made, doomed
from blog.models import Author, Book, Edition, Post, Publication, Tag
from realtime.live.many_to_many import note_actions
from realtime.publish import loaded, publish, publish_all

senders: set[type[Model]] = set()


def say(kind: str, family: str, attribute: str, instance: Model, using: str, raw: bool = False, **kwargs: Any) -> None:
    """`kind` of the object that the instance is, or belongs to. loaddata (raw) announces nothing."""
    key = f"{family}.{getattr(instance, attribute)}"
    if raw:
        loaded(key, using=using)
    else:
        publish(kind, key, using=using)


def say_changed(
    kind: str, family: str, attribute: str, sender: type[Model], pks: Iterable[Any], using: str, **kwargs: Any
) -> None:
    """The same for what update() touches."""
    rows = sender._base_manager.using(using).filter(pk__in=pks)
    _say_all(kind, family, pks if attribute == "pk" else rows.values_list(attribute, flat=True), using)


def say_made(kind: str, family: str, attribute: str, rows: Iterable[Model], using: str, **kwargs: Any) -> None:
    """The same for what bulk_create() made."""
    _say_all(kind, family, (getattr(row, attribute) for row in rows), using)


def book_state_moves(instance: Book, using: str, raw: bool = False, **kwargs: Any) -> None:
    """Chapters name their book only while it is public, so with its state theirs changes."""
    if instance.pk is None or raw:
        return
    before = Book.objects.filter(pk=instance.pk).values_list("state", flat=True).first()
    if before is not None and before != instance.state:
        _say_posts(Post.objects.filter(book=instance.pk), using)


def books_move(pks: Iterable[Any], using: str, **kwargs: Any) -> None:
    _say_posts(Post.objects.filter(book__in=pks), using)


def book_goes(instance: Book, using: str, origin: Any, **kwargs: Any) -> None:
    """Its chapters stay, without it."""
    publish("book.updated", f"book.{instance.pk}", using=using)
    _say_posts(Post.objects.filter(book__in=_newly_doomed(instance, origin)), using)


def author_goes(instance: Author, using: str, origin: Any, **kwargs: Any) -> None:
    """Posts lose the byline. What books lose is told by each authorship that goes."""
    _say_posts(Post.objects.filter(byline__in=_newly_doomed(instance, origin)), using)


def _newly_doomed(instance: Model, origin: Any) -> Iterable[Any]:
    """All that go with the first of them, none with the others: what hangs on a thousand is one question."""
    if not isinstance(origin, QuerySet) or origin.model is not type(instance):
        return [instance.pk]
    if doomed(origin).setdefault(type(instance), instance) is not instance:
        return []
    return origin.order_by().values("pk")


def _say_posts(posts: "QuerySet[Post]", using: str) -> None:
    _say_all("post.updated", "post", posts.order_by().values_list("pk", flat=True), using)


def _say_all(kind: str, family: str, ids: Iterable[Any], using: str) -> None:
    publish_all(kind, {f"{family}.{id}": {} for id in ids}, using)


def connect() -> None:
    """Connects all of them. Called once, from AppConfig.ready()."""
    _object(Post, "post.updated", "post", "pk")
    _object(Book, "book.updated", "book", "pk")
    _object(Author, "author.updated", "author", "pk")
    _object(Tag, "tag.updated", "tag", "slug")
    _object(Publication, "publication.updated", "publication", "pk")
    _object(Edition, "book.updated", "book", "book_id")
    _on(pre_delete, Post, "goes", partial(say, "post.updated", "post", "pk"))
    _on(pre_delete, Edition, "goes", partial(say, "book.updated", "book", "book_id"))
    _on(pre_delete, Book, "goes", book_goes)
    _on(pre_delete, Author, "goes", author_goes)
    _on(pre_save, Book, "state moves", book_state_moves)
    _on(bulk_changed, Book, "states move", books_move)
    for relation in relations.RELATIONS:
        note_actions(relation.field)
        _on(m2m_changed, relation.through, "changes", partial(relations.parts_change, relation))
        _on(pre_save, relation.through, "will change", partial(relations.row_will_change, relation))
        _on(post_save, relation.through, "changed", partial(relations.row_changed, relation))
        _on(pre_delete, relation.through, "goes", partial(relations.row_goes, relation))
        _on(bulk_changed, relation.through, "change", partial(relations.rows_change, relation))
        _on(bulk_made, relation.through, "made", partial(relations.rows_made, relation))


def _object(model: type[Model], kind: str, family: str, attribute: str) -> None:
    _on(post_save, model, "saved", partial(say, kind, family, attribute))
    _on(bulk_changed, model, "changed", partial(say_changed, kind, family, attribute))
    _on(bulk_made, model, "made", partial(say_made, kind, family, attribute))


def _on(signal: ModelSignal, sender: type[Model], what: str, handler: Any) -> None:
    senders.add(sender)
    signal.connect(handler, sender=sender, weak=False, dispatch_uid=f"blog.{sender.__name__}.{what}")
