"""The rules of our Markdown that CommonMark does not have, as plugins of markdown-it, for blog/text/markdown.py.

- emphasis beside Hangul, Hanja and Kana (blog/text/cjk.py)
- `[[wiki links]]` are their label
- `__init__.py`, `self.__dict__` and the like are names, not bold words
- a Python prompt (`>>> `) is code, not three quotations in each other
- a line under *several* lines of text is a rule, not a heading of all of them
- the indentation of a continued line is kept, as line breaks are
- addresses (`https://...`) are links
"""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from blog.text.cjk import CJK, FlankingInline

BlockRule = Callable[[StateBlock, int, int, bool], bool]

_WIKI_LINK = re.compile(r"\[\[([^\[\]|\n]{1,200})(?:\|([^\[\]\n]{1,200}))?\]\](?!\()")
_PYTHON_NAME = re.compile(r"(?<=[./])__\w+?__(?!\w)|(?<!\w)__\w+?__(?=\.\w|[(/])", re.ASCII)
# CJK letters belong to an address only after one of /=_-+,: in "example.org에서" it ends before the particle.
_ADDRESS = re.compile(rf"https?://(?:[\w.~:/?#\[\]@!$&'()*+,;=%-](?<![{CJK}])|(?<=[/=_+,-])[{CJK}]+)+")
_TRAILING = ".,;:!?'\"*_~"


def extend(markdown: MarkdownIt) -> None:
    """Adds the rules to a parser."""
    inline = FlankingInline()
    inline.ruler.enableOnly(markdown.inline.ruler.get_active_rules())
    inline.ruler2.enableOnly(markdown.inline.ruler2.get_active_rules())
    markdown.inline = inline
    inline.ruler.before("link", "wiki_link", _wiki_link)
    inline.ruler.before("emphasis", "python_name", _python_name)
    inline.ruler.at("newline", _newline)
    markdown.block.ruler.before(
        "blockquote", "prompt", _prompt, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    markdown.block.ruler.at("lheading", _underlined(block_rule(markdown, "lheading")))
    markdown.core.ruler.push("addresses", _addresses)


def block_rule(markdown: MarkdownIt, name: str) -> BlockRule:
    """Returns the block rule of that name, to build another around it."""
    return next(rule.fn for rule in markdown.block.ruler.__rules__ if rule.name == name)


def _wiki_link(state: StateInline, silent: bool) -> bool:
    """`[[target]]` and `[[target|label]]` become their label: the pages that they mean are of another site."""
    match = _WIKI_LINK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.pending = state.pending.removesuffix("!")  # ![[embedded.png]]
        state.append_pending((match[2] or match[1]).strip())
    state.pos = match.end()
    return True


def _python_name(state: StateInline, silent: bool) -> bool:
    match = _PYTHON_NAME.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.append_pending(match[0])
    state.pos = match.end()
    return True


def _newline(state: StateInline, silent: bool) -> bool:
    """Keeps the indentation after a line break: code is pasted without fences, too."""
    if state.src[state.pos] != "\n":
        return False
    line = state.pos + 1
    end = line
    while end < state.posMax and state.src[end] in " \t":
        end += 1
    if not silent:
        state.pending = state.pending.rstrip(" ")
        state.push("softbreak", "br", 0)
        width = len(state.src[line:end].expandtabs(4))
        state.append_pending("\u00a0" * width if 2 <= width <= 40 else "")
    state.pos = end
    return True


def _prompt(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Makes lines that were typed at a Python prompt, with their continuations, a block of code."""
    if state.is_code_block(start) or not line(state, start).startswith(">>> "):
        return False
    if silent:
        return True
    after = start + 1
    while after < end and state.sCount[after] >= state.blkIndent and line(state, after).startswith((">>>", "...")):
        after += 1
    token = state.push("fence", "code", 0)
    token.info, token.map, token.markup = "pycon", [start, after], "```"
    token.content = state.getLines(start, after, state.sCount[start], True)
    state.line = after
    return True


def line(state: StateBlock, number: int) -> str:
    """Returns a line of the text, without the indentation of the block it is in."""
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _underlined(heading: BlockRule) -> BlockRule:
    def lheading(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if not heading(state, start, end, silent):
            return False
        opening, inline, closing = state.tokens[-3:]
        if "\n" in inline.content:
            opening.type, closing.type, opening.tag, closing.tag = "paragraph_open", "paragraph_close", "p", "p"
            state.push("hr", "hr", 0)
        return True

    return lheading


def _addresses(state: StateCore) -> None:
    for block in state.tokens:
        if block.children and any("://" in token.content for token in block.children):
            block.children = _with_addresses(block.children)


def _with_addresses(tokens: list[Token]) -> list[Token]:
    linked: list[Token] = []
    inside = 0
    for token in tokens:
        inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        linked += _split(token) if token.type == "text" and not inside else [token]
    return linked


def _split(text: Token) -> list[Token]:
    """Returns a text token as tokens: text, link, text ..."""
    tokens: list[Token] = []
    done = 0
    for match in _ADDRESS.finditer(text.content):
        address = _without_trailing(match[0])
        tokens += [
            _text(text.content[done : match.start()]),
            Token("link_open", "a", 1, attrs={"href": address}),
            _text(address),
            Token("link_close", "a", -1),
        ]
        done = match.start() + len(address)
    return [*tokens, _text(text.content[done:])]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _without_trailing(address: str) -> str:
    """Returns the address without the sentence's punctuation; a bracket stays where it was opened inside."""
    while address and (
        address[-1] in _TRAILING
        or (address[-1] == ")" and address.count(")") > address.count("("))
        or (address[-1] == "]" and address.count("]") > address.count("["))
    ):
        address = address[:-1]
    return address


def without_comments(html: str) -> str:
    """Returns HTML without its finished comments. A regular expression would be quadratic on unfinished ones."""
    kept: list[str] = []
    at = 0
    while (opens := html.find("<!--", at)) >= 0 and (closes := html.find("-->", opens + 4)) >= 0:
        kept.append(html[at:opens])
        at = closes + 3
    return "".join([*kept, html[at:]])
