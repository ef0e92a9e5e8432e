import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import BadPosition
from realtime.position import MAX_OFFSET, Position

epochs = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=40)


@given(epochs, st.integers(0, MAX_OFFSET))
def test_what_is_written_is_read_again(epoch, offset):
    position = Position(epoch, offset)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text",
    ["", "a", "a-", "-1", "a--1", "a-1-2", "a-1\n", "a b-1", "a-１", "에-1", f"a-{MAX_OFFSET + 1}", "a-" + "9" * 400],
)
def test_anything_else_is_refused(text):
    with pytest.raises(BadPosition):
        Position.parse(text)


@given(st.text())
def test_no_text_raises_anything_else(text):
    try:
        Position.parse(text)
    except BadPosition:
        pass
