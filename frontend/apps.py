"""The app of templates, static files and their checks."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FrontendConfig(AppConfig):
    """Registers the checks of what django-pipeline drops in silence."""

    name = "frontend"
    verbose_name = _("Pages and assets")

    def ready(self) -> None:
        from frontend import checks  # noqa: F401  (registers itself)
