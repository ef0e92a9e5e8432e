"""A backup is restored, or the database dies: readers are told the truth, and nothing else."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from blog.models import User
from realtime.embedded import account, programs
from realtime.embedded.postgres import Postgres
from tests import cast
from tests.consumers.conftest import ROOT, Edge
from tests.consumers.delivery.test_recovery import here
from tests.waiting import until


def program(name: str) -> Path:
    return programs.find_programs(account.current()).postgres.parent / name


def copy(source: str, target: str) -> None:
    """What an operator does: pg_dump, and psql into an empty database."""
    dump = subprocess.run([program("pg_dump"), "--no-owner", source], stdout=subprocess.PIPE, check=True).stdout
    restore = [program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", target]
    subprocess.run(restore, input=dump, stdout=subprocess.DEVNULL, check=True)


def say(url: str, key: str) -> None:
    """An event in the restored database; no bell rings."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO realtime_pending (kind, key, topics, data) VALUES ('tag.updated', %s, '{site}', %s)",
            [key, '{"slug": "tide", "name": "Tide", "url": "/", "version": 1}'],
        )


@pytest.fixture(scope="module")
def source(database: None, ada: User, child_environment: dict[str, str]) -> str:
    """The database that is backed up, with something in its log."""
    cast.posts(ada, 3)
    here()
    return child_environment["POSTGRES_URL"]


class Cluster:
    """A PostgreSQL of its own."""

    def __init__(self, place: Path) -> None:
        who = account.current()
        who.own(place)
        self._postgres = Postgres(
            programs.find_programs(who), who, place, place, place.parent / f"{place.name}.log", False
        )
        self.url = self._postgres.url
        self._postgres.create()
        self.start()

    def start(self) -> None:
        self.process = self._postgres.child().spawn()
        until(self._postgres.ready, 60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="stop-press-", dir="/tmp") as place:
        cluster = Cluster(Path(place))
        yield cluster
        cluster.process.terminate()
        cluster.process.wait()
    Path(f"{place}.log").unlink()


@pytest.fixture(scope="module")
def elsewhere(cluster: Cluster, source: str, start_edge: Callable[..., Edge]) -> Iterator[Edge]:
    """An edge on the backup, restored on another server."""
    copy(source, cluster.url)
    edge = start_edge(ready=False, POSTGRES_URL=cluster.url)
    yield edge
    assert edge.said_nothing_of("Traceback")
    edge.stop()


def test_on_another_server_the_epoch_changes_by_itself(elsewhere: Edge, edge: Edge):
    with closing(edge.connect()) as before, closing(elsewhere.connect()) as after:
        assert before.welcome["epoch"] != after.welcome["epoch"]
        assert after.subscribe("front", since=before.pong())["recovered"] is False
        assert after.hear()["reason"] == "epoch"


def test_a_database_that_is_killed_and_comes_back_is_the_same_log(elsewhere: Edge, cluster: Cluster):
    with closing(elsewhere.connect()) as cleo:
        cleo.subscribe("site")
        for number in range(2):
            say(cluster.url, f"tag.{number}")
            assert cleo.hear()["key"] == f"tag.{number}"
            since = cleo.pong()
            cluster.kill()
            cluster.start()
        say(cluster.url, "tag.back")
        assert cleo.hear()["key"] == "tag.back"
        with closing(elsewhere.connect()) as dora:
            assert dora.subscribe("site", since=since)["missed"] == 1


@contextmanager
def beside(url: str, name: str) -> Iterator[str]:
    """Another database of the same cluster."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_on_the_same_server_the_operator_says_so(source: str, start_edge: Callable[..., Edge], child_environment):
    with beside(source, "restored") as url:
        copy(source, url)
        edge = start_edge(ready=False, POSTGRES_URL=url)
        with closing(edge.connect()) as cleo, closing(edge.connect()) as dora:
            position = cleo.subscribe("site")["position"]
            subprocess.run(
                [sys.executable, "manage.py", "new_epoch"],
                cwd=ROOT,
                env={**child_environment, "POSTGRES_URL": url},
                check=True,
                stdout=subprocess.DEVNULL,
            )
            assert cleo.hear()["reason"] == "epoch"
            assert dora.subscribe("site", since=position)["recovered"] is False
            assert dora.hear()["reason"] == "epoch"
        assert edge.stop() == 0
