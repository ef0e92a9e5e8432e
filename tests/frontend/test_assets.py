"""What browsers are sent: one bundle of each sort, hashed, compressed, kept for ever."""

import os
import re
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import CommandError, call_command
from pipeline.exceptions import CompilerError

from frontend import catalogues
from frontend.assets import EsbuildCompiler, LightningCompressor
from frontend.management.commands import assets
from frontend.node import FRONTEND

BUNDLES = ["js/reader.js", "js/desk.js", "css/press.css"]


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_has_a_hashed_name_and_is_compressed_beforehand(name):
    url = staticfiles_storage.url(name)
    assert re.search(r"\.[0-9a-f]{12}\.(js|css)$", url)
    path = Path(staticfiles_storage.path(staticfiles_storage.stored_name(name)))
    sizes = [path.with_name(path.name + suffix).stat().st_size for suffix in ("", ".gz", ".br")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "br"), ("gzip", "gzip"), ("", None)])
def test_it_is_served_as_the_browser_asks_and_may_be_kept_for_ever(client, name, accepted, encoding):
    response = client.get(staticfiles_storage.url(name), headers={"accept-encoding": accepted})
    assert response.status_code == 200
    assert response.headers.get("Content-Encoding") == encoding
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Vary"] == "Accept-Encoding"


def script(bundle):
    return staticfiles_storage.open(f"js/{bundle}.js").read().decode()


def elements(bundle):
    return set(re.findall(r'customElements\.define\("([\w-]+)"', script(bundle)))


@pytest.mark.parametrize("bundle", ["reader", "desk"])
def test_a_script_is_one_module_with_all_that_it_imports(bundle):
    assert elements(bundle)
    assert not re.search(r"\bimport\s*[\"'{*]|\brequire\(|\beval\(|new Function\(", script(bundle))


def test_readers_do_not_load_what_only_writers_need():
    assert elements("reader") == {"live-status", "press-gap", "press-keys", "press-pause"}
    assert "compositionend" not in script("reader")


def test_the_desk_bundle_brings_no_connection_and_no_morphing_of_its_own():
    """Both bundles are loaded on a page for writers: what stood in both would be done twice."""
    assert elements("desk") == {"press-composer", "press-people"}
    for word in ("WebSocket", "/live/", "morphStyle"):
        assert word in script("reader")
        assert word not in script("desk")


def test_a_module_that_cannot_be_found_fails_the_bundle(tmp_path):
    entry = tmp_path / "lost.entry.js"
    entry.write_text('import "./nowhere.js";')
    compiler = EsbuildCompiler(verbose=False, storage=staticfiles_storage)
    with pytest.raises(CompilerError, match="nowhere"):
        compiler.compile_file(str(entry), str(tmp_path / "lost.js"))


def test_a_module_is_compiled_again_though_only_its_import_changed(tmp_path):
    (tmp_path / "part.js").write_text("export const word = 'old';")
    entry, output = tmp_path / "whole.entry.js", tmp_path / "whole.js"
    entry.write_text('import { word } from "./part.js"; document.title = word;')
    compiler = EsbuildCompiler(verbose=False, storage=staticfiles_storage)
    compiler.compile_file(str(entry), str(output))
    (tmp_path / "part.js").write_text("export const word = 'new';")
    compiler.compile_file(str(entry), str(output), outdated=False)
    assert "new" in output.read_text()


def test_a_bundler_that_is_killed_leaves_nothing_among_the_sources(tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    looks = f"import os; open({str(seen)!r}, 'w').write('\\n'.join(os.listdir({str(FRONTEND)!r})))"
    monkeypatch.setattr("frontend.assets.node", lambda: [sys.executable, "-c", looks])
    before = set(os.listdir(FRONTEND))
    compiler = EsbuildCompiler(verbose=False, storage=staticfiles_storage)
    compiler.compile_file("a.entry.js", str(tmp_path / "js" / "a.js"))
    assert set(seen.read_text().split("\n")) == before


def test_styles_keep_their_meaning_when_they_shrink():
    css = LightningCompressor(verbose=False).compress_css(".a { & :hover { width: calc(2vw + 1rem) } }")
    assert ".a{& :hover{width:calc(2vw + 1rem)}}" in css.replace(";", "")


def test_a_mistake_in_a_style_is_an_error():
    with pytest.raises(Exception, match="Unexpected"):
        LightningCompressor(verbose=False).compress_css("a { colour red } b {")


def test_nothing_is_made_twice():
    printed = StringIO()
    before = Path(staticfiles_storage.path("staticfiles.json")).stat().st_mtime_ns
    call_command("assets", stdout=printed)
    assert printed.getvalue() == ""
    assert Path(staticfiles_storage.path("staticfiles.json")).stat().st_mtime_ns == before


def test_files_that_were_only_begun_are_not_taken_for_what_was_there(tmp_path, settings, monkeypatch):
    """Killed while it throws away the old ones: who then takes the change back would find its stamp, and no files."""

    def killed(*args, **options):
        raise KeyboardInterrupt

    settings.STATIC_ROOT = tmp_path
    (tmp_path / "assets.stamp").write_text("what the sources were before")
    monkeypatch.setattr(assets, "call_command", killed)
    with pytest.raises(KeyboardInterrupt):
        call_command("assets", stdout=StringIO())
    assert not (tmp_path / "assets.stamp").exists()


def test_a_change_of_any_source_is_seen(settings):
    was = assets.fingerprint()
    settings.PIPELINE = {**settings.PIPELINE, "DISABLE_WRAPPER": False}
    assert assets.fingerprint() != was


def test_a_translation_that_changed_is_compiled_again(tmp_path, monkeypatch):
    po = tmp_path / "locale" / "ko" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text('msgid ""\nmsgstr "Language: ko\\n"\n\nmsgid "Live"\nmsgstr "실시간"\n')
    monkeypatch.setattr(catalogues, "FRONTEND", tmp_path)
    assert not catalogues.are_compiled()
    catalogues.compile_all()
    assert catalogues.are_compiled()
    assert "실시간".encode() in po.with_suffix(".mo").read_bytes()


def test_packages_that_cannot_be_installed_are_told_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "npm", lambda: [str(tmp_path / "no-npm")])
    with pytest.raises(CommandError, match="need node and npm"):
        assets.install_packages()
