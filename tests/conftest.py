"""What every test can stand on: real servers, and a real browser."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.test import TransactionTestCase
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

from blog.models import User
from realtime import log

NEEDED = ("POSTGRES_URL", "REDIS_URL", "DATA_DIR")
KEPT = {"django_content_type", "auth_permission"}  # migrate makes them, and no test changes them
# the first three: Chromium as root in a container; the rest: no traffic of its own
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run on servers that are not the tests' own."""
    if not all(os.environ.get(name) for name in NEEDED):
        raise pytest.UsageError(f"Run `python3 manage.py test`, or set {', '.join(NEEDED)} (manage.py test --hold).")


@pytest.fixture(scope="session", autouse=True)
def _flush_what_tests_write() -> Iterator[None]:
    """After a test that commits, Django's flush makes all content types and permissions anew; here they stay.

    That was two thirds of its time. What is left of it is the same: everything is emptied, and the log begins anew.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
        yield


def flush(case: TransactionTestCase) -> None:
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    names = ", ".join(map(connection.ops.quote_name, sorted(tables - KEPT)))
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names}")
        log.begin(cursor)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Users have numbers from a million on, so nobody has one that a test writes into a ticket of its own.

    What was taken back from one would be refused to the other.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {User._meta.db_table} ALTER id RESTART WITH 1000000")


@pytest.fixture(scope="session")
def child_environment(django_db_setup: None) -> dict[str, str]:
    """The environment for processes that a test starts: they use the tests' database."""
    url = urlsplit(os.environ["POSTGRES_URL"])
    name = connection.settings_dict["NAME"]
    return {**os.environ, "POSTGRES_URL": urlunsplit(url._replace(path=f"/{name}"))}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium, one for the whole run; a test takes a context of its own from it."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()
