"""The publication's own settings."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from blog.models import Publication


@admin.register(Publication)
class PublicationAdmin(admin.ModelAdmin):
    """The one row of the publication, which is made when it is first needed and never deleted."""

    list_display = ("title", "standfirst", "language", "ended")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Publication.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
