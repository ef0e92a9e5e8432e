"""A book as an EPUB: its contents, and that epubcheck accepts it with any posts."""

import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from blog.books.epub import Binding, bind, detect_language, resolve_link
from blog.models import Author, Authorship, Book, Post
from blog.state import book_states, post_states
from blog.text.xhtml import MAX_DEPTH, xhtml
from tests.cast import a_post

pytestmark = pytest.mark.django_db

WHEN = datetime(2026, 11, 20, 9, 30, 15, tzinfo=UTC)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
MARKDOWN = """# 머리 & <head>

A **bold** `code` & < > &nbsp; &copy; **마크다운(Markdown)**을

| a | b |
|---|---|
| 1 | <b>2 |

```python
def f(x): return x < 3 && "y"
```

> quote
> > deeper

1. one
   - two

5. five

[space](<http://exa mple.org/a b>) [percent](http://example.org/a%zz?b=[1]&c=d#x#y) [한글](https://한글.kr/가나 "t")
[port](http://h:99999/) [empty](http:///x) [mail](mailto:a@b.c) [no mail](mailto:) [quotes](https://ex.org/?q="x"<y>|{z}^`)
[ftp](ftp://x.y) [six](http://[::1]/x) [bad six](http://[zz]/x) ![pic](https://ex.org/x.png "t") <http://a_b.example/>
"""
HTML = """
<table><tr><td colspan="99999999">x<td rowspan=0>y</table>
<ul><p>not an item</p><li>item <ul>nested</ul></ul>
<dl><dd>first</dd><dt>term</dt></dl> <dl><p>nothing</p></dl>
<ruby>漢<rp>(</rp><rt>한</rt><rp>)</rp></ruby>
<a href="/x"><p>block <a href="http://y.z/">in</a></p></a>
<details open><summary>s <p>x</p></summary>hidden</details>
<figure><figcaption>c</figcaption><img src="/media/x.png" alt="pic"></figure>
<ol start="abc"><li>x</ol><ol start="-3"><li>x</ol> <ol></ol><ul></ul><table></table><table><caption>only</table>
<h1><h2>x</h2></h1><p><p>x</p> <li>stray</li><tr><td>stray cell</td></tr><dd>stray</dd>
<em><p>p in em</p><blockquote>bq</blockquote></em> <pre>
 pre <p>x</p> </pre> <q cite="x">q</q> <abbr title="a&quot;b">x</abbr><wbr><bdo>x</bdo><dfn><dfn>x</dfn></dfn>
"""
RAW = (
    '<p id="a">x <a href="#a">up</a> <a href="#b">no</a></p><script>x</script><p id="a">twice</p><img id="b" src=x>'
    '<svg><title>t</title></svg><time datetime="nope">x</time>\x0b\ufffe<div lang="ko" dir="auto">y</div>'
    '<div lang="x y">z</div>' + "<blockquote>" * 500 + "deep" + "</blockquote>" * 500 + "<p>after"
)


def epubcheck(path: Path) -> str:
    """What epubcheck has to say; nothing where all is well. Debian installs it as a program that is a jar."""
    program = shutil.which("epubcheck")
    assert program, "epubcheck is not installed (apt-get install epubcheck)"
    with open(program, "rb") as file:
        command = ["java", "-jar", program] if file.read(2) == b"PK" else [program]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    found = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "FATAL", "WARNING"))]
    assert found or done.returncode == 0, done.stdout + done.stderr
    return "\n".join(found)


def bound(book: Book, **binding) -> BytesIO:
    posts = post_states(Post.objects.filter(book=book).order_by("chapter"))
    file = BytesIO()
    bind(
        file,
        book_states(Book.objects.filter(pk=book.pk))[0],
        posts,
        Binding(**{"number": 3, "modified": WHEN} | binding),
    )
    return file


def page(file: BytesIO, name: str) -> str:
    with zipfile.ZipFile(file) as archive:
        return archive.read(f"EPUB/{name}").decode()


@pytest.fixture
def book(ada) -> Book:
    book = Book.objects.create(title='바다의 책 & "Harbour" <i>')
    for order, (name, role) in enumerate((("에이다", ""), ("Ben <b>", "편집"), ("Cleo", "Translator")), 1):
        Authorship.objects.create(book=book, author=Author.objects.create(name=name), contribution=role, order=order)
    a_post(ada, "둘째 장 & <i>", book=book, chapter=2, text="한글 본문입니다. [첫 장](/post/0/)")
    a_post(ada, "First & <last>\x07", book=book, chapter=1, text=MARKDOWN + HTML)
    a_post(ada, "Empty", book=book, chapter=3, text=" ")
    return book


def test_epubcheck_finds_nothing_in_a_book_of_everything(book, ada, tmp_path):
    path = tmp_path / "book.epub"
    path.write_bytes(bound(book, site="https://news.example.org", publisher="Stop & Press", cover=PIXEL).getvalue())
    assert epubcheck(path) == ""


def test_epubcheck_finds_nothing_in_html_that_nobody_cleaned(book, tmp_path):
    states = post_states(Post.objects.filter(book=book).order_by("chapter"))
    raw = [type(states[0])(**{**vars(state), "body": RAW + HTML}) for state in states]
    path = tmp_path / "book.epub"
    with path.open("wb") as file:
        bind(file, book_states(Book.objects.all())[0], raw, Binding(number=1, modified=timezone.now(), language="ko"))
    assert epubcheck(path) == ""


def test_chapters_and_authors_stand_in_their_order(book):
    file = bound(book)
    contents = page(file, "nav.xhtml")
    assert contents.index("First") < contents.index("둘째") < contents.index("Empty")
    cover = page(file, "cover.xhtml")
    assert cover.index("에이다") < cover.index("Ben") < cover.index("Cleo")
    assert '<span class="contribution">편집</span>' in cover
    package = page(file, "package.opf")
    roles = [line.partition(">")[2].partition("<")[0] for line in package.splitlines() if "marc:relators" in line]
    assert roles == ["aut", "edt", "trl"]


