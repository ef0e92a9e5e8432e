"""`manage.py live`, as a person at a terminal sees it. One newsroom serves the whole file, in its order."""

import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from tests.embedded.terminal import Newsroom, celery, left, manage, until

COUNT = "from blog.models import Post; print('posts:', Post.objects.count())"


@pytest.fixture(scope="module")
def newsroom(place: Path) -> Iterator[Newsroom]:
    """A running newsroom, with the demo in it."""
    live = Newsroom(place / "data").ready()
    yield live
    live.signal(signal.SIGTERM)
    live.terminal.ends()


@pytest.fixture
def started_again(place: Path, newsroom: Newsroom) -> Iterator[Newsroom]:
    """A newsroom that a test may end: first the one of the tests above, then another on the same DATA_DIR."""
    live = newsroom if newsroom.terminal.process.poll() is None else Newsroom(place / "data").ready()
    yield live
    live.signal(signal.SIGKILL)
    live.terminal.ends()


def test_the_ready_line_says_where_who_and_how_to_stop(newsroom: Newsroom) -> None:
    [line] = [line for line in newsroom.terminal.said.splitlines() if "is live at" in line]
    assert newsroom.running["url"] in line
    assert all(word in line for word in ("ada", "ben", "cleo", "stop-press", "Ctrl-C"))
    assert newsroom.status("healthz") == 200
    assert newsroom.status("") == 200


def test_what_signs_and_what_leads_to_the_servers_is_for_the_owner_only(newsroom: Newsroom) -> None:
    for name in ("secret_key", "run.json"):
        assert stat.S_IMODE((newsroom.data_dir / name).stat().st_mode) == 0o600
    sockets = Path(newsroom.running["sockets"])
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert sockets.parent == Path("/tmp")


def test_a_second_terminal_finds_the_database(newsroom: Newsroom) -> None:
    code, said = manage("shell", "-v", "0", "-c", COUNT, DATA_DIR=str(newsroom.data_dir))
    assert code == 0
    assert int(said.split("posts:")[1]) > 0


def test_dbshell_reaches_the_embedded_server(newsroom: Newsroom) -> None:
    question = "SELECT current_user, current_setting('unix_socket_directories')"
    code, said = manage("dbshell", "--", "-Atc", question, DATA_DIR=str(newsroom.data_dir))
    assert (code, said.strip()) == (0, f"stop_press|{newsroom.running['sockets']}")


def test_celery_in_a_second_terminal_finds_the_workers(newsroom: Newsroom) -> None:
    worker = f"celery@{socket.gethostname()}"
    code, said = celery("inspect", "ping", "--timeout", "30", "-d", worker, DATA_DIR=str(newsroom.data_dir))
    assert (code, "pong" in said) == (0, True), said


def test_a_second_live_on_the_same_directory_is_refused(newsroom: Newsroom) -> None:
    code, said = manage("live", DATA_DIR=str(newsroom.data_dir))
    assert code == 1
    assert said.strip() == (
        f"{newsroom.data_dir} is in use by another `manage.py live` (process {newsroom.terminal.process.pid})."
    )
    assert newsroom.status("healthz") == 200


@pytest.mark.parametrize(
    "word", [" edge ", "--queues celery", "--queues due", " beat ", "valkey-server", "bin/postgres"]
)
def test_a_child_that_dies_is_started_again(newsroom: Newsroom, word: str) -> None:
    before = newsroom.child(word)
    os.kill(before, signal.SIGKILL)
    newsroom.terminal.wait_for("ended (SIGKILL); starting it again in")
    until(lambda: any(word in p.command and p.pid != before for p in newsroom.family()))
    until(lambda: newsroom.status("healthz") == 200)


