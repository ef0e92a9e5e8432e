"""The rules between rooms that no linter checks."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string

ROOT = Path(settings.BASE_DIR)
MAX_LINES = 400  # of a file
FOG = {"utils", "util", "helpers", "services", "common", "core", "misc", "manager", "managers"}


def files(*endings: str) -> list[Path]:
    """Returns the source files of all rooms with these suffixes."""
    rooms = [ROOT / name for name in ("realtime", "blog", "consumers", "frontend", "tests", "bench")]
    found = [path for room in rooms for path in room.rglob("*") if path.suffix in endings]
    return [path for path in found if not {"node_modules", "migrations", "out"} & set(path.relative_to(ROOT).parts)]


def test_every_middleware_is_async_capable():
    """A sync-only middleware around an async view keeps Daphne from ending on SIGTERM."""
    for name in settings.MIDDLEWARE:
        assert import_string(name).async_capable, name


def test_the_rooms_import_each_other_only_as_the_walls_allow():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_file_has_more_lines_than_the_limit():
    code = files(".py", ".js", ".css")
    assert [f"{path}: {lines}" for path in code if (lines := len(path.read_text().splitlines())) > MAX_LINES] == []


def test_no_room_has_a_name_that_says_nothing():
    assert [path for path in files(".py", ".js") if {path.stem, *path.relative_to(ROOT).parts[:-1]} & FOG] == []


def test_the_settings_pass_djangos_checks():
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
def test_the_migrations_are_those_of_the_models():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
