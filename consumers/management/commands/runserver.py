"""`manage.py runserver`: Daphne's, so that pages are live while they are worked on.

Daphne is no installed app for it: then every command would load Twisted, a third more time to start. This room
comes before django.contrib.staticfiles, so its commands win.
"""

from daphne.management.commands.runserver import Command as DaphneCommand


class Command(DaphneCommand):  # type: ignore[misc]
    help = "Serves the publication for development, live by plain Daphne, and starts again when a file changes."
