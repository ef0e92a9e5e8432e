"""The desk: posts that are not public yet, and the jobs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from blog.models import Post
from blog.permissions import DESK, needs
from blog.state import desk_posts
from realtime.jobs import state_machine

MAX_ROWS = 100  # rows of a list; more is an archive, not a desk


@require_safe
@needs(DESK)
def desk(request: HttpRequest) -> HttpResponse:
    """Shows the drafts, the queue and the schedule of all writers: the same to every reader of the desk."""
    state = Post.State
    waiting = Post.objects.filter(state__in=[state.DRAFT, state.SUBMITTED, state.SCHEDULED])
    context = {
        "drafts": desk_posts(waiting.filter(state=state.DRAFT).order_by("-pk")[:MAX_ROWS]),
        "submitted": desk_posts(waiting.filter(state=state.SUBMITTED).order_by("-pk")[:MAX_ROWS]),
        "scheduled": desk_posts(waiting.filter(state=state.SCHEDULED).order_by("published_date", "pk")[:MAX_ROWS]),
        "jobs": state_machine.newest(MAX_ROWS),
    }
    return render(request, "blog/desk.html", context)
