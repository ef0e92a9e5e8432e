"""What the systems need beside the project's own packages, each from its own registry, all of it below OUT."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import Failed
from bench.systems.processes import OUT, ROOT
from frontend.node import environment, npm

HERE = ROOT / "bench"
NODE = OUT / "node"
NCHAN = OUT / "nchan"
STATE = Path("/var/lib/nginx")
LONGEST = 240  # seconds of an installation


def tools() -> None:
    """The load generator and the floor, built by make when their sources are newer."""
    _run(["make", "--silent", "--directory", HERE])


def eventstream() -> Path:
    """The Python of an environment with django-eventstream."""
    return _environment(HERE / "systems" / "eventstream") / "python"


def py_spy() -> Path:
    """The profiler."""
    return _environment(HERE / "scenarios" / "py-spy") / "py-spy"


def _environment(source: Path) -> Path:
    """The programs of an environment below OUT, with what the lock in that directory asks for."""
    place, lock = OUT / source.name, source / "requirements.lock"
    if _is_new(place, lock):
        uv, python = shutil.which("uv"), str(place / "bin" / "python")
        make = [uv, "venv", "--clear", "--python", sys.executable] if uv else [sys.executable, "-m", "venv", "--clear"]
        _run([*make, place])
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        _run([*pip, "--require-hashes", "-r", lock])
        _is_done(place, lock)
    return place / "bin"


def node_packages() -> Path:
    """The directory of socket.io and ws."""
    lock = HERE / "systems" / "node" / "package-lock.json"
    if _is_new(NODE, lock):
        NODE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "systems" / "node" / name, NODE)
        _run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], NODE, environment())
        _is_done(NODE, lock)
    return NODE / "node_modules"


def nchan() -> Path:
    """Debian's nginx and nchan, unpacked and not installed: of the system nothing changes but one empty directory."""
    program = NCHAN / "usr" / "sbin" / "nginx"
    if not program.exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg"):
            raise Failed("It is taken from Debian's packages, and there is no apt-get here.")
        making = OUT / "nchan.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        _run(["apt-get", "download", "nginx", "libnginx-mod-nchan"], making)
        for package in making.glob("*.deb"):
            _run(["dpkg", "-x", package, making])
            package.unlink()
        (making / "tmp").mkdir()
        making.rename(NCHAN)
    try:
        STATE.mkdir(exist_ok=True)  # nchan makes its parts there, whatever the configuration says
    except OSError as error:
        raise Failed(f"Without {STATE} nginx does not start: {error}") from error
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    if said.returncode:
        raise Failed(f"nginx does not run here: {said.stderr.strip()}")
    return NCHAN


def _is_new(place: Path, lock: Path) -> bool:
    stamp = place / "installed"
    return not stamp.exists() or stamp.read_text() != lock.read_text()


def _is_done(place: Path, lock: Path) -> None:
    (place / "installed").write_text(lock.read_text())


def _run(words: Sequence[str | Path], place: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command, cwd=place, env=environment or os.environ, capture_output=True, text=True, timeout=LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Failed(f"{' '.join(command[:3])} failed: {said[-1]}")
