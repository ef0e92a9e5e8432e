"""Safe HTML as the XHTML that an EPUB may hold.

A browser forgives a paragraph in a list, a table without rows, a link in a link; a reading
device shows an error page instead of the chapter. So what a post's HTML says is written anew,
from a short list of elements, each only where the content model of HTML lets it stand.
Whatever else there is gives up its tag and keeps its words.
"""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import groupby

Link = Callable[[str], str | None]  # the address as it stands in the post -> in the book; None: words only

# XML 1.0 section 2.2: these cannot be written in XML at all, not even as a reference
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
DEEPEST = 60  # levels; more than any text has, less than Python's stack or a reading device can take

_NAMES = re.compile(r"\w+")
VOID = frozenset(_NAMES.findall("area base br col embed hr img input link meta source track wbr"))
SILENT = frozenset(
    _NAMES.findall("audio canvas embed iframe math object picture script style svg template title video")
)
INLINE = frozenset(
    _NAMES.findall("a abbr b bdi cite code del em i ins kbd mark q s samp small span strong sub sup u var")
)
# a page's texts begin at h3 (blog/text/markdown.py); in a book the chapter's title is h1, and h2 comes next
HEADINGS = {f"h{n}": f"h{max(n - 1, 2)}" for n in range(1, 7)}
LEAVES = {"p": "p", "pre": "pre", "summary": "p", "figcaption": "p"} | HEADINGS
BOXES = {"blockquote": "blockquote"} | dict.fromkeys(
    _NAMES.findall("address article aside center details div figure footer header main nav section"), "div"
)


