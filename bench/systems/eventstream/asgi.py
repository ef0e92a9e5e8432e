"""The ASGI application of django-eventstream's project."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.systems.eventstream.settings")
application = get_asgi_application()
