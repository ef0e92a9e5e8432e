"""The app of the domain: posts, books, people."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class BlogConfig(AppConfig):
    """Registers the domain's events, signals, rights and checks with `realtime`."""

    name = "blog"
    verbose_name = _("Newsroom")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from blog import account_signals, events, signals
        from blog.checks import check_announced
        from blog.events.registry import rights_of
        from realtime import tickets

        events.register()
        signals.connect()
        account_signals.connect()
        tickets.register_rights(rights_of)
        checks.register(check_announced)
