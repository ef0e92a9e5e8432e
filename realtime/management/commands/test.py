"""`manage.py test [pytest's arguments]`: the tests, on real servers that live only as long as the run.

Settings read the environment when they are imported, so pytest runs in a process of its own, which
finds the servers in POSTGRES_URL and REDIS_URL. Where both are set already, those are used.
`manage.py test --hold` starts the servers, prints how to use them, and waits: then plain `pytest`
can be run in another terminal again and again.
"""

import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime.embedded import browser
from realtime.embedded.backing import Backing
from realtime.embedded.child import Child
from realtime.embedded.supervisor import Failed, Stopped, Supervisor

INTERRUPTED = 130  # what a shell says of a program that ended by Ctrl-C


class Command(BaseCommand):
    help = "Runs pytest on a private PostgreSQL and Valkey; all arguments are pytest's (and --hold)."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand every argument through, also those that Django would take for its own (-v, --help)."""
        sys.exit(run([word for word in argv[2:] if word != "--hold"], hold="--hold" in argv[2:]))

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("arguments", nargs="*")

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        code = run(arguments)
        if code:
            raise CommandError(f"pytest ended with {code}.", returncode=code)


def run(arguments: list[str], hold: bool = False) -> int:
    """Start the servers, run pytest, remove everything; pytest's exit code."""
    directory = Path(tempfile.mkdtemp(prefix="stop-press-test-"))
    directory.chmod(0o755)  # the servers go through it to their own
    try:
        with ExitStack() as stack:
            backing = stack.enter_context(
                Backing(
                    directory,
                    postgres_url=os.environ.get("POSTGRES_URL", ""),
                    redis_url=os.environ.get("REDIS_URL", ""),
                    durable=False,
                )
            )
            supervisor = stack.enter_context(Supervisor(_say))
            environment = {
                **os.environ,
                **backing.environment,
                "BROKER_URL": "",  # a queue of somebody's, which tests would empty
                "CELERY_RESULT_BACKEND": "",
                "DATA_DIR": str(directory),
                "SECRET_KEY": "only-for-tests",
                "CHROMIUM": browser.find(),
                "DJANGO_SETTINGS_MODULE": "realtime.settings",
            }
            _prepare(supervisor, backing, environment)
            return _hold(supervisor, environment) if hold else _pytest(supervisor, environment, arguments)
    except Stopped:
        return INTERRUPTED
    except Failed as failure:
        _say(str(failure))
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _prepare(supervisor: Supervisor, backing: Backing, environment: dict[str, str]) -> None:
    """The servers, and beside them the assets that pages need."""
    began = time.monotonic()
    # kept from run to run: they take seconds to make, and `assets` knows when they are out of date
    kept = settings.BASE_DIR / ".data" / "tests"
    command = (sys.executable, settings.BASE_DIR / "manage.py", "assets")
    assets = supervisor.start(
        Child("assets", command, environment | {"DATA_DIR": str(kept)}, settings.BASE_DIR, keep=False)
    )
    backing.start(supervisor)
    if supervisor.finish(assets):
        raise Failed("The assets could not be made; what is said above tells why.")
    shutil.copytree(kept / "static", Path(environment["DATA_DIR"]) / "static")
    _say(f"PostgreSQL, Valkey, assets: {time.monotonic() - began:.1f} s")


def _pytest(supervisor: Supervisor, environment: dict[str, str], arguments: list[str]) -> int:
    """Run pytest to its end. At a terminal it stays in our session: it reads keys there (pdb), and hears Ctrl-C."""
    command = (sys.executable, "-m", "pytest", *arguments)
    pytest = supervisor.start(
        Child(
            "pytest",
            command,
            environment,
            settings.BASE_DIR,
            stop=SIGINT,
            orphan=SIGTERM,
            patience=6,
            keep=False,
            own_session=not sys.stdin.isatty(),
        )
    )
    code = supervisor.finish(pytest)
    return code if code >= 0 else 128 - code


def _hold(supervisor: Supervisor, environment: dict[str, str]) -> int:
    names = ("POSTGRES_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "CHROMIUM")
    _say("In another terminal, before pytest (stop with Ctrl-C):")
    _say("\n".join(f"export {name}='{environment[name]}'" for name in names))
    supervisor.watch()
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
