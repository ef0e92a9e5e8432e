"""The verdict of `make bench-quick`."""

import pytest

from bench.scenarios import quick

GATES = quick.Gates.read()
FINE = {
    "tutorial": 2 * GATES.tutorial,
    "floor": GATES.floor / 2,
    "coalesced": GATES.coalesced / 2,
    "kilobytes": GATES.kilobytes / 2,
}


def test_what_is_within_the_gates_passes():
    assert quick.judge(FINE, GATES) == 0


@pytest.mark.parametrize(
    ("measure", "value"), [("tutorial", 3.0), ("floor", 9.0), ("coalesced", 9.0), ("kilobytes", 99.0)]
)
def test_what_has_become_worse_fails_in_one_sentence(measure, value, capsys):
    assert quick.judge({**FINE, measure: value}, GATES) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1
