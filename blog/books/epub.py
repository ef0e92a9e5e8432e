"""Writes a book as an EPUB 3 file, from the states that its pages show.

`bind()` takes public states and knows neither models nor jobs. The container is
plain OCF: a zip whose first entry is an uncompressed `mimetype`, a package document, a cover,
a table of contents and one XHTML file for each chapter, from the templates in epub/.
"""

import re
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO
from urllib.parse import urljoin, urlsplit

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.safestring import SafeString, mark_safe

from blog.state import BookAuthor, BookState, PostState
from blog.text.xhtml import legal, xhtml

MEDIA_TYPE = "application/epub+zip"
# contributions, as people write them -> MARC relator codes, by which libraries sort
ROLES = {
    "editor": "edt",
    "편집": "edt",
    "translator": "trl",
    "번역": "trl",
    "옮김": "trl",
    "illustrator": "ill",
    "그림": "ill",
    "photographer": "pht",
    "사진": "pht",
    "foreword": "aui",
    "머리말": "aui",
}
PICTURES = {b"\x89PNG\r\n\x1a\n": ("cover.png", "image/png"), b"\xff\xd8\xff": ("cover.jpg", "image/jpeg")}
_HOST = re.compile(r"(?=.)(\[[0-9A-Fa-f:.]+\]|[\w-]+(\.[\w-]+)*\.?)")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, kw_only=True)
class Binding:
    """The properties of an edition. `site` is the publication's own address, or ""."""

    number: int
    modified: datetime
    language: str = "en"  # where a text does not show its own
    publisher: str = ""
    site: str = ""
    cover: bytes = b""


@dataclass(frozen=True)
class _Author:
    name: str
    contribution: str
    role: str


@dataclass(frozen=True)
class _Title:
    identifier: str
    title: str
    language: str
    authors: tuple[_Author, ...]
    publisher: str
    number: int
    modified: datetime


@dataclass(frozen=True)
class _Chapter:
    id: str
    file: str
    title: str
    language: str
    author: str
    date: datetime
    body: SafeString


@dataclass(frozen=True)
class _Cover:
    name: str
    media_type: str


def bind(
    target: IO[bytes],
    book: BookState,
    posts: Sequence[PostState],
    binding: Binding,
    report: Callable[[int, int], None] = lambda chapter, of: None,
) -> None:
    """Writes the book with these posts as its chapters; calls `report(chapter, of)` after each of them."""
    title = _title(book, posts, binding)
    files = {post.url: f"chapter-{number:04}.xhtml" for number, post in enumerate(posts, 1)}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, translation.override(title.language):
        writer = _ArchiveWriter(archive, title)
        writer.put("mimetype", MEDIA_TYPE.encode(), zipfile.ZIP_STORED)
        cover = writer.cover(binding.cover)
        chapters = []
        for number, post in enumerate(posts, 1):
            chapter = _chapter(post, files, binding)
            writer.write(chapter.file, "chapter.xhtml", language=chapter.language, chapter=chapter)
            chapters.append(chapter)
            report(number, len(posts))
        writer.write("cover.xhtml", "cover.xhtml", cover=cover)
        writer.write("nav.xhtml", "nav.xhtml", chapters=chapters)
        writer.write("book.css", "book.css")
        writer.write("package.opf", "package.opf", chapters=chapters, cover=cover)
        writer.put("META-INF/container.xml", render_to_string("epub/container.xml").encode())


class _ArchiveWriter:
    """Writes files into the archive, with the time at which the edition was made."""

    def __init__(self, archive: zipfile.ZipFile, title: _Title) -> None:
        self._archive = archive
        self._title = title

    def put(self, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
        """Writes one file."""
        entry = zipfile.ZipInfo(name, self._title.modified.timetuple()[:6])
        entry.external_attr = 0o644 << 16
        self._archive.writestr(entry, content, compression)

    def write(self, name: str, template: str, **context: object) -> None:
        """Renders a template into a file of the folder EPUB."""
        context = {"book": self._title, "language": self._title.language, **context}
        self.put(f"EPUB/{name}", render_to_string(f"epub/{template}", context).encode())

    def cover(self, picture: bytes) -> _Cover | None:
        """Writes the uploaded cover where its bytes are of a type that all devices show; else returns None."""
        for mark, (name, media_type) in PICTURES.items():
            if picture.startswith(mark):
                self.put(f"EPUB/{name}", picture, zipfile.ZIP_STORED)
                return _Cover(name, media_type)
        return None


def _title(book: BookState, posts: Iterable[PostState], binding: Binding) -> _Title:
    texts = [book.title, *(f"{post.title} {post.body}" for post in posts)]
    return _Title(
        identifier=identifier(book, binding.site),
        title=_one_line(book.title),
        language=detect_language(" ".join(texts), binding.language),
        authors=tuple(_author(author) for author in book.authors),
        publisher=_one_line(binding.publisher),
        number=binding.number,
        modified=binding.modified.astimezone(UTC),
    )


def _author(author: BookAuthor) -> _Author:
    contribution = _one_line(author.contribution)
    return _Author(_one_line(author.name), contribution, ROLES.get(contribution.lower(), "aut"))


def _chapter(post: PostState, files: Mapping[str, str], binding: Binding) -> _Chapter:
    file = files[post.url]
    return _Chapter(
        id=file.removesuffix(".xhtml"),
        file=file,
        title=_one_line(post.title),
        language=detect_language(f"{post.title} {post.body}", binding.language),
        author=_one_line(post.author.name) if post.author else "",
        date=post.published_date,
        body=mark_safe(xhtml(post.body, lambda href: resolve_link(href, files, binding.site))),
    )


def identifier(book: BookState, site: str) -> str:
    """Returns the URN of a book: one for all its editions, as long as the site keeps its address."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{site or 'stop-press:'}/book/{book.id}").urn


def resolve_link(href: str, files: Mapping[str, str], site: str) -> str | None:
    """Returns a link's target in the book: a chapter's file, an address in the web, or None where it is no link."""
    try:
        parts = urlsplit(urljoin(f"{site}/", href.strip()))
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            parts = parts._replace(netloc=host.encode("idna").decode() + (f":{port}" if port else ""))
    except ValueError:  # also UnicodeError: no host has such a name
        return None
    if parts.netloc == urlsplit(site).netloc and parts.path in files:
        return files[parts.path]
    if parts.scheme in ("http", "https") and _HOST.fullmatch(host):
        return _percent_encoded(parts.geturl())
    return _percent_encoded(parts.geturl()) if parts.scheme == "mailto" and "@" in parts.path else None


def _percent_encoded(href: str) -> str:
    """Returns the address as RFC 3986 wants it: epubcheck is stricter than browsers."""
    before, mark, fragment = _BARE_PERCENT.sub("%25", href).partition("#")
    return iri_to_uri(before) + mark + iri_to_uri(fragment).replace("#", "%23")


def detect_language(text: str, otherwise: str) -> str:
    """Returns the language of a text: `ko` where a third of its letters is Hangul."""
    hangul = len(re.findall("[가-힣]", text))
    latin = len(re.findall("[A-Za-z]", re.sub("<[^>]*>", "", text)))
    if hangul * 2 > latin:
        return "ko"
    return "en" if otherwise == "ko" and latin else otherwise


def _one_line(text: str) -> str:
    """Returns the text as one line that XML can hold."""
    return " ".join(legal(text).split())
