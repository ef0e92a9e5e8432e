"""Reading posts, and liking them."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from blog import permissions
from blog.forms.filters import FilterForm
from blog.models import Author, Post, Tag, User
from blog.paging import page_of
from blog.state import AuthorState, TagState, author_states, post_states, tag_states
from blog.views.errors import gone
from blog.views.transactions import retry_on_deadlock
from realtime import log


@dataclass(frozen=True)
class Filters:
    """The tag and the author that the front page is filtered by."""

    tag: TagState | None = None
    author: AuthorState | None = None

    @property
    def topic(self) -> str:
        """The topic of the list's posts; empty where they are not those of one topic."""
        if self.tag and self.author:
            return ""
        if self.tag:
            return f"tag.{self.tag.slug}"
        return f"author.{self.author.id}" if self.author else "front"


@require_safe
def post_list(request: HttpRequest) -> HttpResponse:
    """Shows the front page: public posts, newest first."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        raise Http404("There is no such tag or author.")
    tag, author = form.cleaned_data["tag"], form.cleaned_data["author"]
    posts = Post.objects.public()
    if tag:
        posts = posts.filter(tags=tag)
    if author:
        posts = posts.filter(byline=author)
    page = page_of(request, posts)
    filters = Filters(
        tag_states(Tag.objects.filter(pk=tag.pk))[0] if tag else None,
        author_states(Author.objects.filter(pk=author.pk))[0] if author else None,
    )
    return render(request, "blog/post_list.html", {**vars(page), "filters": filters})


@require_safe
def post_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows a post, to those who may read it where it is not public; answers 410 where it was withdrawn."""
    row: Any = get_object_or_404(Post.objects.defer("text").annotate(announced=log.version_of("post")), pk=pk)
    if row.state == Post.State.WITHDRAWN:
        return _withdrawn(request, row, row.announced)
    if not permissions.may_read(request.user, row):
        raise Http404("There is no such post.")
    context = {
        "post": post_states(Post.objects.filter(pk=pk))[0],
        "liked": request.user.is_authenticated and row.liked_by.filter(pk=request.user.pk).exists(),
        "may_edit": permissions.may_edit(request.user, row),
    }
    return render(request, "blog/post_detail.html", context)


def _withdrawn(request: HttpRequest, post: Post, version: int) -> HttpResponse:
    """Answers 410; a person who may edit the post finds the button that restores it."""
    may_edit = permissions.may_edit(request.user, post)
    may_restore = may_edit and permissions.may_publish(request.user)
    return gone(request, post, version, may_edit=may_edit, may_restore=may_restore)


@require_POST
@retry_on_deadlock
def post_like(request: HttpRequest, pk: int) -> HttpResponse:
    """Adds the person's like to a post, or removes it."""
    post = get_object_or_404(Post.objects.public().defer("text"), pk=pk)
    if not request.user.is_authenticated:
        return permissions.sign_in_first(request, then=post.get_absolute_url())
    # the person's own row is locked: a second click waits for the first, and no other reader waits
    User.objects.select_for_update(no_key=True).get(pk=request.user.pk)
    if post.liked_by.filter(pk=request.user.pk).exists():
        post.liked_by.remove(request.user)
    else:
        post.liked_by.add(request.user)
    return redirect(post)
