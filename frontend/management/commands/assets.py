"""Makes what browsers are sent: node packages, message catalogues, static files."""

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from frontend import catalogues
from frontend.node import FRONTEND, environment, npm

LOCK = FRONTEND / "package-lock.json"
INSTALLED = FRONTEND / "node_modules" / ".package-lock.json"
# Not part of what is built: packages (their lock file stands for them), what Python or babel made
LEFT_OUT = {"node_modules", "__pycache__", "tests", "templates", "locale"}
MAKERS = ("django", "django-pipeline", "servestatic", "lightningcss")


class Command(BaseCommand):
    help = "Makes the static files and the translations that browsers are sent; nothing where nothing changed."
    # a bundle with a file missing is not made
    requires_system_checks = [Tags.staticfiles, Tags.templates]

    def handle(self, *args: Any, **options: Any) -> None:
        # one at a time: a test run and a live publication may share this checkout
        with LOCK.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make(verbosity=options["verbosity"])

    def _make(self, verbosity: int) -> None:
        if not catalogues.compiled():
            catalogues.compile_all()
        stamp, wanted = Path(settings.STATIC_ROOT) / "assets.stamp", fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        if not packages_are_there():
            self._say(verbosity, "Installing the node packages")
            install_packages()
        self._say(verbosity, "Bundling styles and scripts")
        stamp.unlink(missing_ok=True)  # first: killed halfway, what it stands for is not there any more
        call_command("collectstatic", clear=True, interactive=False, verbosity=0)
        stamp.write_text(wanted)

    def _say(self, verbosity: int, sentence: str) -> None:
        if verbosity:
            self.stdout.write(f"{sentence} …")


def fingerprint() -> str:
    """A digest of all that the static files are made from."""
    digest = hashlib.sha256(json.dumps(settings.PIPELINE, sort_keys=True, default=str).encode())
    for name in MAKERS:
        digest.update(f"{name}={version(name)}\n".encode())
    for path in _inputs(FRONTEND):
        digest.update(f"{path.relative_to(FRONTEND)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def packages_are_there() -> bool:
    """Whether what the lock file asks for is installed. Tools for development are no reason to install again."""
    if not INSTALLED.exists():
        return False
    have = json.loads(INSTALLED.read_text())["packages"]
    wanted = json.loads(LOCK.read_text())["packages"]
    return all(
        have.get(name, {}).get("version") == package["version"]
        for name, package in wanted.items()
        if name and not package.get("dev") and not package.get("optional")
    )


def install_packages() -> None:
    try:
        done = subprocess.run(
            [*npm(), "ci", "--omit=dev", "--ignore-scripts", "--prefer-offline"],
            cwd=FRONTEND, env=environment(), capture_output=True, text=True,
        )  # fmt: skip
    except OSError as problem:
        raise CommandError(f"The node packages need node and npm, and neither could be started: {problem}") from problem
    if done.returncode:
        raise CommandError(f"npm could not install the packages of {LOCK.name}:\n{done.stderr.strip()}")


def _inputs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT:
            continue
        if path.is_dir():
            yield from _inputs(path)
        elif path.suffix != ".pyc":
            yield path
