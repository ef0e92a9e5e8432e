"""The app of live connections: sockets, streams, polls and their server."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsumersConfig(AppConfig):
    """Names the app; asgi.py and `manage.py edge` use it."""

    name = "consumers"
    verbose_name = _("Live connections")
