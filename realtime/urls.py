"""The addresses of the whole site."""

from django.contrib import admin
from django.urls import include, path

from realtime import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("live/ticket", views.ticket, name="live_ticket"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("blog.urls")),
]
