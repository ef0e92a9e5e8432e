"""Finds a Chromium for the tests that read pages in a browser; installs one as root on Debian."""

import os
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import sync_playwright

from realtime.embedded.supervisor import Failed

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Returns the path of a browser: $CHROMIUM, one on PATH, Playwright's own, or (root, Debian) one just installed.

    Raises Failed where there is none.
    """
    given = os.environ.get("CHROMIUM", "")
    if given:
        if not shutil.which(given):
            raise Failed(f"CHROMIUM names {given}, which is not a program.")
        return given
    return _on_path() or _playwrights_own() or _from_apt()


def _on_path() -> str:
    return next((path for path in map(shutil.which, NAMES) if path), "")


def _playwrights_own() -> str:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else ""


def _from_apt() -> str:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, check=False, stdout=subprocess.DEVNULL)
    found = _on_path()
    if not found:
        raise Failed("The tests need a browser: install Chromium, or set CHROMIUM to the path of one.")
    return found
