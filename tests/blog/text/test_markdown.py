"""What people write and paste comes out readable, safe and well-formed."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blog.text.markdown import ATTRIBUTES, TAGS, render

SAFE = ("http://", "https://", "mailto:")


def tree(text: str) -> ElementTree.Element:
    """The rendered text as XML; fails when it is not well-formed."""
    return ElementTree.fromstring(f"<body>{render(text)}</body>")


def words(text: str) -> str:
    return "".join(tree(text).itertext()).strip()


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("**마크다운(Markdown)**을 쓴다", "마크다운(Markdown)"),
        ("그는 **“안녕”**이라고 했다", "“안녕”"),
        ("그는**“안녕”**이라고 했다", "“안녕”"),
        ("오늘은 **50%**가 왔다", "50%"),
        ("**이것은 강조다.**그리고 아니다", "이것은 강조다."),
        ("**이것은 강조다。**그리고", "이것은 강조다。"),
        ("これは**「強調」**です", "「強調」"),
        ("word**「강조」**word", "「강조」"),
        ("**`code`**를 쓴다", "code"),
        ("**[이름](/post/1/)**을 누른다", "이름"),
        ("plain **bold** words", "bold"),
    ],
)
def test_emphasis_ends_before_a_particle(text: str, bold: str) -> None:
    strong = tree(text).findall(".//strong")
    assert ["".join(element.itertext()) for element in strong] == [bold]


@pytest.mark.parametrize("text", ["2 * 3 * 4", "snake_case_name", "가_나_다", "** not bold **", 'a**"b"**c'])
def test_other_text_is_judged_as_commonmark_does(text: str) -> None:
    assert tree(text).find(".//strong") is None
    assert tree(text).find(".//em") is None


def test_strikethrough_ends_before_a_particle_too() -> None:
    assert "<s>옛날(old)</s>은" in render("~~옛날(old)~~은")


def test_line_breaks_and_indentation_are_kept() -> None:
    assert render("class A:\n    name = 1") == "<p>class A:<br />\n\u00a0\u00a0\u00a0\u00a0name = 1</p>\n"


def test_bullets_on_their_own_line_stay_readable() -> None:
    assert words("•\n일련의 조작\n→ 추가 쿼리") == "•\n일련의 조작\n→ 추가 쿼리"


@pytest.mark.parametrize(
    "text", ["install <app name> first", "<app name>\nalone", "a <my-model> here", "<script>alert(1)</script>"]
)
def test_an_unknown_tag_is_shown_as_it_was_written(text: str) -> None:
    assert words(text) == text


def test_markdown_around_an_unknown_tag_still_works() -> None:
    assert tree("<app name>\nis **bold**").find("p/strong") is not None


def test_allowed_html_is_markup() -> None:
    assert render("H<sub>2</sub>O and <kbd>Ctrl</kbd>") == "<p>H<sub>2</sub>O and <kbd>Ctrl</kbd></p>\n"


def test_html_blocks_hold_only_what_is_allowed() -> None:
    out = render("<div onclick=steal()>\n<b>yes</b> <iframe src=x></iframe>\n</div>")
    assert out.startswith("<div>\n<b>yes</b> &lt;iframe")


def test_comments_vanish_and_unfinished_ones_hide_nothing() -> None:
    assert words("<!-- more\n\nand more -->\nafter") == "after"
    assert words("<!-- oops\n\nafter") == "<!-- oops\nafter"


def test_template_tags_stay_text() -> None:
    assert words("{% url 'x' %} and {{ secret }}") == "{% url 'x' %} and {{ secret }}"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("[[설치하는 법|celery 설치하기]]", "celery 설치하기"),
        ("see [[Harbour]].", "see Harbour."),
        ("![[map.png]]", "map.png"),
    ],
)
def test_wiki_links_are_their_label(text: str, label: str) -> None:
    assert words(text) == label


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# a\n## b\n###### c", ["h3", "h4", "h6"]),
        ("## a\n#### b", ["h3", "h5"]),
        ("### a\n# b", ["h5", "h3"]),
        ("<h1>a</h1>", ["h3"]),
    ],
)
def test_headings_stand_below_the_title(text: str, levels: list[str]) -> None:
    assert [element.tag for element in tree(text)] == levels


def test_a_line_under_several_lines_is_no_heading() -> None:
    assert [element.tag for element in tree("one\ntwo\n---")] == ["p", "hr"]
    assert [element.tag for element in tree("one\n---")] == ["h3"]


def test_a_python_prompt_is_code() -> None:
    body = tree("text\n>>> f(\n... 1)\n2")
    assert [element.tag for element in body] == ["p", "pre", "p"]
    assert body.find("pre/code").get("class") == "language-pycon"


def test_code_keeps_its_language_and_every_character() -> None:
    code = tree("```sh\nfind . -name '*.py' <x> && {{ y }}\n```").find("pre/code")
    assert code.get("class") == "language-sh"
    assert code.text == "find . -name '*.py' <x> && {{ y }}\n"


@pytest.mark.parametrize("text", ["proj/__init__.py", "__init__.py 파일에", "self.__dict__", "call __str__() twice"])
def test_python_names_keep_their_underscores(text: str) -> None:
    assert words(text) == text


def test_underscores_still_make_words_bold() -> None:
    assert tree("__so__ it is.").find("p/strong") is not None


def test_nested_lists_and_tables() -> None:
    assert tree("- a\n  - b\n    1. c").find("ul/li/ul/li/ol/li") is not None
    assert [cell.text for cell in tree("|a|b|\n|:-|-:|\n|1|2|").iter("td")] == ["1", "2"]


def test_links_are_followed_by_nobody_and_open_nothing() -> None:
    link = tree("[x](https://example.org/?a=1&b=2)").find("p/a")
    assert link.attrib == {"href": "https://example.org/?a=1&b=2", "rel": "noopener nofollow"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org에서", "https://example.org"),
        ("(http://127.0.0.1:8000/)과 연결", "http://127.0.0.1:8000/"),
        ("https://ko.wikipedia.org/wiki/한국", "https://ko.wikipedia.org/wiki/한국"),
        ("see https://example.org/a_b_c.", "https://example.org/a_b_c"),
        ("https://en.wikipedia.org/wiki/Pier_(harbour)", "https://en.wikipedia.org/wiki/Pier_(harbour)"),
    ],
)
def test_addresses_become_links(text: str, address: str) -> None:
    assert [link.get("href") for link in tree(text).iter("a")] == [address]
    assert words(text) == text


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "vbscript:x", "//elsewhere.example"]
)
def test_other_schemes_and_hosts_lead_nowhere(href: str) -> None:
    for text in (
        f"[x]({href})",
        f"<a href='{href}'>x</a>",
        f"<a href='/\\{href}'>x</a>",
        f"<{href}>",
        f"[x][1]\n\n[1]: {href}",
    ):
        assert [link.get("href") for link in tree(text).iter("a") if "href" in link.attrib] == []


def test_pictures_come_only_from_here() -> None:
    assert tree("![harbour](/media/harbour.jpg)").find("p/img").get("alt") == "harbour"
    elsewhere = tree("![harbour](https://example.org/x.jpg)")
    assert elsewhere.find(".//img") is None
    assert elsewhere.find("p/a").text == "harbour"
    assert words('<img src="https://example.org/x.gif" alt="a spy" onerror="alert(1)">') == "a spy"
    assert tree("![x](/media/../sign-out/)").find(".//img") is None


def test_attributes_are_xml_too() -> None:
    assert tree('[x](/a "1 < 2 > 0 & \u00a0")').find("p/a").get("title") == "1 < 2 > 0 & \u00a0"


def test_the_same_text_is_rendered_once() -> None:
    assert render("cached **once**") is render("cached **once**")


MARKS = """
< > </ <!-- --> <![CDATA[ <? ` ``` ~~~ ** * _ [ ]( ) [[ ]] | ![ {{ {% &#1; &lt; &nbsp; <div> <p <b> </div> <svg> <math>
<style> <script> </script> <a/href= <img/src= onerror=alert(1) javascript: data: src= href=' >>> --- === 한글 」 https://
"""
_piece = st.one_of(
    st.text(),
    st.sampled_from([*MARKS.split(), "\n", "\n\n", "    ", "\t", "- ", "1. ", "> ", ">>> ", "# ", "\x00", "\ufffe"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_piece, max_size=30).map("".join))
def test_whatever_is_written_comes_out_safe_and_well_formed(text: str) -> None:
    for element in tree(text).iter():
        assert element.tag == "body" or element.tag in TAGS
        assert element.attrib.keys() <= ATTRIBUTES.get(element.tag, set()) | {"rel"}
        href = element.get("href", "/")
        assert href.lower().startswith(SAFE) or ":" not in href.split("/")[0].split("?")[0].split("#")[0]
        assert element.get("src", "/media/").startswith("/media/")
