"""The desk: what is not public yet, and the jobs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from blog.models import Post
from blog.permissions import DESK, needs
from blog.state import desk_posts
from realtime.jobs import state_machine

LONGEST = 100  # rows of a list; more is an archive, not a desk


@require_safe
@needs(DESK)
def desk(request: HttpRequest) -> HttpResponse:
    """Everybody's drafts, queue and schedule: the same for all who follow the desk."""
    state = Post.State
    waiting = Post.objects.filter(state__in=[state.DRAFT, state.SUBMITTED, state.SCHEDULED])
    context = {
        "drafts": desk_posts(waiting.filter(state=state.DRAFT).order_by("-pk")[:LONGEST]),
        "submitted": desk_posts(waiting.filter(state=state.SUBMITTED).order_by("-pk")[:LONGEST]),
        "scheduled": desk_posts(waiting.filter(state=state.SCHEDULED).order_by("published_date", "pk")[:LONGEST]),
        "jobs": state_machine.newest(LONGEST),
    }
    return render(request, "blog/desk.html", context)
