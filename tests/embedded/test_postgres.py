"""The embedded PostgreSQL: it keeps a cluster that an earlier release made, and has the extensions of contrib."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGINT

import psycopg2
import pytest

from realtime.embedded import account, programs
from realtime.embedded.postgres import Postgres
from tests.embedded.terminal import until

# How every release so far has made its cluster, word for word. Data directories made like this exist, and a cluster
# keeps the locale it was made with: this list is added to, never changed.
FORMER = ["-U", "stop_press", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin"]
FORMER += ["--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"]


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    """The address of a server that was started on a cluster of before."""
    who, found = account.current(), programs.find_programs(account.current())
    postgres = Postgres(found, who, place, place, place / "log", durable=False)
    who.own(place)
    postgres.data.mkdir()
    who.own(postgres.data)
    command = [found.initdb, "-D", postgres.data, *FORMER]
    made = subprocess.run(command, cwd="/", env={"LC_ALL": "C"}, capture_output=True, text=True, **who.popen())
    assert made.returncode == 0, made.stderr
    postgres.create()
    process = postgres.child().spawn()
    until(postgres.ready, 60)
    yield postgres.url
    process.send_signal(SIGINT)
    assert process.wait() == 0


def ask(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Runs the statements in one session and returns the rows of the last one."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def test_a_cluster_of_before_keeps_its_locale(url: str) -> None:
    """A locale that sorts or folds otherwise would make the indexes on texts wrong, without a word."""
    columns = "datlocprovider, datlocale, datcollate, datctype, pg_encoding_to_char(encoding), datcollversion"
    rows = ask(url, f"SELECT {columns} FROM pg_database WHERE datname = current_database()")
    assert rows == [("b", "C.UTF-8", "C", "C", "UTF8", "1")]
    actual = "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"
    assert ask(url, actual) == [("1",)]


def test_contrib_is_there(url: str) -> None:
    rows = ask(
        url,
        "CREATE EXTENSION pg_trgm",
        "CREATE EXTENSION unaccent",
        "CREATE EXTENSION btree_gin",
        "SELECT similarity('harbour', 'Harbours') > 0.5, unaccent('é')",
    )
    assert rows == [(True, "e")]


def test_indexes_on_texts_hold(url: str) -> None:
    checked = ask(
        url,
        "CREATE EXTENSION amcheck",
        "CREATE TABLE texts (words text)",
        "INSERT INTO texts SELECT repeat('바다 é ', n % 7) || n FROM generate_series(1, 1000) n",
        "CREATE INDEX ON texts (words)",
        "CREATE INDEX ON texts (lower(words))",
        "SELECT count(bt_index_parent_check(indexrelid, true, true)) FROM pg_index WHERE indrelid = 'texts'::regclass",
    )
    assert checked == [(2,)]
