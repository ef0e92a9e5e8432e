"""Transactions of views that write: a second attempt after a deadlock, and messages that wait for COMMIT."""

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.contrib import messages
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from psycopg2.errors import DeadlockDetected, SerializationFailure

RETRY_DELAY_SECONDS = (0.02, 0.06)  # from, to: many times what PostgreSQL takes to wake a waiting transaction

View = Callable[..., HttpResponse]


def retry_on_deadlock(view: View) -> View:
    """Runs the view in a transaction, like ATOMIC_REQUESTS, and once more where a deadlock ended the first.

    Two requests that lock the same rows in opposite order cannot both go on; the one that PostgreSQL
    ends has changed nothing, so the view may run again. It must do nothing outside the database
    before COMMIT: its messages go through `flash_on_commit`.
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
        # The other request is only now being woken: a retry at once could lock before it, and deadlock again.
        time.sleep(random.uniform(*RETRY_DELAY_SECONDS))
        with transaction.atomic():
            return view(request, *args, **kwargs)

    return attempted


def flash_on_commit(request: HttpRequest, sentence: str) -> None:
    """Shows the sentence on the next page, once the transaction is committed."""
    transaction.on_commit(partial(messages.success, request, sentence))
