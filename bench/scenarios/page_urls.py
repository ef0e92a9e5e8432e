"""The addresses of the project, and the plain view that bench.scenarios.pages measures beside them."""

from django.urls import include, path

from bench.scenarios.pages import plain

urlpatterns = [path("plain/", plain), path("", include("realtime.urls"))]
