"""`manage.py dbshell`: which psql is run, and with what it is told to reach the server."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from realtime.embedded import programs, psql
from realtime.embedded.supervisor import Failed
from realtime.postgresql.client import DatabaseClient


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without the package of PostgreSQL, whose PATH is one empty directory."""

    def absent(_: object) -> None:
        raise Failed("There is no PostgreSQL.")

    monkeypatch.setattr(programs, "find_programs", absent)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_psql_is_that_of_the_embedded_server() -> None:
    assert Path(psql.find_psql()).parent.joinpath("postgres").exists()


def test_without_the_package_psql_is_the_systems(without_packages: Path) -> None:
    system = without_packages / "psql"
    system.write_text("#!/bin/sh\n")
    system.chmod(0o755)
    assert psql.find_psql() == str(system)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("without_packages")
def test_a_machine_without_psql_is_told_which_package_has_it() -> None:
    with pytest.raises(CommandError, match=r"^There is no psql .* postgresql-client\.$"):
        call_command("dbshell")


@pytest.mark.parametrize(
    "place",
    [
        {"HOST": "db", "PORT": "5433", "USER": "ada", "OPTIONS": {"options": "-c jit=off"}},
        {"HOST": "", "PORT": "", "USER": "ada", "OPTIONS": {"host": "db", "port": 5433}},
    ],
    ids=["before the ?", "behind the ?"],
)
def test_psql_is_told_the_server_wherever_the_address_names_it(place: dict) -> None:
    settings = {**connection.settings_dict, **place, "NAME": "press", "PASSWORD": "secret"}
    command, environment = DatabaseClient.settings_to_cmd_args_env(settings, ["-c", "SELECT 1"])
    assert command[1:] == ["-U", "ada", "-h", "db", "-p", "5433", "-c", "SELECT 1", "press"]
    assert environment == {"PGPASSWORD": "secret"}
