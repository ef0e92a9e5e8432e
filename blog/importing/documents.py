"""Reads a file into what a post needs: title, text, tags, author, date.

Reads Markdown and plain text, in the encodings that people's files have, with or without front matter.
Uses no database; blog/importing/importer.py makes posts of these documents.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from frontmatter.default_handlers import YAMLHandler
from markdown_it.token import Token

from blog.text import markdown

SUFFIXES = {".md", ".markdown", ".txt"}
MAX_FILE_BYTES = 256 * 1024  # bytes: more than the longest text needs in any encoding
MAX_TITLE_LENGTH = 200  # characters; as in the model
MAX_NAME_LENGTH = 100  # characters; as in the model
# a heading below more lines than these heads a section, or is a comment in code
MAX_LINES_ABOVE_TITLE = 9
_FRONT_MATTER = YAMLHandler()
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # a feed cannot carry these, and no writer means them
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class Unreadable(Exception):
    """A file cannot become a post; the message is a sentence for the person who wrote it."""


@dataclass(frozen=True)
class Document:
    """A file as read. A field that is None was not in the file; a post that exists already keeps its own."""

    source: str
    title: str
    text: str
    digest: str  # of the file's bytes: whether it changed since it was imported
    tags: tuple[str, ...] | None = None
    author: str | None = None
    date: datetime | None = None
    draft: bool = False
    meta: Mapping[str, Any] | None = None  # all of the front matter, for callers that know more keys


def find_documents(path: Path) -> list[Path]:
    """Returns the files to read: the one named, or all of a folder, by name."""
    return [path] if path.is_file() else sorted(_walk(path))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif entry.suffix.lower() in SUFFIXES and entry.is_file():
            yield entry


def read_document(path: Path, source: str) -> Document:
    """Reads one file; raises Unreadable where it cannot become a post."""
    raw = _bytes(path)
    meta, body = _split(_nfc(_decoded(raw)))
    title, text = _titled(meta, body, path)
    if not text.strip():
        raise Unreadable("It has no text.")
    return Document(
        source=unicodedata.normalize("NFC", source),
        title=title,
        text=text.strip("\n"),
        digest=hashlib.sha256(raw).hexdigest(),
        tags=_tags(meta),
        author=_author(meta),
        date=_date(meta.get("date")),
        draft=meta.get("draft") is True or meta.get("published") is False,
        meta=meta,
    )


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"It is larger than {MAX_FILE_BYTES // 1024} KiB; split it into several posts.")
        raw = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from error
    if not raw.strip():
        raise Unreadable("It is empty.")
    return raw


def _decoded(raw: bytes) -> str:
    """Decodes Unicode, with or without a byte order mark, else CP949, which Korean Windows wrote for decades."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp949"]:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _NOT_TEXT.search(text):
            raise Unreadable("It is not text.")
        if len(text) > markdown.MAX_TEXT_LENGTH:
            raise Unreadable(f"It is longer than {markdown.MAX_TEXT_LENGTH:,} characters; split it into several posts.")
        return text
    raise Unreadable("Its encoding is unknown; save it as UTF-8.")


def _nfc(text: str) -> str:
    """Returns the text with composed characters and one kind of line end."""
    return unicodedata.normalize("NFC", re.sub("\r\n|[\r\u2028\u2029]", "\n", text)).strip("\ufeff")


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Returns the front matter and the rest. A file that only begins with a rule (`---`) has none."""
    text = text.lstrip("\n")
    if not _FRONT_MATTER.detect(text):
        return {}, text
    try:
        above, below = _FRONT_MATTER.split(text)
    except ValueError:
        return {}, text
    try:
        meta = _FRONT_MATTER.load(above, Loader=yaml.SafeLoader)  # libyaml's dies of deep nesting, this one refuses it
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"Its front matter is broken: {_reason(error)}.") from error
    if meta is None:
        return {}, below
    if not isinstance(meta, dict):
        return {}, text
    return {str(key).strip().lower(): value for key, value in meta.items()}, below


def _reason(error: Exception) -> str:
    """Returns YAML's problem, and its line in the file."""
    mark = getattr(error, "problem_mark", None)
    problem = "it is nested too deep" if isinstance(error, RecursionError) else getattr(error, "problem", str(error))
    return f"{_line(problem, 120)} (line {mark.line + 2})" if mark else _line(problem, 120)


