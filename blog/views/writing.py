"""Writing posts: new, edited, withdrawn, restored."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from blog import permissions
from blog.forms.posts import PostForm, WithdrawForm
from blog.models import Post
from blog.permissions import EDIT, WRITE, needs
from blog.publishing import revisions
from blog.views.transactions import flash_on_commit, retry_on_deadlock

FORM_METHODS = require_http_methods(["GET", "HEAD", "POST"])


def _editable(request: HttpRequest, pk: int) -> Post:
    """Returns the post, locked where the request is to change it; 403 for a person who may not edit it."""
    posts = Post.objects.select_for_update(no_key=True) if request.method == "POST" else Post.objects
    post = get_object_or_404(posts, pk=pk)
    if not permissions.may_edit(request.user, post):
        raise PermissionDenied  # not 404: a person who comes this far may read the desk, which lists it
    return post


def _done(post: Post) -> str:
    """Returns what happened to a post, for the person who pressed the button."""
    return {
        Post.State.DRAFT: _("Saved as a draft."),
        Post.State.SUBMITTED: _("Submitted: an editor will look at it."),
        Post.State.SCHEDULED: _("Scheduled."),
        Post.State.PUBLISHED: _("Published."),
        Post.State.WITHDRAWN: _("Saved. The post stays withdrawn."),
    }[Post.State(post.state)]


@FORM_METHODS
@needs(WRITE, EDIT)
@retry_on_deadlock
def post_new(request: HttpRequest) -> HttpResponse:
    """Writes a post: title and text, published at once unless another button was pressed."""
    form = PostForm(request.POST if request.method == "POST" else None, by=permissions.account(request))
    if request.method == "POST" and form.is_valid():
        post = form.save()
        flash_on_commit(request, _done(post))
        return redirect(post)
    return render(request, "blog/post_edit.html", {"form": form, "post": None})


@FORM_METHODS
@needs(WRITE, EDIT)
@retry_on_deadlock
def post_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a post, but neither its author nor the date it was published."""
    post = _editable(request, pk)
    form = PostForm(request.POST if request.method == "POST" else None, instance=post, by=permissions.account(request))
    if request.method == "POST" and form.is_valid():
        post = form.save()
        flash_on_commit(request, _done(post))
        return redirect(post)
    return render(request, "blog/post_edit.html", {"form": form, "post": post})


@require_POST
@needs(WRITE, EDIT)
@retry_on_deadlock
def post_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraws a public post from every page, with a reason or without; a withdrawn one stays as it is."""
    post = _editable(request, pk)
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A reason has at most 200 characters. The post was not withdrawn."))
    elif post.is_public:
        post.withdraw(form.cleaned_data["reason"])
        flash_on_commit(request, _("Withdrawn."))
    return redirect(post)


@require_POST
@needs(WRITE, EDIT)
@retry_on_deadlock
def post_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Publishes a withdrawn post again, at its old place."""
    post = _editable(request, pk)
    if not permissions.may_publish(request.user):
        raise PermissionDenied
    if post.state == Post.State.WITHDRAWN:
        post.publish()
        revisions.record(post, permissions.account(request))
        flash_on_commit(request, _("Restored."))
    return redirect(post)
