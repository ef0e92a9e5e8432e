"""The stream, and a view that sends each posted message to it."""

import json

import django_eventstream
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def publish(request: HttpRequest) -> HttpResponse:
    django_eventstream.send_event("room", "message", json.loads(request.body))
    return HttpResponse(status=202)


urlpatterns = [
    path("events/", include(django_eventstream.urls), {"channels": ["room"]}),
    path("publish", publish),
]
