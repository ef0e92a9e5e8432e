"""What is said of the figures."""

import pytest

from bench import goals, quick, report
from bench.results import Results, lateness, share

GATES = quick.Gates.read()
FINE = {
    "tutorial": 2 * GATES.tutorial,
    "floor": GATES.floor / 2,
    "coalesced": GATES.coalesced / 2,
    "kilobytes": GATES.kilobytes / 2,
}


def results(**figures: list[float]) -> Results:
    made = Results("2026-11-20", "2 cores", ["django 5.2"])
    for name, values in figures.items():
        system, _, measure = name.partition("_")
        made.add(system.replace("core", goals.CORE), measure, *values)
    return made


def test_what_is_within_the_gates_passes():
    assert quick.judge(FINE, GATES) == 0


@pytest.mark.parametrize(
    ("measure", "value"), [("tutorial", 3.0), ("floor", 9.0), ("coalesced", 9.0), ("kilobytes", 99.0)]
)
def test_what_has_become_worse_fails_in_one_sentence(measure, value, capsys):
    assert quick.judge({**FINE, measure: value}, GATES) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_ratio_compares_the_systems_round_by_round():
    noisy = results(ours_burst=[2.0, 20.0, 3.0], floor_burst=[1.0, 10.0, 2.0])
    assert noisy.ratio("ours", "floor", "burst") == 2.0


def test_a_goal_says_whether_it_is_reached():
    burst = goals.GOALS[0]
    assert burst.row(results(ours_burst=[1.0], core_burst=[100.0]))[-1] == "gate"
    assert burst.row(results(ours_burst=[1.0], core_burst=[10.0]))[-1] == "**beyond the gate**"
    assert burst.row(results())[-2:] == ["not measured", ""]


def test_what_never_came_to_the_last_reader_has_no_lateness():
    assert list(lateness([1_000_000, 2_000_000], [3_000_000, 0])) == [2.0]


def test_a_share_of_many_is_one_of_them():
    assert share(range(1, 101), 0.99) == 100
    assert share([5.0], 0.99) == 5.0


def test_a_program_writes_its_part_of_the_page_and_no_other(tmp_path, monkeypatch):
    page = tmp_path / "performance.md"
    page.write_text(
        "# Ours\n<!-- held: from here on by a program -->\nold\n<!-- held: to here -->\n"
        "<!-- profile: from here on by a program -->\nkept\n<!-- profile: to here -->\nend\n"
    )
    monkeypatch.setattr(report, "PAGE", page)
    report.write_held("2026-11-20", "2 cores", "All of it held.")
    written = page.read_text()
    assert "All of it held." in written
    assert "old" not in written
    assert written.startswith("# Ours\n")
    assert "kept\n<!-- profile: to here -->\nend\n" in written
