"""Ends a command with one sentence where the configuration is at fault; a bug keeps its traceback."""

import contextlib
import sys
from collections.abc import Iterator

import redis
from dj_database_url import ParseError, UnknownSchemeError
from django.conf import settings
from django.db import OperationalError, connection
from environs.exceptions import EnvError
from kombu.exceptions import OperationalError as BrokerError

NOTHING_RUNS = "Nothing is running for {}: start `python3 manage.py live` first, or set {}."


@contextlib.contextmanager
def in_one_sentence() -> Iterator[None]:
    """Ends the block with a sentence, and status 1, where a server does not answer or a setting is not valid."""
    try:
        yield
    except EnvError as error:
        sys.exit(str(error))
    except (ParseError, UnknownSchemeError):
        sys.exit("POSTGRES_URL is not an address like postgresql://user:password@host:5432/database.")
    except OperationalError as error:
        if _postgres_answers():
            raise
        sys.exit(_absent("PostgreSQL", settings.POSTGRES_URL, error))
    except (BrokerError, redis.ConnectionError) as error:
        if isinstance(error, BrokerError) and settings.BROKER_URL:
            sys.exit(f"The broker (BROKER_URL) does not answer: {_reason(error)}.")
        if _redis_answers():
            raise
        sys.exit(_absent("Redis", settings.REDIS_URL, error))


def _postgres_answers() -> bool:
    """Returns whether the database can be reached; then the error had another cause."""
    connection.close()
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis.Redis.from_url(settings.REDIS_URL).ping())
    except redis.ConnectionError:
        return False


def _absent(what: str, url: str, error: Exception) -> str:
    if url in ("", settings.NO_REDIS, *settings.RUNNING.values()):
        return NOTHING_RUNS.format(settings.DATA_DIR, "POSTGRES_URL and REDIS_URL")
    return f"{what} does not answer: {_reason(error)}."


def _reason(error: Exception) -> str:
    """Returns the first line of what a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
