"""The Celery application, configured from Django's settings (names begin with CELERY_)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")

app = Celery("realtime")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
for module in ("sweep", "retention"):
    app.autodiscover_tasks(["realtime"], related_name=module)
app.steps["worker"].add("realtime.heartbeat:Heartbeat")
