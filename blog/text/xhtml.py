"""Turns a post's safe HTML into the XHTML that an EPUB may hold.

A browser accepts a paragraph in a list, a term without a definition, a link in a link; a reading
device shows an error page in place of the chapter. So a second tree is built from that of the post,
of a short list of elements, each only where the content model of HTML allows it. All other elements
lose their tag and keep their words. Both trees are ElementTree's, which reads and writes the markup.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from blog.text.markdown import clean

Link = Callable[[str], str | None]  # an address in a post -> its target in the book; None: no link, only its words
_Write = Callable[[Element, Element], None]  # writes an element of the post into one of the book

# XML 1.0 section 2.2: these cannot be written in XML at all, not even as a reference
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
MAX_DEPTH = 60  # levels; more than any text has, less than Python's stack or a reading device can take

_NAMES = re.compile(r"\w+")
INLINE = frozenset(_NAMES.findall("abbr b cite code del em i ins kbd mark q s samp small span strong sub sup u var"))
# a page's texts begin at h3 (blog/text/markdown.py); in a book the chapter's title is h1, and h2 comes next
HEADINGS = {f"h{n}": f"h{max(n - 1, 2)}" for n in range(1, 7)}
SENTENCE_ELEMENTS = {"p": "p", "pre": "pre", "summary": "p", "figcaption": "p"} | HEADINGS
BLOCK_ELEMENTS = {"blockquote": "blockquote", "div": "div", "details": "div", "figure": "div"}
PARTS = frozenset(_NAMES.findall("li dt dd caption tr th td"))  # of lists and tables
_CLOSING_OF_VOID = re.compile("></(br|hr|wbr)>")


def legal(text: str) -> str:
    """Returns the text without the characters that XML cannot hold."""
    return ILLEGAL.sub("", text)


def xhtml(html: str, link: Link) -> str:
    """Returns the body of a chapter: valid XHTML, without pictures or scripts."""
    body = Element("body")
    _Writer(link).flow(fromstring(f"<body>{clean(html)}</body>"), body)
    # an empty element keeps its closing tag, for devices that read it as HTML; a void one must have none
    written = tostring(body, encoding="unicode", short_empty_elements=False)
    return _CLOSING_OF_VOID.sub("/>", written.removeprefix("<body>").removesuffix("</body>"))


class _Writer:
    """Copies elements of a post into a tree that is valid XHTML."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._in_link = False
        self._depth = 0

    def flow(self, source: Element, into: Element) -> None:
        """Copies the children of an element as flow content, which may stand anywhere in a body."""
        self._each(source, into, self._block)

    def phrasing(self, source: Element, into: Element) -> None:
        """Copies the children of an element as phrasing content, which may stand in a sentence."""
        self._each(source, into, self._word)

    def _each(self, source: Element, into: Element, write: _Write) -> None:
        """Copies the words of an element and, by `write`, its children; below MAX_DEPTH only words."""
        if self._depth == MAX_DEPTH:
            return _append_words(into, "".join(source.itertext()))
        self._depth += 1
        _append_words(into, source.text)
        for child in source:
            write(child, into)
            _append_words(into, child.tail)
        self._depth -= 1

    def _block(self, source: Element, into: Element) -> None:
        match source.tag:
            case tag if tag in SENTENCE_ELEMENTS:
                into.append(self._copy(SENTENCE_ELEMENTS[tag], source, self.phrasing))
            case tag if tag in BLOCK_ELEMENTS:
                into.append(self._copy(BLOCK_ELEMENTS[tag], source, self.flow))
            case "ul" | "ol":
                self._list(source, into)
            case "dl":
                self._definitions(source, into)
            case "table":
                self._table(source, into)
            case "hr":
                SubElement(into, "hr")
            case tag if tag in PARTS:
                self.flow(source, into)
            case _:
                self._word(source, into)

    def _word(self, source: Element, into: Element) -> None:
        match source.tag:
            case "br" | "wbr":
                SubElement(into, source.tag)
            case "img":
                if described := source.get("alt", "").strip():
                    SubElement(into, "span", {"class": "picture"}).text = described
            case "a":
                self._anchor(source, into)
            case "rt":  # many devices run ruby into the line: parentheses read well on all
                _append_words(into, " (")
                self.phrasing(source, into)
                _append_words(into, ")")
            case "rp":
                pass
            case tag if tag in INLINE:
                into.append(self._copy(tag, source, self.phrasing))
            case tag:
                self.phrasing(source, into)
                if tag in SENTENCE_ELEMENTS or tag in BLOCK_ELEMENTS or tag in PARTS:
                    _append_words(into, " ")

    def _anchor(self, source: Element, into: Element) -> None:
        href = source.get("href", "").strip()
        # a text has no ids to which a link could lead
        target = None if self._in_link or not href or href.startswith("#") else self._link(href)
        if not target:
            return into.append(self._copy("span", source, self.phrasing))
        self._in_link = True
        into.append(self._copy("a", source, self.phrasing, href=target))
        self._in_link = False

    # --- elements whose children have an order
    def _list(self, source: Element, into: Element) -> None:
        """Copies a list; content between two of its items becomes an item, unless it is empty."""
        copies = [(item.tag, self._copy("li", item, self.flow)) for item in _items(source)]
        items = [item for tag, item in copies if tag == "li" or len(item) or (item.text or "").strip()]
        if items:
            into.append(_rows(source.tag, items, _language(source) | _number(source, "start")))

    def _definitions(self, source: Element, into: Element) -> None:
        """Copies terms and definitions, in pairs: a missing half is written empty."""
        lines: list[Element] = []
        for child in source:
            if child.tag == "dt":
                lines.append(self._copy("dt", child, self.phrasing))
            elif child.tag == "dd":
                lines += [] if lines else [Element("dt")]
                lines.append(self._copy("dd", child, self.flow))
        if lines:
            lines += [Element("dd")] if lines[-1].tag == "dt" else []
            into.append(_rows("dl", lines, _language(source)))

    def _table(self, source: Element, into: Element) -> None:
        parts = []
        for name in ("thead", "tbody", "tfoot"):
            if rows := [self._row(row) for row in source.iterfind(f"{name}/tr")]:
                parts.append(_rows(name, rows))
        if parts:
            captions = [self._copy("caption", caption, self.phrasing) for caption in source.findall("caption")[:1]]
            into.append(_rows("table", [*captions, *parts], _language(source)))

    def _row(self, source: Element) -> Element:
        row = Element("tr")
        for cell in source:
            if cell.tag in ("td", "th"):
                spans = _number(cell, "colspan", least=1) | _number(cell, "rowspan", least=1)
                row.append(self._copy(cell.tag, cell, self.phrasing if cell.tag == "th" else self.flow, **spans))
        return row

    def _copy(self, name: str, source: Element, write: _Write, **attributes: str) -> Element:
        copy = Element(name, attributes | _language(source))
        write(source, copy)
        return copy


