"""Markdown to safe HTML: CommonMark, tables and strikethrough, as people write who also paste.

`render()` is the only way from a person's text to markup on a page. Its HTML holds only the elements
and attributes listed here, and is well-formed XML too, so that a book's chapters can be XHTML. Its
differences from CommonMark are in blog/text/plugins.py.

Headings: the post's own title stands above, as h1 or h2. So the highest heading used in a text
becomes h3, the others keep their distance from it, and none goes below h6.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.conf import settings
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.html_re import HTML_TAG_RE
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from blog.text import plugins

# characters: an event carries a text in three forms, and a reader may have 512 KiB unsent
MAX_TEXT_LENGTH = 50_000
HIGHEST_HEADING = 3  # the highest heading inside a post; h1 and h2 are the page's and the post's title
ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "code": {"class"},
    "details": {"open"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "blockquote", "pre", "hr", "br", "wbr", "details", "summary"),
    *("ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("a", "abbr", "b", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span"),
    *("strong", "sub", "sup", "u", "var", "ruby", "rt", "rp", "img", "figure", "figcaption"),
}
_NAMES = "|".join(sorted(TAGS))
# a "<" that begins no allowed, finished tag: it is shown as text
_NOT_A_TAG = re.compile(rf"<(?!/?(?:{_NAMES})(?:\s[^<>]*)?/?>)", re.IGNORECASE)
_RAW_HEADING = re.compile(r"(</?h)([1-6])", re.IGNORECASE)
_LANGUAGE = re.compile(r"language-[\w+#.-]{1,40}")
_OTHER_HOST = re.compile(r"[\\/]{2}")  # browsers read /\host as //host
_TAG = re.compile(r'<([a-z][a-z0-9]*)((?:\s[a-z-]+="[^"]*")*)>')
_ALT = re.compile(r' alt="([^"]*)"')
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@lru_cache(maxsize=256)  # a front page of 50 posts, a few times over; texts have MAX_TEXT_LENGTH at most
def render(text: str) -> SafeString:
    """Returns the safe HTML of a Markdown text; never raises."""
    html: str = _markdown.render(_NO_XML.sub("", text))
    return mark_safe(clean(html))


def clean(html: str) -> str:
    """Returns any HTML with the elements and attributes that `render` allows, as well-formed XML."""
    return _polyglot(_cleaner.clean(html))


def parse(text: str) -> list[Token]:
    """Returns the tokens of a text, to find its headings and lines."""
    return _markdown.parse(_NO_XML.sub("", text))


def _allowed(tag: str, attribute: str, value: str) -> str | None:
    """Returns the value of an attribute that may stay; None where it is to be removed."""
    match tag, attribute:
        case "img", "src":
            return value if value.startswith(settings.MEDIA_URL) and ".." not in value else None
        case "code", "class":
            return value if _LANGUAGE.fullmatch(value) else None
        case "a", "href":
            return None if _OTHER_HOST.match(value.strip()) else value
    return value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_allowed,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener nofollow",
)


def _polyglot(html: str) -> str:
    """Returns HTML that is XML too: void elements are closed, entities are those that XML knows."""
    return _NO_XML.sub("", _TAG.sub(_xml_tag, html).replace("&nbsp;", "\u00a0"))


def _xml_tag(match: re.Match[str]) -> str:
    name, attributes = match[1], match[2]
    if name == "img" and " src=" not in attributes:  # of another site: its description takes its place
        alt = _ALT.search(attributes)
        return alt[1] if alt else ""
    return f"<{name}{attributes} />" if name in {"br", "hr", "img", "wbr"} else f"<{name}{attributes}>"


def _shown(html: str) -> str:
    """Returns raw HTML of a text with all but the allowed tags made readable text."""
    lowered = _RAW_HEADING.sub(
        lambda tag: f"{tag[1]}{min(int(tag[2]) + HIGHEST_HEADING - 1, 6)}", plugins.without_comments(html)
    )
    return _NOT_A_TAG.sub("&lt;", lowered)


def _html(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    return _shown(tokens[index].content)


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Returns a picture of our own; one of another site, which would learn who reads, becomes a link."""
    token = tokens[index]
    source, alt = str(token.attrs.get("src", "")), renderer.renderInlineAsText(token.children or [], options, env)
    if source.startswith(settings.MEDIA_URL):
        return f'<img src="{escape(source)}" alt="{escape(alt)}" title="{escape(str(token.attrs.get("title", "")))}">'
    return f'<a href="{escape(source)}">{escape(alt or source)}</a>'


def _lower_headings(state: StateCore) -> None:
    """Moves the headings of a text below the title above it (see the top of this file)."""
    headings = [token for token in state.tokens if token.type in {"heading_open", "heading_close"}]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) - highest + HIGHEST_HEADING, 6)}"


def _parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"breaks": True, "html": True})
    plugins.extend(markdown)
    markdown.enable(["table", "strikethrough"])
    html_block = plugins.block_rule(markdown, "html_block")

    def allowed_html_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        line = plugins.line(state, start)
        if line.startswith("<!--"):  # an unfinished one would hide the rest of the text
            opens = state.src.find("-->", state.bMarks[start]) >= 0
        else:
            opens = HTML_TAG_RE.match(line) is not None and not _NOT_A_TAG.match(line)
        return opens and html_block(state, start, end, silent)

    markdown.block.ruler.at("html_block", allowed_html_block, {"alt": ["paragraph", "reference", "blockquote"]})
    markdown.core.ruler.push("lower_headings", _lower_headings)
    for name, rule in {"html_inline": _html, "html_block": _html, "image": _image}.items():
        markdown.add_render_rule(name, rule)
    return markdown


_markdown = _parser()
