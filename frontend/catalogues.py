"""Catalogues: the .po files that people edit, made into the .mo files that gettext reads."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from frontend.node import FRONTEND


def sources() -> Iterator[Path]:
    yield from sorted((FRONTEND / "locale").glob("*/LC_MESSAGES/*.po"))


def compiled() -> bool:
    """Whether each catalogue has its .mo, no older than itself."""
    return all(_fresh(po, po.with_suffix(".mo")) for po in sources())


def compile_all() -> None:
    for po in sources():
        with po.open("rb") as text:
            catalogue = read_po(text, locale=po.parent.parent.name)
        aside = po.with_suffix(".mo.new")
        with aside.open("wb") as binary:
            write_mo(binary, catalogue)
        aside.replace(po.with_suffix(".mo"))


def _fresh(po: Path, mo: Path) -> bool:
    return mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime
