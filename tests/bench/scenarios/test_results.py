"""Figures are kept, combined and read back."""

import pytest

from bench import MeasurementError
from bench.scenarios.results import Results, milliseconds_between, quantile
from tests.bench.figures import results


def test_a_ratio_compares_the_systems_round_by_round():
    noisy = results(ours_burst=[2.0, 20.0, 3.0], floor_burst=[1.0, 10.0, 2.0])
    assert noisy.ratio("ours", "floor", "burst") == 2.0


def test_what_never_arrived_has_no_delay():
    assert list(milliseconds_between([1_000_000, 2_000_000], [3_000_000, 0])) == [2.0]


def test_a_share_of_many_is_one_of_them():
    assert quantile(range(1, 101), 0.99) == 100
    assert quantile([5.0], 0.99) == 5.0


def test_figures_are_read_as_they_were_kept(tmp_path):
    made = results(ours_burst=[1.0, 2.0])
    made.note("Something was otherwise.")
    made.save(tmp_path / "results.json")
    assert vars(Results.read(tmp_path / "results.json")) == vars(made)
    with pytest.raises(MeasurementError):
        Results.read(tmp_path / "none.json")
