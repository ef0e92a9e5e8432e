"""Lists of posts by the page, newest first; a page is found by the post it begins after.

Page numbers would show a post twice when another arrives between two clicks, and cost more the
further back one goes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.http import Http404, HttpRequest

from blog.models.posts import PostQuerySet
from blog.state import PostState, post_states

SIZE = 50  # posts; about ten screens
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_PRIMARY_KEY = 2**63 - 1  # what PostgreSQL takes for a primary key


class Place(NamedTuple):
    """Where a post stands: `1763629200123456-42`, microseconds since 1970 and its number."""

    date: datetime
    pk: int

    @classmethod
    def of(cls, post: PostState) -> "Place":
        return cls(post.published_date, post.id)

    @classmethod
    def parse(cls, text: str) -> "Place":
        date, _, pk = text.rpartition("-")
        try:
            place = cls(_EPOCH + timedelta(microseconds=int(date)), int(pk))
        except (ValueError, OverflowError) as error:
            raise Http404("There is no such place in the list.") from error
        if place.pk > _MAX_PRIMARY_KEY:
            raise Http404("There is no such place in the list.")
        return place

    def __str__(self) -> str:
        return f"{(self.date - _EPOCH) // timedelta(microseconds=1)}-{self.pk}"


@dataclass(frozen=True)
class Page:
    """One page of a list. `older` and `newer` are addresses, empty at either end."""

    posts: list[PostState]
    total: int
    older: str
    newer: str


def page_of(request: HttpRequest, posts: PostQuerySet) -> Page:
    """The page of `posts` that `?older=` or `?newer=` asks for; the newest one without."""
    total = posts.count()
    if "newer" in request.GET:
        rows = post_states(_newer(posts, Place.parse(request.GET["newer"])))
        if len(rows) > SIZE:
            shown = rows[:SIZE][::-1]
            return Page(shown, total, _link(request, "older", shown[-1]), _link(request, "newer", shown[0]))
        # what is left above does not fill a page: the newest one does
    elif "older" in request.GET:
        rows = post_states(_older(posts, Place.parse(request.GET["older"])))
        if rows:
            shown = rows[:SIZE]
            older = _link(request, "older", shown[-1]) if len(rows) > SIZE else ""
            return Page(shown, total, older, _link(request, "newer", shown[0]))
    rows = post_states(posts.newest_first()[: SIZE + 1])
    shown = rows[:SIZE]
    return Page(shown, total, _link(request, "older", shown[-1]) if len(rows) > SIZE else "", "")


# One row more than fits tells whether the list goes on. The bare date condition is for the index.


def _older(posts: PostQuerySet, place: Place) -> PostQuerySet:
    earlier = Q(published_date__lt=place.date) | Q(published_date=place.date, pk__lt=place.pk)
    return posts.filter(earlier, published_date__lte=place.date).newest_first()[: SIZE + 1]


def _newer(posts: PostQuerySet, place: Place) -> PostQuerySet:
    later = Q(published_date__gt=place.date) | Q(published_date=place.date, pk__gt=place.pk)
    return posts.filter(later, published_date__gte=place.date).order_by("published_date", "pk")[: SIZE + 1]


def _link(request: HttpRequest, direction: str, post: PostState) -> str:
    """This address with its filters, at another place."""
    query = request.GET.copy()
    for name in ("older", "newer"):
        query.pop(name, None)
    query[direction] = str(Place.of(post))
    return f"{request.path}?{query.urlencode()}"
