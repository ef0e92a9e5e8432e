"""The squashed migrations: a database of the revision before, at any of its migrations, gets the same schema."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from pytest_django import DjangoDbBlocker

from realtime import log
from realtime.embedded import schema
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)

# what the revision before the squashed migrations had, in the order in which `migrate` applied it
BEFORE = [
    ("blog", "0001_initial"),
    ("blog", "0002_accounts"),
    ("realtime", "0001_initial"),
    ("realtime", "0002_storage"),
    ("realtime", "0003_access"),
    ("realtime", "0004_promised"),
    ("realtime", "0005_event_by_key"),
]
OURS = "c.relnamespace = 'public'::regnamespace AND c.relname ~ '^(realtime|blog)_'"
# in names, not in object ids, so that equal schemas read the same in two databases
SCHEMA = {
    "storage": f"SELECT c.relname, c.relkind, c.relpersistence, c.reloptions FROM pg_class c WHERE {OURS}",
    "columns": f"""
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE {OURS} AND a.attnum > 0""",
    "indexes": f"""
        SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid
          FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE {OURS}""",
    "constraints": f"""
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated
          FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE {OURS}""",
    "identities": f"""
        SELECT c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqcache, s.seqcycle
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE {OURS}""",
    "triggers": f"""
        SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE {OURS} AND NOT t.tgisinternal""",
    "applied": "SELECT app, name FROM django_migrations WHERE app IN ('realtime', 'blog')",
    "models": "SELECT app_label, model FROM django_content_type WHERE app_label IN ('realtime', 'blog')",
}


@contextmanager
def database(name: str) -> Iterator[str]:
    """Makes an empty database for the block, in which Django's connection leads to it; yields its address."""
    before = connection.settings_dict["NAME"]
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    try:
        connection.settings_dict["NAME"] = name
        yield urlunsplit(urlsplit(os.environ["POSTGRES_URL"])._replace(path=f"/{name}"))
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="module")
def new(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, list[str]]:
    """The schema of a database that the squashed migrations made."""
    with django_db_blocker.unblock(), database("squashed"):
        migrate()
        return found()


def migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def found() -> dict[str, list[str]]:
    """Reads the schema of our tables: a line for each thing in it, in one order."""
    with connection.cursor() as cursor:
        lines = {}
        for part, question in SCHEMA.items():
            cursor.execute(question)
            lines[part] = sorted(json.dumps(row, default=str) for row in cursor.fetchall())
        return lines


def migrate_before(last: int) -> None:
    """Applies the migrations of before up to this one, and what they depend on, by the files that are replaced now."""
    executor = MigrationExecutor(connection)
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    state = executor.migrate(BEFORE[: last + 1])
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default", apps=state.apps, plan=[])


def leave_an_event() -> bool:
    """Writes an event that no hub has numbered yet, as the last transaction of before; not where it had no table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('realtime_pending')")
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("INSERT INTO realtime_pending (kind, key, topics, data) VALUES ('left', 'a.1', '{front}', '{}')")
    return True


def test_the_files_of_before_are_all_replaced() -> None:
    loader = MigrationLoader(None)
    replaced = {name for squashed in loader.replacements.values() for name in squashed.replaces}
    assert set(BEFORE) <= replaced
    assert all(loader.replacements[name].atomic for name in loader.replacements)


def test_a_new_database_is_made_by_the_squashed_ones_alone() -> None:
    with database("planned"):
        plan = MigrationExecutor(connection).migration_plan(MigrationLoader(connection).graph.leaf_nodes())
        names = {(migration.app_label, migration.name) for migration, _ in plan}
        assert names.isdisjoint(BEFORE)


@pytest.mark.parametrize("last", range(len(BEFORE)), ids=[".".join(name) for name in BEFORE])
def test_a_database_of_before_migrates_and_serves(new: dict[str, list[str]], last: int) -> None:
    with database("before") as url:
        migrate_before(last)
        has_left_one = leave_an_event()
        migrate()
        assert found() == new
        assert not schema.is_behind(url)
        post = cast.a_post(cast.ada())
        assert post.title in Client().get("/").content.decode()
        reader = log.LogConnection()
        kinds = [event.kind for event in reader.advance_and_read(0).events]
        reader.close()
        assert kinds[:1] == ["left"] if has_left_one else "left" not in kinds
        assert kinds[-1] == "post.published"
