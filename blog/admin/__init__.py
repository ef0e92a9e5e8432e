"""The admin, by subject. It writes through the same models as the pages, so its changes are published too."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from blog.admin import books, people, posts, publication, samples

__all__ = ["books", "people", "posts", "publication", "samples"]

admin.site.site_title = admin.site.site_header = "Stop Press"
admin.site.index_title = _("Administration")
