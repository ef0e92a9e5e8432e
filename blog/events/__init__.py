"""What this domain announces: its topics, its kinds, and how each object's change is told."""

from blog.events.access import AccessSource
from blog.events.books import BookSource
from blog.events.names import AuthorSource, PublicationSource, TagSource
from blog.events.posts import PostSource
from blog.events.registry import register_kinds, register_topics
from realtime import publish


def register() -> None:
    """Fills the registries. Called once, from AppConfig.ready()."""
    register_topics()
    register_kinds()
    publish.register("post", PostSource())
    publish.register("book", BookSource())
    publish.register("author", AuthorSource())
    publish.register("tag", TagSource())
    publish.register("publication", PublicationSource())
    publish.register("user", AccessSource())
