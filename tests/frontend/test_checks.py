"""django-pipeline drops mistakes in silence; the system checks do not."""

from copy import deepcopy

import pytest

from frontend import checks


@pytest.fixture
def pipeline(settings):
    settings.PIPELINE = deepcopy(settings.PIPELINE)
    return settings.PIPELINE


def test_every_source_and_every_package_is_there():
    assert checks.check_sources() == []
    assert checks.check_packages() == []


def test_a_mistyped_source_is_an_error_that_names_it(pipeline):
    pipeline["STYLESHEETS"]["press"]["source_filenames"].append("css/tokns.css")
    (error,) = checks.check_sources()
    assert "css/tokns.css" in error.msg
    assert error.is_serious()


def test_a_package_that_no_setting_defines_is_an_error_that_names_the_template(pipeline):
    del pipeline["JAVASCRIPT"]["reader"]
    errors = checks.check_packages()
    assert [error.id for error in errors] == ["frontend.E002"]
    assert "base.html" in errors[0].msg
    assert "'reader'" in errors[0].msg


def test_a_package_tag_is_seen_however_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("{%stylesheet 'nope'%} {%  javascript  \"reader\"  %}")
    monkeypatch.setattr(checks, "TEMPLATES", tmp_path)
    assert ["nope" in error.msg for error in checks.check_packages()] == [True]
