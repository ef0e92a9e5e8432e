"""The addresses of the project, and the plain view that bench.scenarios.pages compares with them."""

from django.urls import include, path

from bench.scenarios.pages import plain

urlpatterns = [path("plain/", plain), path("", include("realtime.urls"))]
