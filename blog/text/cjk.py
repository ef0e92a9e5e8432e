"""Emphasis beside Hangul, Hanja and Kana, which CommonMark does not recognise (commonmark-spec#650)."""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

# Hangul, Hanja, Kana and their punctuation, half and full width
CJK = (
    "\u1100-\u11ff\u2e80-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
)
_IS_CJK = re.compile(f"[{CJK}]")


class Flanking(StateInline):
    """Emphasis that may end before a particle: `**마크다운(Markdown)**을`.

    CommonMark lets `**` after punctuation close only before a space or punctuation. That serves
    languages with spaces between words; Korean particles, and all of Chinese and Japanese, follow
    directly (commonmark-spec#650). As its pull request #839 proposes, a CJK neighbour counts like
    the space it replaces, and CJK punctuation like a letter. Other text is judged as before.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before = self.src[start - 1] if start > 0 else " "
        after = self.src[end] if end < self.posMax else " "
        space_before, space_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
        point_before, point_after = _is_point(before), _is_point(after)
        left = not space_after and (not point_after or space_before or point_before or _is_cjk(before))
        right = not space_before and (not point_before or space_after or point_after or _is_cjk(after))
        return Scanned(
            can_open=left and (canSplitWord or not right or point_before),
            can_close=right and (canSplitWord or not left or point_after),
            length=end - start,
        )


class FlankingInline(ParserInline):
    """The inline parser, with `Flanking` as its state."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = Flanking(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _is_cjk(character: str) -> bool:
    return _IS_CJK.match(character) is not None


def _is_point(character: str) -> bool:
    """Returns whether the character is punctuation, and not CJK."""
    return (isMdAsciiPunct(ord(character)) or isPunctChar(character)) and not _is_cjk(character)
