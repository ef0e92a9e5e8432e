"""The page that shows the guests."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from realtime.live import live_of
from tests.guestbook.models import Guest


def guest_list(request: HttpRequest) -> HttpResponse:
    """Shows all guests, as events carry them."""
    guests = live_of(Guest).states(Guest.objects.order_by("name"))
    return render(request, "guestbook/guest_list.html", {"guests": guests})
