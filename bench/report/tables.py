"""Tables of Markdown, written and read: standalone scenarios print them, and goals look figures up in them."""

import re
from collections.abc import Iterable, Iterator, Sequence

Row = dict[str, str]
_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def rows(text: str) -> Iterator[Row]:
    """Yields the rows of all tables of a text, by heading; of two columns with the same heading, the first."""
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not head:
            head = cells
        elif not set(line) <= set("|-: "):
            row: Row = {}
            for name, cell in zip(head, cells, strict=False):
                row.setdefault(name, cell)
            yield row


def number(cell: str) -> float | None:
    """Returns the first number of a cell, 1608 for "1,608 a second", or None."""
    found = _NUMBER.search(cell)
    return float(found[0].replace(",", "")) if found else None
