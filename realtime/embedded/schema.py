"""Whether the database has the schema of this code. Asking costs milliseconds, `migrate` a second."""

import psycopg2
from django.db.migrations.loader import MigrationLoader


def behind(postgres_url: str) -> bool:
    """Whether a migration on disk has not been applied yet."""
    ours = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    connection = psycopg2.connect(postgres_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            return not set(ours) <= set(cursor.fetchall())
    except psycopg2.errors.UndefinedTable:
        return True
    finally:
        connection.close()
