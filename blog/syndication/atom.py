"""The newest public posts as an Atom feed."""

from datetime import datetime

from django.contrib.syndication.views import Feed
from django.http import HttpRequest
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from blog.models import Post
from blog.state import PostState, PublicationState, post_states, publication_state
from blog.text.xhtml import legal

MAX_ENTRIES = 50  # entries; as many as the front page


class PostFeed(Feed):
    """Whole posts, as the pages show them; a withdrawn post is no longer in it."""

    feed_type = Atom1Feed
    description_template = None
    title_template = None

    def get_object(self, request: HttpRequest) -> PublicationState:
        return publication_state()

    def title(self, publication: PublicationState) -> str:
        return legal(publication.title)

    def subtitle(self, publication: PublicationState) -> str:
        return legal(publication.standfirst)

    def link(self) -> str:
        return reverse("post_list")

    def feed_url(self) -> str:
        return reverse("feed")

    def items(self) -> list[PostState]:
        return post_states(Post.objects.public().newest_first()[:MAX_ENTRIES])

    def item_title(self, post: PostState) -> str:
        return legal(post.title)

    def item_description(self, post: PostState) -> str:
        return legal(post.body)

    def item_link(self, post: PostState) -> str:
        return post.url

    def item_pubdate(self, post: PostState) -> datetime:
        return post.published_date

    def item_updateddate(self, post: PostState) -> datetime:
        return post.updated

    def item_author_name(self, post: PostState) -> str:
        return legal(post.author.name) if post.author else ""

    def item_categories(self, post: PostState) -> list[str]:
        return [legal(tag.name) for tag in post.tags]
