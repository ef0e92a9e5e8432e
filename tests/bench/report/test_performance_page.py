"""Figures become tables, and nothing else of a page changes."""

import pytest

from bench import MeasurementError
from bench.report import performance_page, tables
from tests.bench.figures import results

MARKED = "# Ours\n<!-- {0}: from here on by a program -->\nold\n<!-- {0}: to here -->\nend\n"
FIGURES = {
    f"{system}_{measure}": [value]
    for system, value in (("ours", 5.0), ("core", 290.0), ("floor", 4.0))
    for measure in ("burst", "quiet", "quiet p99", "kilobytes", "connects", "burst at 100", "burst at 10000")
}


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Replaces the pages of the project by empty ones in a temporary directory."""
    for name, part in (("PAGE", "measured"), ("README", "measured")):
        page = tmp_path / f"{name}.md"
        page.write_text(MARKED.format(part))
        monkeypatch.setattr(performance_page, name, page)
    monkeypatch.setattr(performance_page, "PLOTS", tmp_path / "plots")
    monkeypatch.setattr(performance_page, "RESULTS_FILE", tmp_path / "results.json")
    monkeypatch.setattr(performance_page, "HOLD_FILE", tmp_path / "held.json")
    return tmp_path


def test_figures_become_the_tables_of_both_pages(pages):
    made = results(**FIGURES, **{"core_storm back": [4125.0], "core_storm lost": [25005.0]})
    performance_page.write(made)
    page, front = (performance_page.PAGE.read_text(), performance_page.README.read_text())
    storm = next(row for row in tables.rows(page) if "back within 60 s" in row)
    assert storm["all back after, s"] == "not all in 60 s"
    assert next(row["ours"] for row in tables.rows(page) if row.get("") == "burst, of the floor's") == "1.25"
    assert [row["burst, s"] for row in tables.rows(front)] == ["290.0", "5.0", "4.0"]
    assert "2026-11-20" in front
    assert page.startswith("# Ours\n")
    assert page.endswith("\nend\n")
    assert "\nold\n" not in page + front


@pytest.mark.parametrize("names", [["ours_burst"], ["ours_burst", "ours_burst at 100"], ["floor_burst", "core_quiet"]])
def test_a_run_of_which_little_came_to_an_end_is_told_as_well(pages, names):
    performance_page.write(results(**{name: FIGURES[name] for name in names}))
    assert "not measured" in performance_page.PAGE.read_text()


def test_a_program_writes_its_part_of_the_page_and_no_other(pages):
    performance_page.PAGE.write_text(MARKED.format("held") + MARKED.format("profile").replace("old", "kept"))
    performance_page.write_held("2026-11-20", "2 cores", "All of it held.")
    written = performance_page.PAGE.read_text()
    assert "All of it held." in written
    assert "old" not in written
    assert "\nkept\n<!-- profile: to here -->\nend\n" in written


def test_a_page_that_has_lost_its_marks_is_not_written(pages):
    performance_page.PAGE.write_text("# Ours\n")
    with pytest.raises(MeasurementError):
        performance_page.write(results(**FIGURES))
    assert performance_page.PAGE.read_text() == "# Ours\n"
