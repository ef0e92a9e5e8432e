"""Message catalogues: makes the .mo files that gettext reads of the .po files that people edit."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from frontend.node import FRONTEND


def sources() -> Iterator[Path]:
    """Yields the .po files of all languages."""
    yield from sorted((FRONTEND / "locale").glob("*/LC_MESSAGES/*.po"))


def are_compiled() -> bool:
    """Returns whether each .po file has its .mo, no older than itself."""
    return all(_is_fresh(po, po.with_suffix(".mo")) for po in sources())


def compile_all() -> None:
    """Compiles every .po file; replaces each .mo in one step."""
    for po in sources():
        with po.open("rb") as text:
            catalogue = read_po(text, locale=po.parent.parent.name)
        aside = po.with_suffix(".mo.new")
        with aside.open("wb") as binary:
            write_mo(binary, catalogue)
        aside.replace(po.with_suffix(".mo"))


def _is_fresh(po: Path, mo: Path) -> bool:
    return mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime
