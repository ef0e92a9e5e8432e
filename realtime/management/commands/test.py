"""`manage.py test [pytest's arguments]`: runs the tests on real servers, which end with the run.

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
from realtime.embedded.backing_services import BackingServices
from realtime.embedded.child import Child
from realtime.embedded.supervisor import Failed, Stopped, Supervisor

INTERRUPTED = 130  # the status that a shell gives a program that Ctrl-C ended


class Command(BaseCommand):
    """Starts the servers, runs pytest, and exits with its status."""

    help = "Runs pytest on a private PostgreSQL and Valkey; all arguments are pytest's (and --hold)."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Passes every argument to pytest, also those that Django would take for its own (-v, --help)."""
        sys.exit(run([word for word in argv[2:] if word != "--hold"], hold="--hold" in argv[2:]))

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("arguments", nargs="*")

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        code = run(arguments)
        if code:
            raise CommandError(f"pytest ended with {code}.", returncode=code)


def run(arguments: list[str], hold: bool = False) -> int:
    """Starts the servers, runs pytest (or waits, with `hold`), removes everything; returns pytest's exit code."""
    directory = Path(tempfile.mkdtemp(prefix="stop-press-test-"))
    directory.chmod(0o755)  # the servers' account has to reach its directories below
    try:
        with ExitStack() as stack:
            services = stack.enter_context(
                BackingServices(
                    directory,
                    postgres_url=os.environ.get("POSTGRES_URL", ""),
                    redis_url=os.environ.get("REDIS_URL", ""),
                    durable=False,
                )
            )
            supervisor = stack.enter_context(Supervisor(_print_line))
            environment = {
                **os.environ,
                **services.environment,
                "BROKER_URL": "",  # a queue of somebody's, which tests would empty
                "CELERY_RESULT_BACKEND": "",
                "DATA_DIR": str(directory),
                "SECRET_KEY": "only-for-tests",
                "CHROMIUM": browser.find_browser(),
                "DJANGO_SETTINGS_MODULE": "tests.settings",
            }
            _prepare(supervisor, services, environment)
            return _hold(supervisor, environment) if hold else _pytest(supervisor, environment, arguments)
    except Stopped:
        return INTERRUPTED
    except Failed as failure:
        _print_line(str(failure))
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _prepare(supervisor: Supervisor, services: BackingServices, environment: dict[str, str]) -> None:
    """Starts the servers and, beside them, makes the assets that pages need."""
    began = time.monotonic()
    # kept from run to run: they take seconds to make, and the command `assets` tells when they are out of date
    kept = settings.BASE_DIR / ".data" / "tests"
    command = (sys.executable, settings.BASE_DIR / "manage.py", "assets")
    assets = supervisor.start(
        Child("assets", command, environment | {"DATA_DIR": str(kept)}, settings.BASE_DIR, restart=False)
    )
    services.start(supervisor)
    if supervisor.wait(assets):
        raise Failed("The assets could not be made, for the reason above.")
    shutil.copytree(kept / "static", Path(environment["DATA_DIR"]) / "static")
    _print_line(f"PostgreSQL, Valkey, assets: {time.monotonic() - began:.1f} s")


def _pytest(supervisor: Supervisor, environment: dict[str, str], arguments: list[str]) -> int:
    """Runs pytest; returns its exit code. At a terminal it stays in our session, to read keys (pdb) and get Ctrl-C."""
    command = (sys.executable, "-m", "pytest", *arguments)
    pytest = supervisor.start(
        Child(
            "pytest",
            command,
            environment,
            settings.BASE_DIR,
            stop_signal=SIGINT,
            orphan_signal=SIGTERM,
            stop_timeout=6,
            restart=False,
            own_session=not sys.stdin.isatty(),
        )
    )
    code = supervisor.wait(pytest)
    return code if code >= 0 else 128 - code


def _hold(supervisor: Supervisor, environment: dict[str, str]) -> int:
    names = ("POSTGRES_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "CHROMIUM")
    _print_line("In another terminal, before pytest (stop with Ctrl-C):")
    _print_line("\n".join(f"export {name}='{environment[name]}'" for name in names))
    supervisor.keep_running()
    return 0


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
