"""Builds that are broken on purpose; the fault run has to find each of them.

    python -m tests.faults --broken no-merge

The rig starts edges and writers of such a build by `broken_builds.run(NAME, SCRIPT)`, which replaces one function
of the product and then runs the script. The product itself has no code for this.
"""

import os
import runpy
import sys
from collections.abc import Callable
from itertools import count
from typing import Any


def early_bell() -> None:
    """Rings the bell before COMMIT and not after it: a hub that reads the log then finds nothing."""
    from realtime import publish
    from realtime.bell import bell

    original = publish.publish

    def ring_and_publish(*args: Any, **kwargs: Any) -> None:
        bell.ring()
        original(*args, **kwargs)

    publish.PendingChange.__call__ = lambda self: None  # type: ignore[method-assign]
    _replace_publish(ring_and_publish)


def early_event() -> None:
    """Writes the event before COMMIT, by a connection of its own: events of rollbacks are published too."""
    from django.db import connections

    from realtime import publish

    original = publish.publish

    def tell_and_publish(kind: str, key: str, *args: Any, **kwargs: Any) -> None:
        original(kind, key, *args, **kwargs)
        if kind == "author.updated":
            aside = connections.create_connection("default")
            with aside.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO realtime_pending (kind, key, topics, data) VALUES ('author.updated', %s, '{site}',"
                    """ '{"id": 0, "name": "too early", "url": "/", "version": 1}')""",
                    [key],
                )
            aside.close()

    _replace_publish(tell_and_publish)


def _replace_publish(function: Callable[..., None]) -> None:
    from realtime.live import declaration, relation

    declaration.publish = relation.publish = function


def skipped_position() -> None:
    """Skips the first event of every twentieth reading of the log."""
    from consumers.delivery.log_tail import LogTail

    hand_over, looks = LogTail._hand_over, count(1)

    def hand_over_and_skip(self: LogTail, found: Any) -> None:
        if found.events and next(looks) % 20 == 0:
            found = found._replace(events=found.events[1:])
            if not found.events:
                self._seen += 1
        hand_over(self, found)

    LogTail._hand_over = hand_over_and_skip


def no_merge() -> None:
    """Discards the live events that a subscription held while its recovery was loaded."""
    from consumers.delivery.subscription import Subscription

    def forget(self: Subscription) -> None:
        self._held = None

    Subscription._write_held = forget


def kept_text() -> None:
    """Leaves the text of withdrawn posts in the log."""
    from realtime import log

    log._PREPARE = log._PREPARE.replace("WHERE scrub GROUP", "WHERE scrub AND false GROUP")


def kept_in_memory() -> None:
    """Leaves the text of withdrawn posts in the edges' memory of recent events."""
    from consumers.wire.server_frames import Entry

    Entry.scrub = lambda self: None  # type: ignore[method-assign]


BUILDS: dict[str, Callable[[], None]] = {
    "early-bell": early_bell,
    "early-event": early_event,
    "skipped-position": skipped_position,
    "no-merge": no_merge,
    "kept-text": kept_text,
    "kept-in-memory": kept_in_memory,
}


def run(name: str, script: str) -> None:
    """Applies a build to this process, and runs the script in it."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
    django.setup()
    BUILDS[name]()
    sys.argv[0] = script
    runpy.run_path(script, run_name="__main__")