def test_the_first_entry_says_what_the_file_is(book):
    with zipfile.ZipFile(bound(book)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
        assert archive.read(first) == b"application/epub+zip"


def test_a_book_keeps_its_identifier_and_tells_when_it_changed(book, settings):
    settings.TIME_ZONE = "Asia/Seoul"
    timezone.activate("Asia/Seoul")
    first, second = page(bound(book, number=1), "package.opf"), page(bound(book, number=2), "package.opf")
    timezone.deactivate()
    identifier = first.partition('<dc:identifier id="identifier">')[2].partition("<")[0]
    assert identifier.startswith("urn:uuid:")
    assert identifier in second
    assert '<meta property="dcterms:modified">2026-11-20T09:30:15Z</meta>' in first


def test_each_chapter_says_its_language(book):
    file = bound(book)
    assert "<dc:language>en</dc:language>" in page(file, "package.opf")
    assert 'xml:lang="en"' in page(file, "chapter-0001.xhtml")
    assert 'xml:lang="ko"' in page(file, "chapter-0002.xhtml")


@pytest.mark.parametrize(
    ("text", "otherwise", "language"),
    [
        ("바다가 조용하다", "en", "ko"),
        ("The sea is calm", "ko", "en"),
        ("Django로 만든 실시간 신문", "en", "ko"),
        ("the word 바다 means sea, and is short", "en", "en"),
        ("1984", "ko", "ko"),
    ],
)
def test_a_text_tells_its_language(text, otherwise, language):
    assert detect_language(text, otherwise) == language


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("/post/1/", "chapter-0001.xhtml"),
        ("https://news.example.org/post/1/", "chapter-0001.xhtml"),
        ("https://news.example.org:8443/post/1/", "https://news.example.org:8443/post/1/"),
        ("/post/9/", "https://news.example.org/post/9/"),
        ("//other.org/a", "https://other.org/a"),
        ("https://한글.kr/가?나=1%", "https://xn--bj0bj06e.kr/%EA%B0%80?%EB%82%98=1%25"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("javascript:alert(1)", None),
        ("http:///nowhere", None),
        ("http://[", None),
        ("http://host:99999/", None),
    ],
)
def test_a_link_leads_to_a_chapter_or_out_or_nowhere(href, target):
    assert resolve_link(href, {"/post/1/": "chapter-0001.xhtml"}, "https://news.example.org") == target


def test_without_an_address_of_the_site_its_own_links_are_words():
    files = {"/post/1/": "chapter-0001.xhtml"}
    assert resolve_link("/post/1/", files, "") == "chapter-0001.xhtml"
    assert resolve_link("/post/9/", files, "") is None


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ("<p>a<br>b", "<p>a<br/>b</p>"),
        ("<h3>first</h3><h4>second</h4>", "<h2>first</h2><h3>second</h3>"),
        ("<ul>x<li>y</ul>", "<ul><li>x</li>\n<li>y</li></ul>"),
        ('<img src="/media/x.png" alt="the pier">', '<span class="picture">the pier</span>'),
        ('<a href="x">a <b>link</b></a>', "<span>a <b>link</b></span>"),
        ("<script>alert(1)</script>", ""),
        ("<td>loose</td>", "loose"),
        ('<p onclick="x" style="y" class="z">a</p>', "<p>a</p>"),
        ("<p></p><hr>", "<p></p><hr/>"),
        ('<p lang="en">a</p><p lang="x y">b</p>', '<p lang="en" xml:lang="en">a</p><p>b</p>'),
        ("<dl><dd>a</dd><dt>b</dt></dl>", "<dl><dt></dt>\n<dd>a</dd>\n<dt>b</dt>\n<dd></dd></dl>"),
        ('<ol start="3"><li></li></ol><ol start="x"><li></ol>', '<ol start="3"><li></li></ol><ol><li></li></ol>'),
        ("<table><tr><th><p>a</p></th><td><p>b", "<table><tbody><tr><th>a </th><td><p>b</p></td></tr></tbody></table>"),
        ("<a>a</a><a href='#b'>b</a>", "<span>a</span><span>b</span>"),
        ("&nbsp;&copy;&lt;i&gt;&a;&#0;&#11;\x0b\ufffe]]>", "\u00a0©&lt;i&gt;&amp;a;\ufffd]]&gt;"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", "]&gt;"),
        ("<![CDATA[<b>a</b>]]><?xml version='1.0'?>", "a]]&gt;"),
    ],
)
def test_html_is_written_as_xhtml(html, written):
    assert xhtml(html, lambda href: None) == written


def test_what_lies_too_deep_keeps_its_words():
    tree = fromstring(f"<body>{xhtml('<blockquote>' * 5000 + 'deep <b>down</b>', lambda href: None)}</body>")
    assert "".join(tree.itertext()) == "deep down"
    levels = 0
    while len(tree):
        tree, levels = tree[0], levels + 1
    assert levels == MAX_DEPTH


PIECES = ["<", ">", "&", "&#11;", "&#xFFFE;", "\x0b", "]]>", "<!--", "-->", "<?x", '"', "=", "바다", " ", "</"]
PIECES += [f"<{name}" for name in ("p", "b", "ul", "li", "dl", "dd", "table", "tr", "td", "svg", "script", "pre", "br")]
PIECES += ["<!DOCTYPE x [", ' title="<b>', " lang=ko", " href='&\""]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_whatever_a_text_holds_its_chapter_can_be_read(html):
    fromstring(f"<body>{xhtml(html, lambda href: href)}</body>")
