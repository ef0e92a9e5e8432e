"""Querysets that are run with every save: Django makes their SQL once, and not each time anew.

Making it takes Django ten times as long as PostgreSQL takes to answer. The text stays the same: the ids are
one array in it, however many they are.

A query's compiler is not documented API; tests/realtime/test_compiled.py is the contract.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import starmap
from typing import Any, Generic, TypeVar

from django.db import NotSupportedError, connections
from django.db.models import F, Lookup, QuerySet

Row = TypeVar("Row")


class AnyOf(Lookup):
    """The condition that an expression is one of the ids."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Returns the condition with one placeholder, for the array of ids."""
        lhs, values = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s)", (*values, self.rhs)


class Compiled(Generic[Row]):
    """A queryset of tuples (`values_list`), each of which makes a `row`, by ids.

    `make` returns the queryset for the condition that the field `of` is one of the ids.
    """

    def __init__(self, row: Callable[..., Row], make: Callable[[AnyOf], "QuerySet[Any, Any]"], of: str = "pk") -> None:
        self._row = row
        self._make = make
        self._of = of
        self._ids: list[Any] = []  # stands for the ids in what is compiled

    def rows(self, ids: Iterable[Any], using: str = "default") -> list[Row]:
        """Returns the rows for these ids, with the values that PostgreSQL's driver makes: one query."""
        sql, values = self._text
        asked = list(ids)
        with connections[using].cursor() as cursor:
            cursor.execute(sql, [asked if value is self._ids else value for value in values])
            return list(starmap(self._row, cursor.fetchall()))

    @cached_property
    def _text(self) -> tuple[str, Sequence[Any]]:
        """The SQL and its values. Made when it is first asked for: models are not ready before."""
        compiler: Any = self._make(AnyOf(F(self._of), self._ids)).query.get_compiler("default")
        text: tuple[str, Sequence[Any]] = compiler.as_sql()
        for column, _, _ in compiler.select:
            if hasattr(column.output_field, "from_db_value"):
                raise NotSupportedError(f"{column.output_field} wants to convert what is read; nobody does it here.")
        return text
