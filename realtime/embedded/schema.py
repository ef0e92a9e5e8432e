"""Tells whether the database has the schema of this code. It takes milliseconds, `migrate` a second."""

import psycopg2
from django.db.migrations.loader import MigrationLoader


def is_behind(postgres_url: str) -> bool:
    """Returns whether a migration on disk has not been applied to the database."""
    on_disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    connection = psycopg2.connect(postgres_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            return not set(on_disk) <= set(cursor.fetchall())
    except psycopg2.errors.UndefinedTable:
        return True
    finally:
        connection.close()
