"""`manage.py assets`: makes the static files and the message catalogues."""

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
# not sources of static files: packages (their lock file stands for them), files that Python or babel made
EXCLUDED = {"node_modules", "__pycache__", "tests", "templates", "locale"}
BUILD_PACKAGES = ("django", "django-pipeline", "servestatic", "lightningcss")


class Command(BaseCommand):
    """Makes what is missing or out of date."""

    help = "Makes the static files and the translations that browsers are sent; nothing where nothing changed."
    # a bundle with a file missing is not made
    requires_system_checks = [Tags.staticfiles, Tags.templates]

    def handle(self, *args: Any, **options: Any) -> None:
        # under a lock: a test run and a `live` may share this checkout
        with LOCK.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make(verbosity=options["verbosity"])

    def _make(self, verbosity: int) -> None:
        if not catalogues.are_compiled():
            catalogues.compile_all()
        stamp, wanted = Path(settings.STATIC_ROOT) / "assets.stamp", fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        if not packages_are_installed():
            self._print(verbosity, "Installing the node packages")
            install_packages()
        self._print(verbosity, "Bundling styles and scripts")
        stamp.unlink(missing_ok=True)  # before the files: after a kill halfway, those that it stands for are gone
        call_command("collectstatic", clear=True, interactive=False, verbosity=0)
        stamp.write_text(wanted)

    def _print(self, verbosity: int, sentence: str) -> None:
        if verbosity:
            self.stdout.write(f"{sentence} …")


def fingerprint() -> str:
    """Returns a digest of the sources of the static files, and of the packages that build them."""
    digest = hashlib.sha256(json.dumps(settings.PIPELINE, sort_keys=True, default=str).encode())
    for name in BUILD_PACKAGES:
        digest.update(f"{name}={version(name)}\n".encode())
    for path in _inputs(FRONTEND):
        digest.update(f"{path.relative_to(FRONTEND)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def packages_are_installed() -> bool:
    """Returns whether the packages of the lock file are installed, those for development left out."""
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
    """Installs the packages of the lock file with npm; raises CommandError, with npm's reason."""
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
        if path.name in EXCLUDED:
            continue
        if path.is_dir():
            yield from _inputs(path)
        elif path.suffix != ".pyc":
            yield path
