"""Requests that write: tried once more where PostgreSQL chose them to end a deadlock."""

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.contrib import messages
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from psycopg2.errors import DeadlockDetected, SerializationFailure

PAUSE = (0.02, 0.06)  # seconds; many times what PostgreSQL takes to wake a waiter

View = Callable[..., HttpResponse]


def writes(view: View) -> View:
    """One transaction, like ATOMIC_REQUESTS, and a second one when the first fell to a deadlock.

    Two requests that lock the same rows in opposite order cannot both go on; the one PostgreSQL
    sends back has changed nothing, so it may simply run again. The view must do nothing outside
    the database before it is committed: what it says to the person goes through `say`.
    """

    @transaction.non_atomic_requests
    @wraps(view)
    def attempted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected | SerializationFailure):
                raise
        # The other one is only now being woken: who comes back at once may lock before it and meet it again.
        time.sleep(random.uniform(*PAUSE))
        with transaction.atomic():
            return view(request, *args, **kwargs)

    return attempted


def say(request: HttpRequest, sentence: str) -> None:
    """Shows the sentence on the next page, once what it tells of is committed."""
    transaction.on_commit(partial(messages.success, request, sentence))
