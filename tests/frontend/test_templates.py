"""What a template must not hold, whatever it shows."""

import re

import pytest

from frontend.node import FRONTEND

TEMPLATES = FRONTEND / "templates"
# books are made of files of their own, which never go to a browser (templates/epub/)
PAGES = sorted(path for path in TEMPLATES.rglob("*.html") if "epub" not in path.parts)
FRAGMENTS = sorted(path for path in PAGES if re.search(r'\bdata-live="\w+\.', path.read_text()))

by_name = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
by_fragment = pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: str(path.relative_to(TEMPLATES)))


@by_name
def test_nothing_is_inline_so_the_policy_needs_no_exception(path):
    source = path.read_text()
    scripts = re.findall(r"<script[^>]*>", source)
    assert all("src=" in script for script in scripts)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", source, re.IGNORECASE)


@by_name
def test_nothing_comes_from_another_host(path):
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", path.read_text())


def test_there_are_fragments():
    assert len(FRAGMENTS) >= 15


@by_fragment
def test_a_fragment_says_nothing_of_its_reader_its_hour_or_its_place(path):
    source = path.read_text()
    assert not re.search(r"\b(request|user|perms|csrf_token|messages|rights|forloop|cycle|now|timesince)\b", source)


@by_fragment
def test_a_fragment_includes_others_with_nothing_but_their_own(path):
    for included, passed in re.findall(r'{% include "([^"]+)"(.*?)%}', path.read_text()):
        assert passed.strip().endswith("only"), included


@by_name
def test_a_page_loads_the_desk_bundle_if_it_has_elements_of_it_and_no_other_does(path):
    source = path.read_text()
    assert ('{% javascript "desk" %}' in source) == bool(re.search(r"<press-(composer|people)\b", source))