def test_hanging_up_replaces_the_edge_without_a_gap(newsroom: Newsroom) -> None:
    """SIGHUP restarts: there is no terminal here that could have been closed."""
    before, statuses, replaced = newsroom.child(" edge "), set(), threading.Event()

    def ask() -> None:
        while not replaced.is_set():
            statuses.add(newsroom.status("healthz"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        newsroom.signal(signal.SIGHUP)
        newsroom.terminal.wait_for("edge was replaced.")
    finally:
        replaced.set()
        asking.join()
    assert newsroom.child(" edge ") != before
    assert statuses == {200}


def test_two_ctrl_c_stop_everything_in_ten_seconds(started_again: Newsroom) -> None:
    family, running = started_again.family(), started_again.running
    started_again.signal(signal.SIGINT)
    started_again.terminal.wait_for("Stopping")
    started_again.signal(signal.SIGINT)
    assert started_again.terminal.ends(10) == 0
    assert left(family) == []
    assert started_again.terminal.said.rstrip().endswith("Stopped.")
    assert not Path(running["sockets"]).exists()
    assert not (started_again.data_dir / "run.json").exists()


def test_kill_9_leaves_no_process_and_the_next_start_clears_up(place: Path, started_again: Newsroom) -> None:
    family, running = started_again.family(), started_again.running
    started_again.signal(signal.SIGKILL)
    until(lambda: left(family) == [])

    code, said = manage("shell", "-c", COUNT, DATA_DIR=str(place / "data"))
    assert (code, said.strip().splitlines()[-1]) == (1, nothing_runs(place / "data"))
    code, said = celery("worker", DATA_DIR=str(place / "data"))
    assert (code, said.strip()) == (1, nothing_runs(place / "data"))

    again = Newsroom(place / "data")
    again.terminal.wait_for("PostgreSQL and Valkey ... ")
    until(lambda: (place / "data" / "run.json").exists() and again.running != running)
    assert not Path(running["sockets"]).exists()
    family = again.family()
    again.signal(signal.SIGTERM)  # while it is still starting
    assert again.terminal.ends(10) == 0
    assert left(family) == []


@pytest.mark.parametrize(
    "command",
    [("shell", "-c", COUNT), ("import_posts", "."), ("createsuperuser", "--noinput"), ("dbshell",)],
)
def test_a_command_says_so_when_nothing_runs(tmp_path: Path, command: tuple[str, ...]) -> None:
    more = {"DJANGO_SUPERUSER_PASSWORD": "x"}
    code, said = manage(*command, DATA_DIR=str(tmp_path), DJANGO_SUPERUSER_USERNAME="zoe", **more)
    assert (code, said.strip().splitlines()[-1]) == (1, nothing_runs(tmp_path))
    assert "Traceback" not in said


@pytest.fixture
def outside() -> Iterator[dict[str, str]]:
    """The variables of servers that `live` did not start: those of this test run, with an empty database."""
    url = urlsplit(os.environ["POSTGRES_URL"])
    connection = psycopg2.connect(os.environ["POSTGRES_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE outside")
        yield {
            "POSTGRES_URL": urlunsplit(url._replace(path="/outside")),
            "REDIS_URL": os.environ["REDIS_URL"].replace("db=0", "db=7"),
        }
        cursor.execute("DROP DATABASE outside WITH (FORCE)")
    connection.close()


@pytest.mark.parametrize("command", [("worker",), ("beat",), ("inspect", "ping"), ("status",)])
def test_celery_says_so_when_nothing_runs(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, said = celery(*command, DATA_DIR=str(tmp_path))
    assert (code, said.strip()) == (1, nothing_runs(tmp_path))


def test_celery_names_only_what_is_missing(tmp_path: Path) -> None:
    code, said = celery("worker", DATA_DIR=str(tmp_path), POSTGRES_URL="postgresql://ada@127.0.0.1:1/press")
    assert (code, said.strip()) == (1, nothing_runs(tmp_path, "REDIS_URL"))


def nothing_runs(data_dir: Path, variables: str = "POSTGRES_URL and REDIS_URL") -> str:
    return f"Nothing is running for {data_dir}: start `python3 manage.py live` first, or set {variables}."


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = manage("live", DATA_DIR=str(tmp_path / "data"), PORT=str(port))
    assert (code, said.strip()) == (
        1,
        f"Port {port} on 127.0.0.1 is taken: stop what listens there, or set PORT.",
    )


@pytest.mark.parametrize(
    ("sentence", "urls"),
    [
        (
            "POSTGRES_URL is set, but no database answers there",
            {"POSTGRES_URL": "postgresql://ada@127.0.0.1:1/press"},
        ),
        (
            "REDIS_URL (or BROKER_URL) is set, but no Redis answers there",
            {"REDIS_URL": "redis://127.0.0.1:1/0", "POSTGRES_URL": os.environ.get("POSTGRES_URL", "")},
        ),
    ],
    ids=["database", "Redis"],
)
def test_an_outside_server_that_is_away_is_one_sentence(place: Path, sentence: str, urls: dict[str, str]) -> None:
    code, said = manage("live", DATA_DIR=str(place / "without"), **urls)
    assert code == 1
    assert said.strip().splitlines()[-1].startswith(sentence)
    assert "Traceback" not in said


def test_on_outside_servers_nothing_is_embedded_and_no_demo_is_made(tmp_path: Path, outside: dict[str, str]) -> None:
    live = Newsroom(tmp_path / "data", **outside).ready()
    try:
        assert live.status("healthz") == 200
        assert "ada" not in live.terminal.said
        assert live.running["postgres_url"] == outside["POSTGRES_URL"]
        assert {path.name for path in live.data_dir.iterdir()}.isdisjoint({"postgres", "valkey", "demo.done"})
        assert not any("bin/postgres" in process.command for process in live.family())
    finally:
        live.signal(signal.SIGTERM)
        assert live.terminal.ends() == 0
