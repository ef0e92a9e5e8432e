"""The cache: shared by processes, apart from what else the Redis holds, and needed by no page."""

import subprocess
import sys

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client, override_settings

from tests.cast import ada

NOWHERE = {"default": {**settings.CACHES["default"], "LOCATION": [settings.NO_REDIS]}}


@pytest.fixture(autouse=True)
def empty():
    cache.clear()
    yield
    cache.clear()


def test_another_process_reads_what_this_one_wrote():
    cache.set("words", {"ink": 3})
    read = "import django; django.setup(); from django.core.cache import cache; print(cache.get('words'))"
    done = subprocess.run([sys.executable, "-c", read], cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.stdout.strip() == "{'ink': 3}", done.stderr


def test_clear_removes_its_own_keys_and_no_other():
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.set("tests:other", "stays", ex=60)
    cache.set_many({f"word-{number}": number for number in range(2500)})
    cache.clear()
    assert cache.get("word-1") is None
    assert list(client.scan_iter(match="stop-press:cache:*")) == []
    assert client.get("tests:other") == b"stays"
    client.delete("tests:other")
    client.close()


@override_settings(CACHES=NOWHERE)
@pytest.mark.django_db
def test_no_page_needs_it():
    with pytest.raises(redis.ConnectionError):
        cache.get("anything")
    client = Client()
    assert {path: client.get(path).status_code for path in ("/", "/books/", "/sign-in/", "/feed/")} == {
        "/": 200,
        "/books/": 200,
        "/sign-in/": 200,
        "/feed/": 200,
    }
    client.force_login(ada())
    assert client.get("/desk/").status_code == 200
