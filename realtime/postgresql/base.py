"""Django's PostgreSQL backend, announcing what was marked just before COMMIT.

Django has no hook there. `_commit`, `run_on_commit` and `_rollback` are the backend's own, not
documented API; tests/realtime/test_postgresql.py is the contract that each Django release must keep.
"""

from typing import Any

from django.db.backends.postgresql import base

from realtime.publish import Mark, write


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL, writing marks in the transaction that made them: both are committed or neither is."""

    def _commit(self) -> Any:
        marks = [hook for _, hook, _ in self.run_on_commit if isinstance(hook, Mark)]  # type: ignore[misc]
        if marks:
            try:
                write(self, marks)
            except BaseException:
                self._rollback()  # type: ignore[attr-defined]
                self.run_on_commit = []
                raise
        return super()._commit()  # type: ignore[misc]
