"""Files become posts: once, live, and with a sensible title for any file."""

import json
import unicodedata
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from blog.importing.documents import MAX_FILE_BYTES, Unreadable, find_documents, read_document
from blog.importing.importer import NoAccount, Outcome, import_files, importing_account
from blog.models import Author, Post, Tag, User
from realtime import log

HARBOUR = """---
title: The pier holds
date: 2026-11-20 09:30
tags: [Harbour, 항구]
author: Mina Seo
---
It **held** all night.
"""


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_superuser("ada")


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def run(path: Path, **options: str) -> str:
    """What `import_posts` prints, problems included."""
    out = StringIO()
    call_command("import_posts", str(path), stdout=out, stderr=out, **options)
    return out.getvalue()


def announced() -> list[log.Event]:
    """All that the log holds by now."""
    connection = log.LogConnection()
    try:
        return connection.advance_and_read(0).events
    finally:
        connection.close()


def outcomes(folder: Path, by: User) -> list[Outcome]:
    return [imported.outcome for imported in import_files(find_documents(folder), folder, by)]


# --- what a file says


@pytest.mark.parametrize(
    ("text", "title", "rest"),
    [
        ("---\ntitle: Named\n---\n# Heading\n\nText", "Named", "# Heading\n\nText"),
        ("---\ntitle: Django\n---\n# django\n\nText", "Django", "Text"),
        ("# The **big** `wave`\n\nText", "The big wave", "Text"),
        ("Setext\n===\nText", "Setext", "Text"),
        ("A line above\n\n# Heading\n\nText", "Heading", "A line above\n\n\nText"),
        ("First line\n\nText", "First line", "Text"),
        ("First line\nof a paragraph", "First line", "First line\nof a paragraph"),
        ("1. QuerySet 기본\n가. QuerySet", "QuerySet 기본", "1. QuerySet 기본\n가. QuerySet"),
        ("```\n# a comment\n```\n\nAfter it", "After it", "```\n# a comment\n```"),
        ("```\nonly code\n```", "storm warning", "```\nonly code\n```"),
        ("# Only a heading", "Only a heading", "# Only a heading"),
        ("---\njust a rule above\n\nText", "just a rule above", "---\n\nText"),
        ("첫 줄\n" + "\n더\n" * 12 + "\n# comment in pasted code", "첫 줄", None),
    ],
)
def test_the_title_is_the_first_thing_that_can_be_one(tmp_path: Path, text: str, title: str, rest: str | None) -> None:
    document = read_document(write(tmp_path, "storm-warning.md", text), "storm-warning.md")
    assert document.title == title
    assert rest is None or document.text == rest


def test_a_long_first_line_is_cut_for_the_title_and_kept_in_the_text(tmp_path: Path) -> None:
    document = read_document(write(tmp_path, "a.txt", "word " * 80 + "\n\nmore"), "a.txt")
    assert len(document.title) <= 100
    assert document.title.endswith("…")
    assert document.text.startswith("word word")


def test_a_title_has_no_control_characters(tmp_path: Path) -> None:
    assert (
        read_document(write(tmp_path, "a.txt", "\x1b[1mBold\x1b[0m news\n\nText"), "a.txt").title == "[1mBold[0m news"
    )


def test_front_matter_says_the_rest(tmp_path: Path) -> None:
    document = read_document(write(tmp_path, "a.md", HARBOUR), "a.md")
    assert (document.title, document.author, document.tags) == ("The pier holds", "Mina Seo", ("Harbour", "항구"))
    assert document.date == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20 18:00:00 +0900", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("2026-11-20T18:00:00+09:00", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("'2026-11-20 09:30'", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, date: str, moment: datetime) -> None:
    assert read_document(write(tmp_path, "a.md", f"---\ndate: {date}\n---\nText"), "a.md").date == moment


@pytest.mark.parametrize("tags", ["[sea, 2026, sea]", "sea, 2026,", "\n  - sea\n  - '#2026'"])
def test_tags_are_a_list_or_a_line(tmp_path: Path, tags: str) -> None:
    assert read_document(write(tmp_path, "a.md", f"---\ntags: {tags}\n---\nText"), "a.md").tags == ("sea", "2026")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_common_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    document = read_document(write(tmp_path, "a.txt", "제목\r\n\r\n본문".encode(encoding)), "a.txt")
    assert (document.title, document.text) == ("제목", "본문")


