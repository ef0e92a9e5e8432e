"""The middle: the log, the one door that writes it, and the wiring of the project."""

from realtime.celery import app as celery_app

__all__ = ["celery_app"]
