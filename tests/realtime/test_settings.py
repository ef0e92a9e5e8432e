"""Which servers the settings take from the environment, and how each library is told of them."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from realtime import redis_url

SOURCE = Path(settings.BASE_DIR) / "realtime" / "settings.py"
RUNNING = {"postgres_url": "postgresql://running/press", "redis_url": "unix:///tmp/running/valkey.sock?db=0"}


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Reads the settings anew, from an environment that names these servers and no other."""

    def read(running: bool = False, **environment: str) -> dict[str, Any]:
        if running:
            (tmp_path / "run.json").write_text(json.dumps(RUNNING))
        servers = ("POSTGRES_URL", "DATABASE_URL", "REDIS_URL", "BROKER_URL", "CELERY_RESULT_BACKEND")
        for name in servers:  # empty, and not unset: a file .env may name them
            monkeypatch.setenv(name, environment.get(name, ""))
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        return runpy.run_path(str(SOURCE))

    return read


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("redis://:secret@cache.example.org:6379/2", "redis://:secret@cache.example.org:6379/2"),
        ("rediss://cache.example.org/0?ssl_cert_reqs=CERT_NONE", "rediss://cache.example.org/0?ssl_cert_reqs=none"),
        ("redis+socket:///run/valkey.sock?virtual_host=2", "unix:///run/valkey.sock?db=2"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock?db=2"),
        ("amqp://guest@localhost//", ""),
        ("sentinel://one:26379;sentinel://two:26379", ""),
        ("redis://one;redis://two", ""),
        ("", ""),
    ],
)
def test_a_broker_that_is_one_redis_is_spelled_as_redis_py_does(broker, expected):
    assert redis_url.from_celery(broker) == expected


def test_a_unix_socket_is_spelled_as_celery_does():
    assert redis_url.for_celery("unix:///run/valkey.sock?db=2") == "redis+socket:///run/valkey.sock?virtual_host=2"
    assert redis_url.for_celery("redis://cache.example.org/2") == "redis://cache.example.org/2"


def test_a_redis_carries_everything_where_no_broker_is_named(read):
    got = read(REDIS_URL="redis://cache.example.org/0")
    assert (got["CELERY_BROKER_URL"], got["CACHES"]["default"]["LOCATION"]) == (
        "redis://cache.example.org/0",
        ["redis://cache.example.org/0"],
    )


def test_a_broker_alone_is_the_redis_too(read):
    got = read(BROKER_URL="redis+socket:///run/valkey.sock?virtual_host=2", running=True)
    url = "unix:///run/valkey.sock?db=2"
    assert (got["REDIS_URL"], got["GIVEN_REDIS_URL"]) == (url, url)
    assert got["CELERY_BROKER_URL"] == "redis+socket:///run/valkey.sock?virtual_host=2"
    assert got["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"] == [url]


def test_a_redis_that_is_named_is_not_replaced_by_the_broker(read):
    got = read(REDIS_URL="redis://cache.example.org/0", BROKER_URL="redis://queue.example.org/0")
    assert (got["REDIS_URL"], got["CELERY_BROKER_URL"]) == (
        "redis://cache.example.org/0",
        "redis://queue.example.org/0",
    )


def test_beside_another_kind_of_broker_live_starts_a_redis(read):
    got = read(BROKER_URL="amqp://guest@localhost//")
    assert (got["REDIS_URL"], got["GIVEN_REDIS_URL"]) == (got["NO_REDIS"], "")
    assert got["CELERY_BROKER_URL"] == "amqp://guest@localhost//"
    assert read(BROKER_URL="amqp://guest@localhost//", running=True)["REDIS_URL"] == RUNNING["redis_url"]


def test_servers_that_are_named_stay_named_where_live_was_killed_while_it_used_them(read):
    got = read(running=True, POSTGRES_URL=RUNNING["postgres_url"], REDIS_URL=RUNNING["redis_url"])
    assert (got["GIVEN_POSTGRES_URL"], got["GIVEN_REDIS_URL"]) == (RUNNING["postgres_url"], RUNNING["redis_url"])


def test_a_result_backend_on_a_unix_socket_is_spelled_as_celery_does(read):
    got = read(REDIS_URL="redis://cache.example.org/0", CELERY_RESULT_BACKEND="unix:///run/valkey.sock?db=1")
    assert got["CELERY_RESULT_BACKEND"] == "redis+socket:///run/valkey.sock?virtual_host=1"
