"""What the table of gates and goals says of figures."""

from bench.report import goals
from bench.scenarios import relations, writers
from bench.scenarios.results import Results
from tests.bench.figures import results


def verdict(what: str, made: Results) -> str:
    """Returns the last cell of the row whose name begins with `what`."""
    (row,) = (row for row in goals.rows(made) if row[0].startswith(what))
    return row[-1]


def test_a_goal_says_whether_it_is_reached():
    assert verdict("burst, of the floor's", results(ours_burst=[1.1], floor_burst=[1.0])) == "goal"
    assert verdict("burst, of the floor's", results(ours_burst=[1.5], floor_burst=[1.0])) == "gate"
    assert verdict("burst, of the floor's", results(ours_burst=[1.7], floor_burst=[1.0])) == "**beyond the gate**"
    assert verdict("burst, of the floor's", results()) == "not measured"
    assert verdict("5 events a second, of the floor's", results(ours_quiet=[2.0], floor_quiet=[1.0])) == "not yet"


def test_a_storm_from_which_not_all_came_back_is_beyond_the_gate():
    came = {"ours_storm back": [5000.0, 4999.0, 5000.0], "ours_storm": [0.5, 0.5]}
    assert verdict("of 5,000 who are cut", results(**came)) == "**beyond the gate**"
    assert verdict("seconds until all of them", results(**came)) == "not measured"


def test_commits_are_judged_by_the_median_of_their_turns():
    assert (
        verdict("core of a commit with 5,000", results(**{"ours_commit cpu ratio at 5000": [0.9, 1.0, 9.0]})) == "gate"
    )
    late = {"ours_commit cpu ratio at 5000": [0.9, 1.2, 9.0]}
    assert verdict("core of a commit with 5,000", results(**late)) == "**beyond the gate**"


def test_what_was_held_counts_only_when_it_was_held_long_enough():
    made = results()
    made.held = {"date": "2026-11-21", "minutes": 10, "readers": 10_000, "wrong": 0, "silence": 20.2}
    assert verdict("readers whom one process held", made) == "gate"
    made.held["minutes"] = 1
    assert verdict("readers whom one process held", made) == "not measured"


def test_goals_find_what_other_programs_said():
    """In tables that the scenarios themselves write, so that neither changes without the other."""
    made = results()
    announced, plain = writers.Rate(90.0, 0.001), writers.Rate(100.0, 0.001)
    made.sections["writers"] = "\n".join(writers.table({("insert", 32): [writers.Cell(announced, plain)]}))
    spent = [(relations.Cost(0.3, 20), relations.Cost(0.1, 3))]
    made.sections["relations"] = "\n".join(relations.table({relations.ADD: spent, relations.SINGLE_ADDS: spent}))
    assert verdict("32 writers who announce", made) == "gate"
    assert verdict(f"seconds of `{relations.ADD}`", made) == "gate"
    assert verdict(f"seconds of {relations.SINGLE_ADDS}", made) == "goal"


def test_the_worst_rate_is_what_is_judged_of_the_way_to_the_hub():
    made = results()
    made.sections["latency"] = "| events/s | p50 ms | p99 ms |\n|---|---|---|\n| 1 | 1.7 | 2.1 |\n| 100 | 1.8 | 33.6 |"
    assert verdict("ms from commit to hub", made) == "goal"
    (row,) = (row for row in goals.rows(made) if row[1] == "33.6")
    assert row[-1] == "**beyond the gate**"
