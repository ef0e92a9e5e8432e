"""Files: only from their folders, and never as something a browser would run."""

from pathlib import Path

import pytest
from django.test import Client

from blog.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path: Path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    for name in (
        "editions/harbour-2.epub",
        "covers/pier.png",
        "covers/pier.svg",
        "covers/page.html",
        "covers/항구.webp",
    ):
        file = settings.MEDIA_ROOT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    learnt = settings.MEDIA_ROOT / "learner" / "model_sample_files" / "one.json"
    learnt.parent.mkdir(parents=True)
    learnt.write_text("{}")
    (settings.MEDIA_ROOT / "loose.txt").write_text("loose")
    (tmp_path / "secret_key").write_text("secret")
    return settings.MEDIA_ROOT


def test_an_edition_is_saved_as_an_epub(client: Client, files: Path) -> None:
    response = client.get("/media/editions/harbour-2.epub")
    assert response.content == b"editions/harbour-2.epub"
    assert response["Content-Type"] == "application/epub+zip"
    assert response["Content-Disposition"] == 'attachment; filename="harbour-2.epub"'
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("pier.png", "image/png", 'inline; filename="pier.png"'),
        ("항구.webp", "image/webp", "inline; filename*=utf-8''%ED%95%AD%EA%B5%AC.webp"),
        ("pier.svg", "application/octet-stream", 'attachment; filename="pier.svg"'),
        ("page.html", "application/octet-stream", 'attachment; filename="page.html"'),
    ],
)
def test_pictures_are_shown_and_what_may_hold_a_script_is_saved(
    client: Client, files: Path, name: str, kind: str, disposition: str
) -> None:
    response = client.get(f"/media/covers/{name}")
    assert (response["Content-Type"], response["Content-Disposition"]) == (kind, disposition)


@pytest.mark.parametrize(
    "path",
    [
        "editions/none.epub",
        "editions/",
        "editions",
        "loose.txt",
        "../secret_key",
        "editions/../../secret_key",
        "editions/../loose.txt",
        "editions/%2e%2e/%2e%2e/secret_key",
        "%2Fetc/passwd",
        "/etc/passwd",
        "editions/%00",
        "editions/" + "x" * 300,
        "learner/model_sample_files/one.json",
    ],
)
def test_nothing_else_is_found(client: Client, files: Path, path: str) -> None:
    assert client.get(f"/media/{path}").status_code == 404


def test_what_a_worker_learnt_is_for_staff(files: Path, ben: User, cleo: User, browser_of) -> None:
    address = "/media/learner/model_sample_files/one.json"
    assert browser_of(ben).get(address).status_code == 200
    assert browser_of(cleo).get(address).status_code == 404


def test_a_file_that_has_not_changed_is_not_sent_again(client: Client, files: Path) -> None:
    tag = client.get("/media/covers/pier.png")["ETag"]
    again = client.get("/media/covers/pier.png", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    (files / "covers" / "pier.png").write_bytes(b"another picture")
    assert client.get("/media/covers/pier.png", headers={"If-None-Match": tag}).status_code == 200


def test_files_are_only_fetched(client: Client, files: Path) -> None:
    assert client.post("/media/covers/pier.png").status_code == 405


def test_who_asks_for_an_icon_without_reading_a_page_finds_it(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].startswith("/static/img/press.")
