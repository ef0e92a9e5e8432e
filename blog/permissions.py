"""Rights: which permission gives which, and what each allows.

Rights are words that pages and tickets use: "write" (own posts), "edit" (all posts), "desk" (see what is
not public yet, which both of the others include).
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
    """Returns the rights of a user: two queries the first time, none for a visitor who has not signed in."""
    return frozenset[str]().union(*(given for permission, given in GIVES.items() if user.has_perm(permission)))


def holders(right: str, ids: Iterable[int]) -> set[int]:
    """Returns which of these accounts have the right: a query for each permission that gives it."""
    among = list(ids)
    return {
        pk
        for permission, given in GIVES.items()
        if right in given
        for pk in User.objects.with_perm(permission).filter(pk__in=among).values_list("pk", flat=True)
    }


def may_publish(user: Account) -> bool:
    """Returns whether the user may make public what they may edit; others submit it."""
    return user.has_perm("blog.publish_post") or user.has_perm("blog.edit_any_post")


def may_edit(user: Account, post: Post) -> bool:
    """Returns whether the user may edit the post.

    Editors edit all posts, writers their own; what is public only with the right to publish.
    """
    held = rights(user)
    if EDIT in held:
        return True
    return WRITE in held and post.author_id == user.pk and (not post.is_public or may_publish(user))


def may_read(user: Account, post: Post) -> bool:
    """Returns whether the user may read the post: what is not public is for its author and for editors."""
    return post.is_public or (user.is_authenticated and post.author_id == user.pk) or EDIT in rights(user)


def may_read_book(user: Account, book: Book) -> bool:
    """Returns whether the user may read the book: what is not public is for the desk."""
    return book.state == Book.State.PUBLISHED or DESK in rights(user)


def needs(*wanted: str) -> Callable[[View], View]:
    """Returns a decorator that lets users with one of the rights pass.

    Others get 403, and a visitor who has not signed in is sent to do so.
    """

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
    """Returns the account that sent the request. Raises PermissionDenied where it has not signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def sign_in_first(request: HttpRequest, then: str = "") -> HttpResponse:
    """Redirects to the sign-in, and from there to `then`, or back to this page."""
    return redirect_to_login(then or request.get_full_path(), reverse("sign_in"))


def rights_of(user: Any) -> frozenset[str]:
    """Returns what a ticket says its user may follow beyond the public."""
    desk = rights(user) & {DESK}
    return desk | {"staff"} if user.is_staff else desk
