#!/usr/bin/env python3
"""Django's command line, on any Python 3.11 or newer: it installs missing packages beside itself first.

Inside an environment that has every package of the lock this is plain Django. Anywhere else it makes
`.venv` beside itself, installs exactly what the lock names, and runs itself again in there. Until
then it needs nothing but the standard library. It uses no network when nothing is missing.
"""

import sys

if sys.version_info < (3, 11):  # before the imports, not all of which older versions have
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
SHOWN_LINES = 25  # lines of an installer's output that are shown when it fails


def locks(command: str) -> list[Path]:
    """Returns the locks whose packages a command needs: `test` needs those of the tests as well."""
    names = ["requirements.lock"] + (["requirements-dev.lock"] if command == "test" else [])
    return [BASE / name for name in names]


def is_complete(lock: Path) -> bool:
    """Returns whether this Python has every package of the lock, in its version."""
    # A line with a marker ("name==1.0 ; sys_platform == 'win32'") may not be for this machine, and is left out.
    for name, version_needed in re.findall(r"^([\w.-]+)==([^\s;]+) \\$", lock.read_text(), re.MULTILINE):
        try:
            if version(name) != version_needed:
                return False
        except PackageNotFoundError:
            return False
    return True


def stamp(lock: Path) -> tuple[Path, str]:
    """Returns the file that records an installed lock, and its text, which changes with the lock and with Python."""
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    return VENV / (lock.name + ".installed"), digest


def is_installed(lock: Path) -> bool:
    """Returns whether all of this lock was installed into `.venv`."""
    file, digest = stamp(lock)
    return PYTHON.exists() and file.exists() and file.read_text() == digest


def run_step(name: str, command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    """Runs a command behind one line: its name, then its seconds. Its output is shown only where it fails."""
    began = time.monotonic()
    print(name, "...", end="", flush=True)
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f" {time.monotonic() - began:.0f} s", flush=True)
    if done.returncode:
        shown = done.stdout.decode(errors="replace").rstrip().splitlines()[-SHOWN_LINES:]
        sys.exit("\n".join([*shown, f"{name}: failed, see above."]))


def make_venv() -> None:
    """Makes an empty environment, by uv where that is installed, else by Python's own venv."""
    if shutil.which("uv"):
        return run_step("Making .venv", ["uv", "venv", "--clear", "--python", sys.executable, VENV])
    if not _has_venv():
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            sys.exit("This Python cannot make environments: install python3-venv (apt install python3-venv) or uv.")
        apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run_step("Updating apt's lists", ["apt-get", "update"], apt)
        run_step(
            "Installing python3-venv", ["apt-get", "install", "-y", "--no-install-recommends", "python3-venv"], apt
        )
    run_step("Making .venv", [sys.executable, "-m", "venv", "--clear", VENV])


def _has_venv() -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL).returncode == 0


def install(lock: Path) -> None:
    """Installs one lock into `.venv`: these files and no others, by their hashes."""
    pip = ["uv", "pip", "install", "--python", PYTHON] if shutil.which("uv") else [PYTHON, "-m", "pip", "install"]
    count = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    run_step(f"Installing {count} packages of {lock.name}", [*pip, "--require-hashes", "-r", lock])


def update_venv(locks_needed: list[Path]) -> None:
    """Brings `.venv` up to the locks. Under a lock: two terminals may start at once."""
    lock_file = os.open(BASE, os.O_RDONLY)
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    missing = [lock for lock in locks_needed if not is_installed(lock)]
    if missing and not _same_python():
        make_venv()
        (VENV / "python.made").write_text(sys.version)
        missing = locks_needed
    for lock in missing:
        file, digest = stamp(lock)
        file.unlink(missing_ok=True)
        install(lock)
        file.write_text(digest)
    os.close(lock_file)


def _same_python() -> bool:
    """Returns whether `.venv` was made, to the end, by the Python that runs this."""
    made = VENV / "python.made"
    return PYTHON.exists() and made.exists() and made.read_text() == sys.version


def interpreter(command: str) -> Path:
    """Returns the Python that has a command's packages: this one where it has all, else `.venv`'s."""
    locks_needed = locks(command)
    if all(is_complete(lock) for lock in locks_needed):
        return Path(sys.executable)
    if not all(is_installed(lock) for lock in locks_needed):
        if not os.access(BASE, os.W_OK):
            sys.exit(f"Packages are missing, and {BASE} cannot be written to make .venv there.")
        update_venv(locks_needed)
    return PYTHON


def enter_venv() -> None:
    """Returns where this Python has every package, else replaces this process by the one of `.venv`."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    python = interpreter(command)
    if Path(sys.prefix) != VENV and python == PYTHON:
        os.execv(python, [str(python), str(BASE / "manage.py"), *sys.argv[1:]])
    if not all(is_complete(lock) for lock in locks(command)):
        sys.exit(f"{VENV} lacks what the lock says was installed there: remove it and run this again.")


def run_django() -> None:
    """Runs Django's command; a mistake of configuration ends in one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
    from django.core.management import execute_from_command_line

    from realtime.embedded.one_sentence_errors import in_one_sentence

    with in_one_sentence():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        enter_venv()
        run_django()
        sys.exit()
    sys.exit(130)  # the status that a shell gives a program that Ctrl-C ended