def _append_words(into: Element, words: str | None) -> None:
    """Adds words at the end of an element."""
    if not words:
        return
    if len(into):
        into[-1].tail = (into[-1].tail or "") + words
    else:
        into.text = (into.text or "") + words


def _items(source: Element) -> Iterator[Element]:
    """Yields the items of a list and, before, between and after them, new elements with the content found there."""
    between = Element("between")
    between.text = source.text
    for child in source:
        if child.tag != "li":
            between.append(child)
            continue
        yield between
        yield child
        between = Element("between")
        between.text = child.tail
    yield between


def _rows(name: str, rows: Sequence[Element], attributes: dict[str, str] | None = None) -> Element:
    """Returns an element with these children, one on each line."""
    parent = Element(name, attributes or {})
    parent.extend(rows)
    for row in rows[:-1]:
        row.tail = "\n"
    return parent


def _language(source: Element) -> dict[str, str]:
    """Returns the attributes of an element's language, if it has one."""
    language = source.get("lang", "")
    return {"lang": language, XML_LANG: language} if LANGUAGE.fullmatch(language) else {}


def _number(source: Element, name: str, least: int = -10_000) -> dict[str, str]:
    """Returns an attribute whose value is a number of at most four digits, and at least `least`; else nothing."""
    value = source.get(name, "")
    if re.fullmatch(r"-?[0-9]{1,4}", value) and int(value) >= least:
        return {name: str(int(value))}
    return {}
