"""Django's PostgreSQL backend, which writes the pending changes of a transaction just before COMMIT.

Django has no hook there. `_commit`, `run_on_commit` and `_rollback` are the backend's own, not
documented API; tests/realtime/test_postgresql.py is the contract that each Django release must keep.
"""

from dataclasses import replace
from typing import Any

from django.db.backends.postgresql import base

from realtime.polling_lease import PollingLease
from realtime.postgresql.client import DatabaseClient
from realtime.publish import PendingChange, write


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL. It writes pending changes in the transaction that made them: both are committed or neither is."""

    client_class = DatabaseClient

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.polling_lease = PollingLease()

    def _commit(self) -> Any:
        hooks: list[Any] = self.run_on_commit  # (savepoints, function, whether its errors are only logged)
        pending_changes = [hook for hook in hooks if isinstance(hook[1], PendingChange)]
        if any(pending_change.keys for _, pending_change, _ in pending_changes):
            try:
                write(self, [pending_change for _, pending_change, _ in pending_changes])
            except BaseException:
                self._rollback()  # type: ignore[attr-defined]
                self.run_on_commit = []
                raise
            # one stays, to ring the bell after COMMIT; first, because another hook may wait for a broker that is away
            savepoints, pending_change, robust = next(hook for hook in pending_changes if hook[1].keys)
            ring: Any = (savepoints, replace(pending_change, lease=self.polling_lease), robust)
            self.run_on_commit = [ring, *(hook for hook in hooks if not isinstance(hook[1], PendingChange))]
        return super()._commit()  # type: ignore[misc]
