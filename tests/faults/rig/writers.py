"""Writers in a process of their own, which make changes in transactions, of which many roll back.

Each change writes a token, and a row of the ledger within the same transaction and savepoint. The token is an author's
name, a post's title, the reason of its withdrawal (each unique in a run), its tags or the number of its likes. So the
ledger holds exactly what PostgreSQL committed, even where a crash left the writer in doubt, and per object in the order
of the commits: the object's row is locked before the ledger assigns its id. Each writer notes the outcome of its
transactions in a file.

    python tests/faults/rig/writers.py NAME --threads 10 --authors 1 2 3 --posts 1 2 --users 1 --tags 1 --notes FILE
"""

import argparse
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import BinaryIO

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
django.setup()

from django.db import Error, connection, transaction  # noqa: E402

from blog.models import Author, Post  # noqa: E402
from realtime.errors import LogAway  # noqa: E402
from realtime.jobs.state_machine import enqueue  # noqa: E402
from tests.realtime.jobs import sample_jobs  # noqa: E402

ROLLBACK_SHARE = 0.35  # of the transactions, which the writer itself rolls back
HELD_SHARE = 0.01  # of the transactions, which stay open for seconds
JOB_SHARE = 0.005  # of the transactions, which enqueue a job
stopping = threading.Event()


class RollBack(Exception):
    """Rolls back a transaction or a savepoint."""


class Writer(threading.Thread):
    """A writer, which notes each transaction's name and outcome: committed, rolled, broken (off) or unknown."""

    def __init__(self, name: str, seed: str, options: argparse.Namespace, notes: BinaryIO) -> None:
        super().__init__(name=name)
        self._dice = random.Random(seed)
        self._options = options
        self._notes = notes
        self._tokens = count(1)

    def run(self) -> None:
        for number in range(1, self._options.transactions + 1):
            self._wait_for_database()
            if stopping.is_set():
                break
            outcome = self._transaction(f"{self.name}-{number}")
            self._notes.write(f"{outcome} {self.name}-{number}\n".encode())
            stopping.wait(self._pause())
        connection.close()

    def _wait_for_database(self) -> None:
        """Waits until the database accepts connections: an attempt without it does not count as a transaction."""
        while not stopping.is_set():
            try:
                connection.ensure_connection()
                return
            except Error:
                stopping.wait(0.1)

    def _pause(self) -> float:
        mean = self._options.pause
        return mean if self._options.steady or not mean else self._dice.expovariate(1 / mean)

    def _transaction(self, name: str) -> str:
        asked_to_commit = False
        try:
            with transaction.atomic():
                self._changes(name)
                time.sleep(self._options.hold)
                if self._dice.random() < ROLLBACK_SHARE:
                    raise RollBack
                asked_to_commit = True
        except RollBack:
            return "rolled"
        except (Error, LogAway):
            connection.close()
            stopping.wait(0.1)
            return "unknown" if asked_to_commit else "broken"
        return "committed"

    def _changes(self, name: str) -> None:
        if self._dice.random() < HELD_SHARE:
            self._make(name)
            time.sleep(self._dice.uniform(0.5, self._options.held))
            return
        for _ in range(self._dice.choice((0, 1, 1, 2))):
            self._perhaps_in_savepoint(lambda: self._make(name))
        # in the same order by all writers, so that two of them do not wait for each other
        for pk in sorted(self._dice.sample(self._options.authors, self._dice.choice((0, 1, 1, 2)))):
            self._perhaps_in_savepoint(lambda pk=pk: self._rename(name, pk))
        if self._dice.random() < 0.2:
            self._edit(name, self._dice.choice(self._options.posts))
        if self._dice.random() < JOB_SHARE:
            enqueue(sample_jobs.stumble, 1)

    def _perhaps_in_savepoint(self, change: Callable[[], None]) -> None:
        if self._dice.random() < 0.6:
            return change()
        try:
            with transaction.atomic():
                change()
                if self._dice.random() < 0.5:
                    raise RollBack
        except RollBack:
            if self._dice.random() < 0.5:
                change()  # a second attempt, which may be committed
        return None

    def _token(self, name: str) -> str:
        return f"{name}-{next(self._tokens)}"

    def _make(self, name: str) -> None:
        token = self._token(name)
        author = Author.objects.create(name=token)
        self._enter(f"author.{author.pk}", token, name)

    def _rename(self, name: str, pk: int) -> None:
        token = self._token(name)
        Author.objects.filter(pk=pk).update(name=token)
        self._enter(f"author.{pk}", token, name)

    def _edit(self, name: str, pk: int) -> None:
        """Changes a post under its lock, so that the token of the change is known here."""
        post = Post.objects.select_for_update(no_key=True).get(pk=pk)
        if not post.is_public:
            self._publish(name, post)
            return
        changes = (self._retitle, self._retitle, self._like, self._tag, self._withdraw)
        self._dice.choice(changes)(name, post)

    def _retitle(self, name: str, post: Post) -> None:
        token = self._token(name)
        Post.objects.filter(pk=post.pk).update(title=token)
        self._enter(f"post.{post.pk}", token, name)

    def _like(self, name: str, post: Post) -> None:
        user = self._dice.choice(self._options.users)
        (post.liked_by.remove if post.liked_by.filter(pk=user).exists() else post.liked_by.add)(user)
        self._enter(f"post.{post.pk} likes", f"likes {post.liked_by.count()}", name)

    def _tag(self, name: str, post: Post) -> None:
        tag = self._dice.choice(self._options.tags)
        (post.tags.remove if post.tags.filter(pk=tag).exists() else post.tags.add)(tag)
        slugs = post.tags.order_by("slug").values_list("slug", flat=True)
        self._enter(f"post.{post.pk}", " ".join(["tags", *slugs]), name)

    def _withdraw(self, name: str, post: Post) -> None:
        token = self._token(name)
        post.withdraw(token)
        self._enter(f"post.{post.pk}", token, name)

    def _publish(self, name: str, post: Post) -> None:
        post.title = self._token(name)
        post.publish()
        self._enter(f"post.{post.pk}", post.title, name)

    def _enter(self, key: str, token: str, name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO ledger (key, token, transaction) VALUES (%s, %s, %s)", [key, token, name])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--steady", action="store_true", help="every pause as long as --pause")
    parser.add_argument("--held", type=float, default=3.0, help="seconds that a few transactions stay open at most")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds between the last change and COMMIT")
    parser.add_argument("--authors", type=int, nargs="+", help="authors that all writers rename")
    parser.add_argument("--posts", type=int, nargs="+", help="posts that all writers edit, like, tag and withdraw")
    parser.add_argument("--users", type=int, nargs="+", help="users that like posts")
    parser.add_argument("--tags", type=int, nargs="+")
    parser.add_argument("--notes", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    # unbuffered, so that each line is one write: lines of threads that share a buffer are interleaved
    with options.notes.open("ab", buffering=0) as notes:
        names = [f"{options.name}.{number}" for number in range(options.threads)]
        writers = [Writer(name, f"{options.seed} {name}", options, notes) for name in names]
        for writer in writers:
            writer.start()
        for writer in writers:
            while writer.is_alive():
                writer.join(0.2)  # with a timeout, since SIGTERM is not handled during join


if __name__ == "__main__":
    main()
