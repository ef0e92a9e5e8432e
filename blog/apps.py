from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BlogConfig(AppConfig):
    """The domain. What it makes live is found by realtime: blog/live."""

    name = "blog"
    verbose_name = _("Newsroom")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from blog.permissions import rights_of
        from realtime import tickets

        tickets.register_rights(rights_of)
