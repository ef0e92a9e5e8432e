"""The addresses of the project, and the plain view that bench.pages measures beside them."""

from django.urls import include, path

from bench.pages import plain

urlpatterns = [path("plain/", plain), path("", include("realtime.urls"))]
