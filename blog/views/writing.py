"""Writing posts: new, edited, withdrawn, restored."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from blog import permissions
from blog.forms import PostForm, WithdrawForm
from blog.models import Post
from blog.permissions import EDIT, WRITE, needs
from blog.publishing import revisions
from blog.views.attempts import say, writes

FORM_METHODS = require_http_methods(["GET", "HEAD", "POST"])


def _editable(request: HttpRequest, pk: int) -> Post:
    """The post, locked when it is to be changed; 403 for those who may not."""
    posts = Post.objects.select_for_update(no_key=True) if request.method == "POST" else Post.objects
    post = get_object_or_404(posts, pk=pk)
    if not permissions.may_edit(request.user, post):
        raise PermissionDenied  # not 404: who comes this far follows the desk, which lists it
    return post


def _done(post: Post) -> str:
    """What became of a post, for the person who pressed the button."""
    return {
        Post.State.DRAFT: _("Saved as a draft."),
        Post.State.SUBMITTED: _("Submitted: an editor will look at it."),
        Post.State.SCHEDULED: _("Scheduled."),
        Post.State.PUBLISHED: _("Published."),
        Post.State.WITHDRAWN: _("Saved. The post stays withdrawn."),
    }[Post.State(post.state)]


@FORM_METHODS
@needs(WRITE, EDIT)
@writes
def post_new(request: HttpRequest) -> HttpResponse:
    """Title and text, published at once unless another button says otherwise."""
    form = PostForm(request.POST if request.method == "POST" else None, by=permissions.account(request))
    if request.method == "POST" and form.is_valid():
        post = form.save()
        say(request, _done(post))
        return redirect(post)
    return render(request, "blog/post_edit.html", {"form": form, "post": None})


@FORM_METHODS
@needs(WRITE, EDIT)
@writes
def post_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes what a post says. Neither its author nor the date it was published."""
    post = _editable(request, pk)
    form = PostForm(request.POST if request.method == "POST" else None, instance=post, by=permissions.account(request))
    if request.method == "POST" and form.is_valid():
        post = form.save()
        say(request, _done(post))
        return redirect(post)
    return render(request, "blog/post_edit.html", {"form": form, "post": post})


@require_POST
@needs(WRITE, EDIT)
@writes
def post_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes a public post from every page, with a reason or without. Twice is once."""
    post = _editable(request, pk)
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A reason has at most 200 characters. The post was not withdrawn."))
    elif post.is_public:
        post.withdraw(form.cleaned_data["reason"])
        say(request, _("Withdrawn."))
    return redirect(post)


@require_POST
@needs(WRITE, EDIT)
@writes
def post_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Publishes again what was withdrawn, at its old place."""
    post = _editable(request, pk)
    if not permissions.may_publish(request.user):
        raise PermissionDenied
    if post.state == Post.State.WITHDRAWN:
        post.publish()
        revisions.record(post, permissions.account(request))
        say(request, _("Restored."))
    return redirect(post)