def _words(value: Any, what: str, limit: int) -> str:
    """Returns a scalar of the front matter as one line of text; "" where there is none."""
    if value is None:
        return ""
    if not isinstance(value, str | int | float | date):
        raise Unreadable(f"Its {what} is not a line of text.")
    return _line(str(value), limit)


def _line(text: str, limit: int) -> str:
    words = " ".join(_CONTROL.sub("", text).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def _tags(meta: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "tags" not in meta:
        return None
    value = meta["tags"]
    names = value if isinstance(value, list) else _words(value, "line of tags", MAX_FILE_BYTES).split(",")
    words = (_words(name, "tag", 80).lstrip("#").strip() for name in names)
    return tuple(dict.fromkeys(word for word in words if word))


def _author(meta: Mapping[str, Any]) -> str | None:
    value = meta.get("author")
    names = value if isinstance(value, list) else [value]
    words = ", ".join(_words(name, "author", MAX_NAME_LENGTH) for name in names if name is not None)
    return _line(words, MAX_NAME_LENGTH) or None


def _date(value: Any) -> datetime | None:
    """Returns a moment, in the publication's zone where the file names none; a date alone is its midnight."""
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, date) else parse_datetime(str(value)) or parse_date(str(value))
    except ValueError:
        moment = None
    if moment is None:
        raise Unreadable(f"Its date cannot be read: {_line(str(value), 60)}. Write it like 2026-11-20 09:30.")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    try:
        return (timezone.make_aware(moment) if timezone.is_naive(moment) else moment).astimezone(UTC)
    except OverflowError as error:
        raise Unreadable("Its date is outside the calendar.") from error


def _titled(meta: Mapping[str, Any], body: str, path: Path) -> tuple[str, str]:
    """Returns the title, and the text without the line that became it."""
    tokens = markdown.parse(body)
    heading = _opening_heading(tokens, body)
    if title := _words(meta.get("title"), "title", MAX_TITLE_LENGTH):
        repeated = heading is not None and heading.words.casefold() == title.casefold()
        return title, _without(heading, body) if heading and repeated else body
    if heading is not None:
        return _line(heading.words, MAX_TITLE_LENGTH), _without(heading, body)
    return _first_line(tokens, body) or (_from_name(path), body)


class TextSpan(NamedTuple):
    """Words, and the lines that they take up in the text: from the first number to before the second."""

    words: str
    lines: tuple[int, int]


def _opening_heading(tokens: list[Token], body: str) -> TextSpan | None:
    """Returns the first heading, if at most MAX_LINES_ABOVE_TITLE lines stand above it."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            above = [line for line in body.split("\n")[: opening.map[0]] if line.strip()]
            words = _plain(inline)
            is_title = words and len(above) <= MAX_LINES_ABOVE_TITLE
            return TextSpan(words, (opening.map[0], opening.map[1])) if is_title else None
    return None


def _first_line(tokens: list[Token], body: str) -> tuple[str, str] | None:
    """Returns the first words as a title, and the text, without them where they are a paragraph of their own."""
    for opening, inline in pairwise(tokens):
        words = _plain(inline).split("\n")[0] if inline.type == "inline" and inline.map else ""
        if words.strip():
            title = _line(words, MAX_NAME_LENGTH)
            alone = opening.type == "paragraph_open" and opening.level == 0 and "\n" not in inline.content
            whole = not title.endswith("…")
            span = TextSpan(words, (inline.map[0], inline.map[1])) if inline.map and alone and whole else None
            return title, _without(span, body) if span else body
    return None


def _plain(inline: Token) -> str:
    """Returns the words of a line without their markup."""
    return "".join(
        "\n" if child.type in {"softbreak", "hardbreak"} else child.content
        for child in inline.children or []
        if child.type in {"text", "code_inline", "softbreak", "hardbreak"}
    ).strip()


def _without(span: TextSpan, body: str) -> str:
    """Returns the text without those lines; all of it where nothing else would be left."""
    lines = body.split("\n")
    rest = "\n".join([*lines[: span.lines[0]], *lines[span.lines[1] :]])
    return rest if rest.strip() else body


def _from_name(path: Path) -> str:
    return _line(unicodedata.normalize("NFC", re.sub(r"[-_]+", " ", path.stem)), MAX_TITLE_LENGTH) or path.name
