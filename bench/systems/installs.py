"""Installs what the systems need beside the project's packages, each from its own registry, all below OUTPUT."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import BENCH, OUTPUT, ROOT, MeasurementError
from frontend.node import environment, npm

SYSTEMS_DIRECTORY = BENCH / "systems"
NODE = OUTPUT / "node"
NCHAN = OUTPUT / "nchan"
NGINX_STATE = Path("/var/lib/nginx")
INSTALL_TIMEOUT_SECONDS = 240


def build_tools() -> None:
    """Builds the load generator and the floor by make, if their sources are newer."""
    _run(["make", "--silent", "--directory", BENCH])


def eventstream() -> Path:
    """Installs django-eventstream into an environment of its own; returns its Python."""
    return _environment(SYSTEMS_DIRECTORY / "eventstream") / "python"


def py_spy() -> Path:
    """Installs py-spy into an environment of its own; returns the program."""
    return _environment(BENCH / "scenarios" / "py-spy") / "py-spy"


def _environment(source: Path) -> Path:
    """Makes an environment below OUTPUT with the lock in `source`; returns the directory of its programs."""
    place, lock = OUTPUT / source.name, source / "requirements.lock"
    if _is_outdated(place, lock):
        uv, python = shutil.which("uv"), str(place / "bin" / "python")
        make = [uv, "venv", "--clear", "--python", sys.executable] if uv else [sys.executable, "-m", "venv", "--clear"]
        _run([*make, place])
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        _run([*pip, "--require-hashes", "-r", lock])
        _mark_installed(place, lock)
    return place / "bin"


def node_packages() -> Path:
    """Installs socket.io and ws; returns the directory of their packages."""
    lock = SYSTEMS_DIRECTORY / "node" / "package-lock.json"
    if _is_outdated(NODE, lock):
        NODE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SYSTEMS_DIRECTORY / "node" / name, NODE)
        _run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], NODE, environment())
        _mark_installed(NODE, lock)
    return NODE / "node_modules"


def nchan() -> Path:
    """Unpacks Debian's nginx and nchan below OUTPUT and returns that directory.

    The system gets nothing but one empty directory, NGINX_STATE.
    """
    program = NCHAN / "usr" / "sbin" / "nginx"
    if not program.exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg"):
            raise MeasurementError("It is taken from Debian's packages, and there is no apt-get here.")
        unpacked = OUTPUT / "nchan.new"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir(parents=True)
        _run(["apt-get", "download", "nginx", "libnginx-mod-nchan"], unpacked)
        for package in unpacked.glob("*.deb"):
            _run(["dpkg", "-x", package, unpacked])
            package.unlink()
        (unpacked / "tmp").mkdir()
        unpacked.rename(NCHAN)
    try:
        NGINX_STATE.mkdir(exist_ok=True)  # nchan makes directories there, whatever the configuration says
    except OSError as error:
        raise MeasurementError(f"Without {NGINX_STATE} nginx does not start: {error}") from error
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    if version.returncode:
        raise MeasurementError(f"nginx does not run here: {version.stderr.strip()}")
    return NCHAN


def _is_outdated(place: Path, lock: Path) -> bool:
    stamp = place / "installed"
    return not stamp.exists() or stamp.read_text() != lock.read_text()


def _mark_installed(place: Path, lock: Path) -> None:
    (place / "installed").write_text(lock.read_text())


def _run(words: Sequence[str | Path], directory: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment or os.environ,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MeasurementError(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        output = (done.stderr or done.stdout).strip().splitlines() or ["without output"]
        raise MeasurementError(f"{' '.join(command[:3])} failed: {output[-1]}")
