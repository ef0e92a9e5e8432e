"""The `edge` command with Twisted's log in its own, which says nothing of what Twisted catches.

`python -m tests.rfc6455.observed --fd N`
"""

import os
import sys

from django.core.management import execute_from_command_line
from twisted.python.log import PythonLoggingObserver

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
    PythonLoggingObserver("twisted").start()
    execute_from_command_line(["manage.py", "edge", *sys.argv[1:]])
