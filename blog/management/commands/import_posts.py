"""`manage.py import_posts PATH`: publishes a folder of Markdown and text files as posts, live."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm  # type: ignore[import-untyped]

from blog.importing.documents import SUFFIXES, find_documents
from blog.importing.importer import Imported, NoAccount, Outcome, import_files, importing_account
from blog.models import User


class Command(BaseCommand):
    """Imports the files and prints what happened to each."""

    help = (
        "Publishes Markdown and text files as posts, live. Front matter may say title, date, tags, author and draft. "
        "A second run changes nothing; a file that changed updates its post; a broken file is named and skipped. "
        "Exit code 1 only when nothing could be imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a folder, searched with all its folders, or one file")
        parser.add_argument("--author", metavar="USERNAME", help="the account whose posts they become")
        parser.add_argument(
            "--collection", default="", metavar="NAME", help="keeps files of two folders apart that have the same names"
        )

    def handle(self, *args: Any, path: Path, author: str | None, collection: str, **options: Any) -> None:
        if not path.exists():
            raise CommandError(f"There is no {path}.")
        files = find_documents(path)
        if not files:
            raise CommandError(f"{path} has no files to import ({', '.join(sorted(SUFFIXES))}).")
        try:
            by = importing_account(author)
        except NoAccount as problem:
            raise CommandError(str(problem)) from problem
        count = self._import(files, path if path.is_dir() else path.parent, by, collection)
        self._summarise(count, str(path))

    def _import(self, files: list[Path], folder: Path, by: User, collection: str) -> Counter[Outcome]:
        """Imports with a progress bar in a terminal, with a line for each file elsewhere; counts the outcomes."""
        terminal = sys.stderr.isatty()
        count: Counter[Outcome] = Counter()
        with tqdm(total=len(files), unit="file", file=sys.stderr, disable=not terminal) as bar:
            for imported in import_files(files, folder, by, collection):
                count[imported.outcome] += 1
                if imported.outcome in {Outcome.SKIPPED, Outcome.WITHDRAWN}:
                    bar.clear()
                    self.stderr.write(_line(imported))
                elif not terminal:
                    self.stdout.write(_line(imported))
                bar.update()
        return count

    def _summarise(self, count: Counter[Outcome], path: str) -> None:
        found = ", ".join(f"{number} {outcome}" for outcome, number in sorted(count.items(), key=_order))
        if set(count) == {Outcome.SKIPPED}:
            raise CommandError(f"Nothing of {path} could be imported: {found}.")
        self.stdout.write(self.style.SUCCESS(f"{path}: {found}."))
        url = settings.PUBLIC_URL or settings.RUNNING.get("url", "")
        self.stdout.write(f"Read them at {url or 'the front page, as soon as `manage.py live` runs'}.")


def _line(imported: Imported) -> str:
    return f"{imported.outcome}: {imported.source}: {imported.about}"


def _order(counted: tuple[Outcome, int]) -> int:
    return list(Outcome).index(counted[0])
