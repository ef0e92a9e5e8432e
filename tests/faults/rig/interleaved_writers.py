"""Writers whose transactions are open at the same time in one thread; a schedule decides which takes its next step."""

import random
from collections.abc import Iterator

from django.db import connections, transaction

from blog.models import Author, Post, Tag, User

OUTCOMES = ("commit", "commit", "roll back")


class RollBack(Exception):
    """Rolls back a transaction or a savepoint."""


class Newsroom:
    """A few posts, bylines and tags, and random changes of them. Each object is in one transaction at a time."""

    def __init__(self, dice: random.Random, name: str) -> None:
        self._dice = dice
        self._name = name
        self._count = 0
        self._busy: set[object] = set()
        self._ada, _ = User.objects.get_or_create(username="ada")
        self.authors = [Author.objects.create(name=f"{name} author {n}") for n in range(2)]
        self.tags = [Tag.objects.create(name=f"{name} tag {n}") for n in range(2)]
        for _ in range(4):
            self._write().save()

    @property
    def posts(self) -> "list[Post]":
        return list(Post.objects.filter(byline__in=self.authors).order_by("pk"))

    def transaction(self) -> Iterator[str]:
        """Runs one transaction, a step for each `next`: changes and savepoints, then its end; yields their names."""
        mine: set[object] = set()
        outcome = self._dice.choice(OUTCOMES)
        try:
            with transaction.atomic():
                for _ in range(self._dice.choice((1, 1, 2, 3))):
                    self._change_in_savepoint(mine) if self._dice.random() < 0.4 else self._change(mine)
                    yield "change"
                if outcome != "commit":
                    raise RollBack
        except RollBack:
            pass
        finally:
            self._busy -= mine
        yield outcome

    def _change_in_savepoint(self, mine: set[object]) -> None:
        try:
            with transaction.atomic():
                self._change(mine)
                if self._dice.random() < 0.5:
                    raise RollBack
        except RollBack:
            pass

    def _change(self, mine: set[object]) -> None:
        self._count += 1
        kind = self._dice.randrange(10)
        if kind == 0:
            return self._write().save()
        if kind <= 2:
            author = self._take(self.authors, mine)
            if author:
                author.name = f"{self._name} name {self._count}"
                author.save()
            return None
        post = self._take(self.posts, mine)
        if post is None:
            return None
        if kind <= 5:
            post.title = f"title {self._count}"
            post.save()
        elif kind == 6:
            post.withdraw() if post.is_public else post.publish()
        elif kind == 7:
            post.tags.set(self._dice.sample(self.tags, self._dice.randrange(3)))
        elif kind == 8:
            (post.liked_by.remove if post.liked_by.exists() else post.liked_by.add)(self._ada)
        else:
            Post.objects.filter(pk=post.pk).update(pinned=not post.pinned)
        return None

    def _write(self) -> Post:
        byline = self._dice.choice(self.authors)
        return Post(author=self._ada, byline=byline, title=f"post {self._count}", text="Tide.", state="published")

    def _take(self, rows: list, mine: set[object]):
        """Takes a row that no other open transaction has changed, and returns it, or None.

        A row of another transaction would make this one wait, and the schedule with it.
        """
        free = [row for row in rows if row in mine or row not in self._busy]
        if not free:
            return None
        row = self._dice.choice(free)
        mine.add(row)
        self._busy.add(row)
        row.refresh_from_db()
        return row


class InterleavedWriter:
    """A writer with a connection of its own, on which the steps of its transactions run."""

    def __init__(self, newsroom: Newsroom) -> None:
        self._newsroom = newsroom
        self._connection = connections.create_connection("default")
        self._steps: Iterator[str] | None = None

    def step(self) -> str:
        """Takes one step of the present transaction, or begins the next; returns the step's name."""
        original = connections["default"]
        connections["default"] = self._connection
        try:
            self._steps = self._steps or self._newsroom.transaction()
            done = next(self._steps)
            if done in OUTCOMES:
                self._steps = None
            return done
        finally:
            connections["default"] = original

    def close(self) -> None:
        """Ends the present transaction and closes the connection."""
        while self._steps is not None:
            self.step()
        self._connection.close()
