#!/usr/bin/env python3
"""Django's command line, on any Python 3.11 or newer: what is missing is installed beside it first.

Inside an environment that has every package of the lock this is plain Django. Anywhere else it makes
`.venv` beside itself, installs exactly what the lock names, and runs itself again in there. Until
then it needs nothing but the standard library. It touches no network when nothing is missing.
"""

import sys

if sys.version_info < (3, 11):  # before the imports, of which older ones do not have all
    sys.exit(f"Stop Press needs Python 3.11 or newer; this is {sys.version_info[0]}.{sys.version_info[1]}.")

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BASE = Path(__file__).resolve().parent
VENV = BASE / ".venv"
PYTHON = VENV / "bin" / "python"
TAIL = 25  # lines of an installer's output that are shown when it fails


def locks(command: str) -> list[Path]:
    """The locks that this command needs: tests need the tools of the tests as well."""
    names = ["requirements.lock"] + (["requirements-dev.lock"] if command == "test" else [])
    return [BASE / name for name in names]


def complete(lock: Path) -> bool:
    """Whether this very Python has all that the lock names, in its version."""
    # A line with a marker ("name==1.0 ; sys_platform == 'win32'") may not be for this machine, and is left out.
    for name, wanted in re.findall(r"^([\w.-]+)==([^\s;]+) \\$", lock.read_text(), re.MULTILINE):
        try:
            if version(name) != wanted:
                return False
        except PackageNotFoundError:
            return False
    return True


def stamp(lock: Path) -> tuple[Path, str]:
    """The file that says a lock was installed, and what it says: it holds until the lock or Python changes."""
    said = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    return VENV / (lock.name + ".installed"), said


def installed(lock: Path) -> bool:
    """Whether `.venv` has this lock, to the end."""
    file, said = stamp(lock)
    return PYTHON.exists() and file.exists() and file.read_text() == said


def step(name: str, command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    """Run a command with one line to see: its name, then its seconds. What it says is shown only if it fails."""
    began = time.monotonic()
    print(name, "...", end="", flush=True)
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f" {time.monotonic() - began:.0f} s", flush=True)
    if done.returncode:
        said = done.stdout.decode(errors="replace").rstrip().splitlines()[-TAIL:]
        sys.exit("\n".join([*said, f"{name}: failed, see above."]))


def make_venv() -> None:
    """An empty environment, by uv where it is, else by Python's own venv."""
    if shutil.which("uv"):
        return step("Making .venv", ["uv", "venv", "--clear", "--python", sys.executable, VENV])
    if not _has_venv():
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            sys.exit("This Python cannot make environments: install python3-venv (apt install python3-venv) or uv.")
        apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        step("Updating apt's lists", ["apt-get", "update"], apt)
        step("Installing python3-venv", ["apt-get", "install", "-y", "--no-install-recommends", "python3-venv"], apt)
    step("Making .venv", [sys.executable, "-m", "venv", "--clear", VENV])


def _has_venv() -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL).returncode == 0


def install(lock: Path) -> None:
    """Install one lock into `.venv`: these files and no others, by their hashes."""
    pip = ["uv", "pip", "install", "--python", PYTHON] if shutil.which("uv") else [PYTHON, "-m", "pip", "install"]
    count = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    step(f"Installing {count} packages of {lock.name}", [*pip, "--require-hashes", "-r", lock])


def prepare(wanted: list[Path]) -> None:
    """Bring `.venv` up to the locks. One at a time: two terminals may start at once."""
    door = os.open(BASE, os.O_RDONLY)
    fcntl.flock(door, fcntl.LOCK_EX)
    missing = [lock for lock in wanted if not installed(lock)]
    if missing and not _same_python():
        make_venv()
        (VENV / "python.made").write_text(sys.version)
        missing = wanted
    for lock in missing:
        file, said = stamp(lock)
        file.unlink(missing_ok=True)
        install(lock)
        file.write_text(said)
    os.close(door)


def _same_python() -> bool:
    """Whether `.venv` was made, to the end, by the Python that runs this."""
    made = VENV / "python.made"
    return PYTHON.exists() and made.exists() and made.read_text() == sys.version


def interpreter(command: str) -> Path:
    """The Python that has what a command needs: this one when it is complete, else `.venv`'s."""
    wanted = locks(command)
    if all(complete(lock) for lock in wanted):
        return Path(sys.executable)
    if not all(installed(lock) for lock in wanted):
        if not os.access(BASE, os.W_OK):
            sys.exit(f"Packages are missing, and {BASE} cannot be written to make .venv there.")
        prepare(wanted)
    return PYTHON


def enter() -> None:
    """Come back when this Python has everything, or start again in the one that has."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    python = interpreter(command)
    if Path(sys.prefix) != VENV and python == PYTHON:
        os.execv(python, [str(python), str(BASE / "manage.py"), *sys.argv[1:]])
    if not all(complete(lock) for lock in locks(command)):
        sys.exit(f"{VENV} lacks what the lock says was installed there: remove it and run this again.")


def django() -> None:
    """Plain Django; what is only a matter of configuration ends in one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
    from django.core.management import execute_from_command_line

    from realtime.embedded.one_sentence_errors import in_a_sentence

    with in_a_sentence():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        enter()
        django()
        sys.exit()
    sys.exit(130)  # what a shell says of Ctrl-C
