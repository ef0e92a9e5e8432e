"""A book as an EPUB 3 file: what its pages say, bound for reading devices.

`bind()` turns public states into a file and knows neither models nor tasks. The container is
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
# what people write as a contribution -> MARC relator code, which is what libraries sort by
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
    """What an edition is, beside its book and its chapters. `site`: the publication's own address or ""."""

    number: int
    modified: datetime
    language: str = "en"  # where a text does not tell by itself
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
    told: Callable[[int, int], None] = lambda chapter, of: None,
) -> None:
    """Writes the book with these posts as its chapters; `told(chapter, of)` after each of them."""
    title = _title(book, posts, binding)
    files = {post.url: f"chapter-{number:04}.xhtml" for number, post in enumerate(posts, 1)}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, translation.override(title.language):
        press = _Press(archive, title)
        press.put("mimetype", MEDIA_TYPE.encode(), zipfile.ZIP_STORED)
        cover = press.cover(binding.cover)
        chapters = []
        for number, post in enumerate(posts, 1):
            chapter = _chapter(post, files, binding)
            press.write(chapter.file, "chapter.xhtml", language=chapter.language, chapter=chapter)
            chapters.append(chapter)
            told(number, len(posts))
        press.write("cover.xhtml", "cover.xhtml", cover=cover)
        press.write("nav.xhtml", "nav.xhtml", chapters=chapters)
        press.write("book.css", "book.css")
        press.write("package.opf", "package.opf", chapters=chapters, cover=cover)
        press.put("META-INF/container.xml", render_to_string("epub/container.xml").encode())


class _Press:
    """Writes files into the archive, all dated when the edition was made."""

    def __init__(self, archive: zipfile.ZipFile, title: _Title) -> None:
        self._archive = archive
        self._title = title

    def put(self, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
        entry = zipfile.ZipInfo(name, self._title.modified.timetuple()[:6])
        entry.external_attr = 0o644 << 16
        self._archive.writestr(entry, content, compression)

    def write(self, name: str, template: str, **context: object) -> None:
        context = {"book": self._title, "language": self._title.language, **context}
        self.put(f"EPUB/{name}", render_to_string(f"epub/{template}", context).encode())

    def cover(self, picture: bytes) -> _Cover | None:
        """The uploaded cover, if it is what every reading device can show; its name does not count."""
        for mark, (name, media_type) in PICTURES.items():
            if picture.startswith(mark):
                self.put(f"EPUB/{name}", picture, zipfile.ZIP_STORED)
                return _Cover(name, media_type)
        return None


def _title(book: BookState, posts: Iterable[PostState], binding: Binding) -> _Title:
    texts = [book.title, *(f"{post.title} {post.body}" for post in posts)]
    return _Title(
        identifier=identifier(book, binding.site),
        title=_words(book.title),
        language=tongue(" ".join(texts), binding.language),
        authors=tuple(_author(author) for author in book.authors),
        publisher=_words(binding.publisher),
        number=binding.number,
        modified=binding.modified.astimezone(UTC),
    )


def _author(author: BookAuthor) -> _Author:
    contribution = _words(author.contribution)
    return _Author(_words(author.name), contribution, ROLES.get(contribution.lower(), "aut"))


def _chapter(post: PostState, files: Mapping[str, str], binding: Binding) -> _Chapter:
    file = files[post.url]
    return _Chapter(
        id=file.removesuffix(".xhtml"),
        file=file,
        title=_words(post.title),
        language=tongue(f"{post.title} {post.body}", binding.language),
        author=_words(post.author.name) if post.author else "",
        date=post.published_date,
        body=mark_safe(xhtml(post.body, lambda href: address(href, files, binding.site))),
    )


def identifier(book: BookState, site: str) -> str:
    """The same for every edition of a book, other for every other, as long as the site keeps its address."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{site or 'stop-press:'}/book/{book.id}").urn


def address(href: str, files: Mapping[str, str], site: str) -> str | None:
    """Where a link of a post leads in the book: to a chapter, out into the web, or (None) nowhere."""
    try:
        parts = urlsplit(urljoin(f"{site}/", href.strip()))
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            parts = parts._replace(netloc=host.encode("idna").decode() + (f":{port}" if port else ""))
    except ValueError:  # also UnicodeError: no such host can be
        return None
    if parts.netloc == urlsplit(site).netloc and parts.path in files:
        return files[parts.path]
    if parts.scheme in ("http", "https") and _HOST.fullmatch(host):
        return _written(parts.geturl())
    return _written(parts.geturl()) if parts.scheme == "mailto" and "@" in parts.path else None


def _written(href: str) -> str:
    """The address as RFC 3986 wants it: what browsers forgive, epubcheck does not."""
    before, mark, fragment = _BARE_PERCENT.sub("%25", href).partition("#")
    return iri_to_uri(before) + mark + iri_to_uri(fragment).replace("#", "%23")


def tongue(text: str, otherwise: str) -> str:
    """Korean or not, told by the letters: `ko` where a third of them is Hangul."""
    hangul = len(re.findall("[가-힣]", text))
    latin = len(re.findall("[A-Za-z]", re.sub("<[^>]*>", "", text)))
    if hangul * 2 > latin:
        return "ko"
    return "en" if otherwise == "ko" and latin else otherwise


def _words(text: str) -> str:
    """One line that XML can hold."""
    return " ".join(legal(text).split())
