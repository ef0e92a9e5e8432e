"""The app of the log, the bell and the jobs."""

from celery.signals import worker_process_init
from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from realtime import log
from realtime.embedded.child import follow_parent


def begin_log(using: str, **kwargs: object) -> None:
    """Inserts the log's one row after migrate, and after a flush, with a new epoch."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('realtime_log') IS NOT NULL")
        if cursor.fetchone()[0]:
            log.begin(cursor)


class RealtimeConfig(AppConfig):
    """Registers the checks and events of the log and of jobs, and makes the log after `migrate`."""

    name = "realtime"
    verbose_name = _("Live log and jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Fills the registries and connects the receivers, once all models are loaded."""
        from realtime.checks import check_channel_layer, check_engine
        from realtime.jobs import events, signals  # noqa: F401  (jobs are live)
        from realtime.live import registry
        from realtime.live.checks import check_announced, check_declarations

        post_migrate.connect(begin_log, sender=self, dispatch_uid="realtime.begin_log")
        # a killed worker takes its pool along: no process would report how its jobs end
        worker_process_init.connect(follow_parent, dispatch_uid="realtime.follow_parent")
        for check in (check_channel_layer, check_engine, check_announced, check_declarations):
            checks.register(check)
        autodiscover_modules("live")
        registry.connect_declared()
        signals.connect()
