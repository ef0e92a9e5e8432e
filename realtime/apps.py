from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate

from realtime import log


def begin_log(using: str, **kwargs: object) -> None:
    """Makes the log's one row after migrate, and again after a flush, which is a new epoch."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('realtime_log') IS NOT NULL")
        if cursor.fetchone()[0]:
            log.begin(cursor)


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from realtime import jobs
        from realtime.checks import check_channel_layer, check_engine

        post_migrate.connect(begin_log, sender=self, dispatch_uid="realtime.begin_log")
        checks.register(check_channel_layer)
        checks.register(check_engine)
        jobs.register_all()