def test_names_and_words_are_composed(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "항구 소식\n\n바다")
    document = read_document(write(tmp_path, "a.txt", decomposed), unicodedata.normalize("NFD", "항구.txt"))
    assert (document.title, document.text, document.source) == ("항구 소식", "바다", "항구.txt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"---\ntitle: x\n---\n", "no text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        ("café naïve".encode("latin-1"), "encoding"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than"),
        (b"---\ntitle: a: b\n---\nText", "front matter is broken.*line 3"),
        (b"---\ndate: 2026-13-45\n---\nText", "front matter is broken"),
        (b"---\ndate: next week\n---\nText", "date"),
        (b"---\ntitle: {a: b}\n---\nText", "title is not a line"),
        (b"---\na: !!python/object/apply:os.system ['true']\n---\nText", "front matter is broken"),
        (b"---\na: " + b"[" * 20_000 + b"]" * 20_000 + b"\n---\nText", "nested too deep"),
    ],
)
def test_a_broken_file_says_in_a_sentence_what_is_wrong(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as problem:
        read_document(write(tmp_path, "a.md", content), "a.md")
    assert str(problem.value).endswith(".")


def test_only_text_files_are_found_in_all_folders_but_hidden_ones(tmp_path: Path) -> None:
    for name in ["b.md", "a/c.TXT", "a/d.markdown", "e.png", ".git/f.md", ".g.md"]:
        write(tmp_path, name, "x")
    assert [path.relative_to(tmp_path).as_posix() for path in find_documents(tmp_path)] == [
        "a/c.TXT",
        "a/d.markdown",
        "b.md",
    ]


# --- what becomes of it


def test_a_folder_becomes_posts(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "deep/pier.md", HARBOUR)
    write(tmp_path, "note.txt", "A note\n\nabout the sea")
    printed = run(tmp_path)
    pier, note = Post.objects.get(source="deep/pier.md"), Post.objects.get(source="note.txt")
    assert (pier.title, pier.author, pier.byline.name, pier.state) == ("The pier holds", ada, "Mina Seo", "published")
    assert pier.published_date == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert {tag.slug for tag in pier.tags.all()} == {"harbour", "항구"}
    assert note.byline.user == ada
    assert abs(timezone.now() - note.published_date).total_seconds() < 60
    assert "2 published" in printed
    assert "Read them at" in printed


def test_two_files_may_share_a_title(ada: User, tmp_path: Path) -> None:
    for name in ["a.md", "b.md"]:
        write(tmp_path, name, f"---\ntitle: Django\n---\nText of {name}")
    run(tmp_path)
    assert Post.objects.filter(title="Django").count() == 2


def test_each_post_is_announced_as_it_arrives(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "a.md", HARBOUR)
    run(tmp_path)
    key = f"post.{Post.objects.get().pk}"
    (published,) = [event for event in announced() if event.kind == "post.published"]
    assert published.key == key
    assert "front" in published.topics
    assert "<strong>held</strong>" in json.loads(published.data)["body"]


def test_a_second_run_changes_nothing(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "a.md", HARBOUR)
    run(tmp_path)
    before, events = Post.objects.values().get(), announced()
    assert "1 unchanged" in run(tmp_path)
    assert Post.objects.values().get() == before
    assert announced() == events


def test_a_changed_file_updates_what_it_says_and_nothing_else(ada: User, tmp_path: Path) -> None:
    ben = User.objects.create_superuser("ben")
    path = write(tmp_path, "a.md", "# Before\n\nText")
    run(tmp_path, author="ada")
    before = Post.objects.get()
    before.tags.add(Tag.objects.create(name="Sea"))
    path.write_text("# After\n\nOther text")
    assert "1 updated" in run(tmp_path, author=ben.username)
    after = Post.objects.get()
    assert (after.title, after.text) == ("After", "Other text")
    assert (after.author, after.byline, after.published_date) == (ada, before.byline, before.published_date)
    assert [tag.name for tag in after.tags.all()] == ["Sea"]
    assert after.updated > before.updated
    assert [(kept.title, kept.by.username) for kept in after.revisions.all()] == [("After", "ben"), ("Before", "ada")]


def test_front_matter_may_change_date_byline_and_tags(ada: User, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", HARBOUR)
    run(tmp_path)
    path.write_text(HARBOUR.replace("Mina Seo", "Jun Park").replace("09:30", "10:00").replace("Harbour, ", ""))
    run(tmp_path)
    post = Post.objects.get()
    assert (post.byline.name, post.published_date.hour, [tag.name for tag in post.tags.all()]) == (
        "Jun Park",
        10,
        ["항구"],
    )


def test_an_edit_made_here_stays_until_the_file_changes(ada: User, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "# Before\n\nText")
    run(tmp_path)
    post = Post.objects.get()
    post.title = "Corrected"
    post.save()
    run(tmp_path)
    assert Post.objects.get().title == "Corrected"
    path.write_bytes(b"# Corrected\r\n\r\nText\r\n")  # now the file agrees, and has been seen
    assert outcomes(tmp_path, ada) == [Outcome.UNCHANGED]
    Post.objects.update(title="Corrected again")
    run(tmp_path)
    assert Post.objects.get().title == "Corrected again"


def test_a_withdrawn_post_stays_withdrawn(ada: User, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "# Before\n\nText")
    run(tmp_path)
    Post.objects.get().withdraw("wrong")
    path.write_text("# After\n\nText")
    assert "left withdrawn: a.md" in run(tmp_path)
    assert (Post.objects.get().state, Post.objects.get().title) == ("withdrawn", "Before")


def test_a_draft_is_no_news_until_its_file_says_so(ada: User, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "---\ndraft: true\n---\nText")
    assert outcomes(tmp_path, ada) == [Outcome.DRAFTED]
    assert not Post.objects.public().exists()
    path.write_text("---\ndraft: false\n---\nText")
    assert outcomes(tmp_path, ada) == [Outcome.UPDATED]
    assert Post.objects.public().get().published_date is not None


def test_what_is_dated_ahead_waits_for_its_time(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ndate: 2999-01-01\n---\nText")
    assert outcomes(tmp_path, ada) == [Outcome.SCHEDULED]
    assert not Post.objects.public().exists()


def test_broken_files_are_named_and_the_others_go_in(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "bad.md", "---\ntitle: a: b\n---\nText")
    write(tmp_path, "good.md", "Good\n\nText")
    printed = run(tmp_path)
    assert "skipped: bad.md: Its front matter is broken" in printed
    assert "1 published, 1 skipped" in printed
    assert Post.objects.get().source == "good.md"


def test_nothing_imported_is_a_failure(ada: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no files to import"):
        run(tmp_path)
    with pytest.raises(CommandError, match="There is no"):
        run(tmp_path / "nowhere")
    write(tmp_path, "empty.md", "")
    with pytest.raises(CommandError, match=r"Nothing of .* could be imported: 1 skipped"):
        run(tmp_path)


def test_a_single_file_is_the_same_post_as_in_its_folder(ada: User, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", HARBOUR)
    run(path)
    assert "1 unchanged" in run(tmp_path)


def test_collections_keep_files_of_the_same_name_apart(ada: User, tmp_path: Path) -> None:
    write(tmp_path, "a.md", HARBOUR)
    run(tmp_path)
    run(tmp_path, collection="other")
    assert set(Post.objects.values_list("source", flat=True)) == {"a.md", "other:a.md"}


def test_a_tag_of_the_same_address_is_used_again(ada: User, tmp_path: Path) -> None:
    sea = Tag.objects.create(name="Open Sea")
    write(tmp_path, "a.md", "---\ntags: open sea, '!!!'\n---\nText")
    run(tmp_path)
    assert list(Post.objects.get().tags.all()) == [sea]


def test_an_author_of_that_name_is_used_again(ada: User, tmp_path: Path) -> None:
    mina = Author.objects.create(name="Mina Seo")
    write(tmp_path, "a.md", HARBOUR)
    run(tmp_path)
    assert Post.objects.get().byline == mina
    assert Author.objects.count() == 1


# --- who imports


def test_the_first_superuser_imports_else_the_first_who_may_publish(transactional_db: None) -> None:
    User.objects.create_user("cleo")
    with pytest.raises(NoAccount, match="createsuperuser"):
        importing_account()
    ada = User.objects.create_user("ada")
    ada.user_permissions.add(Permission.objects.get(codename="publish_post"))
    assert importing_account() == ada
    root = User.objects.create_superuser("root")
    assert importing_account() == root
    assert importing_account("ada") == ada


@pytest.mark.parametrize(("name", "problem"), [("nobody", "no account"), ("cleo", "may not publish")])
def test_somebody_without_the_right_imports_nothing(ada: User, tmp_path: Path, name: str, problem: str) -> None:
    User.objects.create_user("cleo")
    write(tmp_path, "a.md", HARBOUR)
    with pytest.raises(CommandError, match=problem):
        run(tmp_path, author=name)
    assert not Post.objects.exists()
