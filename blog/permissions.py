"""Rights: this module alone knows which permission gives which right.

Rights are words that pages and tickets use: "write" (own posts), "edit" (everybody's),
"desk" (see what is not public yet: whoever has one of the two).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from blog.models import Book, Post, User

Account = User | AnonymousUser
View = Callable[..., HttpResponse]

WRITE, EDIT, DESK = "write", "edit", "desk"
GIVES = {
    "blog.add_post": frozenset({WRITE, DESK}),
    "blog.publish_post": frozenset({WRITE, DESK}),
    "blog.edit_any_post": frozenset({EDIT, DESK}),
}


def rights(user: Account) -> frozenset[str]:
    """The rights of a user: two queries the first time, none for somebody who is not signed in."""
    return frozenset[str]().union(*(given for permission, given in GIVES.items() if user.has_perm(permission)))


def holders(right: str, ids: Iterable[int]) -> set[int]:
    """Which of these accounts have the right: a query for each permission that gives it, however many they are."""
    among = list(ids)
    return {
        pk
        for permission, given in GIVES.items()
        if right in given
        for pk in User.objects.with_perm(permission).filter(pk__in=among).values_list("pk", flat=True)
    }


def may_publish(user: Account) -> bool:
    """May make public what they may edit; others submit it."""
    return user.has_perm("blog.publish_post") or user.has_perm("blog.edit_any_post")


def may_edit(user: Account, post: Post) -> bool:
    """Editors everything, writers their own; what is public only with the right to publish."""
    held = rights(user)
    if EDIT in held:
        return True
    return WRITE in held and post.author_id == user.pk and (not post.is_public or may_publish(user))


def may_read(user: Account, post: Post) -> bool:
    """What is not public is for its author and for editors."""
    return post.is_public or (user.is_authenticated and post.author_id == user.pk) or EDIT in rights(user)


def may_read_book(user: Account, book: Book) -> bool:
    """What is not public is for the desk: a book has no single author."""
    return book.state == Book.State.PUBLISHED or DESK in rights(user)


def needs(*wanted: str) -> Callable[[View], View]:
    """For those with one of the rights: 403 for others, the sign-in for who has not signed in."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            if not rights(request.user).intersection(wanted):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard


def account(request: HttpRequest) -> User:
    """Returns the account that sent the request; raises PermissionDenied where it is not signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def sign_in_first(request: HttpRequest, then: str = "") -> HttpResponse:
    """To the sign-in, and from there to `then`, or back to this page."""
    return redirect_to_login(then or request.get_full_path(), reverse("sign_in"))


def rights_of(user: Any) -> frozenset[str]:
    """Returns what a ticket says its user may follow beyond the public."""
    desk = rights(user) & {DESK}
    return desk | {"staff"} if user.is_staff else desk