def legal(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return ILLEGAL.sub("", text)


def xhtml(html: str, link: Link) -> str:
    """The body of a chapter: well-formed, valid where it stands, without pictures or scripts."""
    tree = _Tree()
    tree.feed(legal(html))
    tree.close()
    draft = _Writer(tree.root, link)
    draft.flow(tree.root.children)  # tells which places within the text survive: only those are linked to
    return _Writer(tree.root, link, draft.placed).flow(tree.root.children)


@dataclass
class _Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: "list[_Element | str]" = field(default_factory=list)


_Nodes = Sequence[_Element | str]


class _Tree(HTMLParser):
    """The elements of some HTML, as deep as DEEPEST: what lies deeper hangs on the last level."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("")
        self._open = [self.root]
        self._too_deep = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            self._open[-1].children.append(_Element(tag, {name: value or "" for name, value in attrs}))
        elif len(self._open) > DEEPEST:
            self._too_deep += 1
        else:
            element = _Element(tag, {name: value or "" for name, value in attrs})
            self._open[-1].children.append(element)
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # HTML knows no <p/>: it opens

    def handle_endtag(self, tag: str) -> None:
        if self._too_deep:
            self._too_deep -= 1
            return
        place = next((n for n in range(len(self._open) - 1, 0, -1) if self._open[n].tag == tag), None)
        if place is not None:
            del self._open[place:]

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


class _Writer:
    def __init__(self, root: _Element, link: Link, places: Set[str] = frozenset()) -> None:
        self.placed: set[str] = set()
        self._link = link
        self._places = places
        self._names: dict[str, str] = {}
        self._in_link = False
        self._name(root)

    def _name(self, element: _Element) -> None:
        """New ids, so that none is odd or there twice, and links within the text still find theirs."""
        if wanted := element.attributes.get("id"):
            self._names.setdefault(wanted, f"place-{len(self._names) + 1}")
        for child in element.children:
            if isinstance(child, _Element):
                self._name(child)

    # --- what may stand anywhere in a body
    def flow(self, nodes: _Nodes) -> str:
        return "".join(self._block(node) for node in nodes)

    def _block(self, node: _Element | str) -> str:
        if isinstance(node, str):
            return escape(node, quote=False)
        if name := LEAVES.get(node.tag):
            return self._tag(name, node, self.phrasing(node.children))
        if name := BOXES.get(node.tag):
            return self._tag(name, node, self.flow(node.children))
        match node.tag:
            case "ul" | "ol":
                return self._list(node)
            case "dl":
                return self._definitions(node)
            case "table":
                return self._table(node)
            case "hr":
                return "<hr/>"
            case tag if tag in INLINE or tag in VOID or tag in SILENT or tag in ("ruby", "rt", "rp"):
                return self._word(node)
            case _:
                return self.flow(node.children)

    # --- what may stand in a sentence
    def phrasing(self, nodes: _Nodes) -> str:
        return "".join(self._word(node) for node in nodes)

    def _word(self, node: _Element | str) -> str:
        if isinstance(node, str):
            return escape(node, quote=False)
        match node.tag:
            case "br" | "wbr":
                return f"<{node.tag}/>"
            case "img":
                described = node.attributes.get("alt", "").strip()
                return f'<span class="picture">{escape(described)}</span>' if described else ""
            case "a":
                return self._anchor(node)
            case "rt":  # many devices run ruby into the line: parentheses read well on all
                return f" ({self.phrasing(node.children)})"
            case "rp":
                return ""
            case tag if tag in SILENT or tag in VOID:
                return ""
            case tag if tag in INLINE:
                return self._tag(tag, node, self.phrasing(node.children))
            case tag if tag in LEAVES or tag in BOXES or tag in ("li", "dt", "dd", "tr", "td", "th"):
                return f"{self.phrasing(node.children)} "
            case _:
                return self.phrasing(node.children)

    def _anchor(self, node: _Element) -> str:
        href = node.attributes.get("href", "").strip()
        if href.startswith("#"):
            place = self._names.get(href[1:], "")
            target = f"#{place}" if place in self._places else None
        else:
            target = self._link(href)
        if self._in_link or not target:
            return self._tag("span", node, self.phrasing(node.children))
        self._in_link = True
        words = self.phrasing(node.children)
        self._in_link = False
        return self._tag("a", node, words, href=target)

    # --- what has an order of its own
    def _list(self, node: _Element) -> str:
        items = []
        for is_item, nodes in groupby(node.children, lambda child: isinstance(child, _Element) and child.tag == "li"):
            if is_item:
                items += [self._item(child) for child in nodes if isinstance(child, _Element)]
            elif words := self.flow(list(nodes)).strip():
                items.append(f"<li>{words}</li>")
        start = _number(node, "start") if node.tag == "ol" else {}
        return self._tag(node.tag, node, "\n".join(items), **start) if items else ""

    def _item(self, node: _Element) -> str:
        return self._tag("li", node, self.flow(node.children))

    def _definitions(self, node: _Element) -> str:
        """Terms and what they mean, in pairs: a missing half is written empty."""
        lines, before = [], "dd"
        for child in node.children:
            if not isinstance(child, _Element) or child.tag not in ("dt", "dd"):
                continue
            if child.tag == "dt":
                lines.append(self._tag("dt", child, self.phrasing(child.children)))
            else:
                lines += ["<dt></dt>"] if not lines else []
                lines.append(self._tag("dd", child, self.flow(child.children)))
            before = child.tag
        lines += ["<dd></dd>"] if before == "dt" else []
        return self._tag("dl", node, "\n".join(lines)) if lines else ""

    def _table(self, node: _Element) -> str:
        captions = [child for child in node.children if isinstance(child, _Element) and child.tag == "caption"]
        written = [f"<caption>{self.phrasing(caption.children)}</caption>" for caption in captions[:1]]
        for section in ("thead", "tbody", "tfoot"):
            if rows := "\n".join(self._row(row) for row in _rows(node, section)):
                written.append(f"<{section}>{rows}</{section}>")
        return self._tag("table", node, "\n".join(written)) if len(written) > len(captions[:1]) else ""

    def _row(self, row: _Element) -> str:
        cells = [child for child in row.children if isinstance(child, _Element) and child.tag in ("td", "th")]
        return f"<tr>{''.join(self._cell(cell) for cell in cells)}</tr>"

    def _cell(self, cell: _Element) -> str:
        words = self.phrasing(cell.children) if cell.tag == "th" else self.flow(cell.children)
        spans = _number(cell, "colspan", least=1) | _number(cell, "rowspan", least=1)
        return self._tag(cell.tag, cell, words, **spans)

    # --- one element
    def _tag(self, name: str, node: _Element, content: str, **own: str) -> str:
        attributes = own
        language = node.attributes.get("lang", "")
        if LANGUAGE.fullmatch(language):
            attributes |= {"lang": language, "xml:lang": language}
        if (direction := node.attributes.get("dir", "").lower()) in ("ltr", "rtl"):
            attributes["dir"] = direction
        known = self._names.get(node.attributes.get("id", ""))
        if known and known not in self.placed:
            self.placed.add(known)
            attributes["id"] = known
        written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
        return f"<{name}{written}>{content}</{name}>"


def _rows(table: _Element, section: str) -> list[_Element]:
    """The rows of one section; those that stand in the table itself belong to its body."""
    rows: list[_Element] = []
    for child in table.children:
        if not isinstance(child, _Element):
            continue
        if child.tag == section:
            rows += [row for row in child.children if isinstance(row, _Element) and row.tag == "tr"]
        elif child.tag == "tr" and section == "tbody":
            rows.append(child)
    return rows


def _number(node: _Element, name: str, least: int = -10_000) -> dict[str, str]:
    """An attribute that is a number within reason, or nothing."""
    value = node.attributes.get(name, "")
    if re.fullmatch(r"-?[0-9]{1,4}", value) and int(value) >= least:
        return {name: str(int(value))}
    return {}
