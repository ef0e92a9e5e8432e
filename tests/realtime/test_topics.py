import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime import topics
from realtime.errors import BadTopic
from realtime.tickets import ANONYMOUS, Reader

WRITER = Reader(7, "ada", frozenset({"desk"}))


@pytest.mark.parametrize(
    ("reader", "topic", "answer"),
    [
        (ANONYMOUS, "front", None),
        (ANONYMOUS, "post.42", None),
        (ANONYMOUS, "tag.파이썬", None),
        (ANONYMOUS, "desk", "forbidden"),
        (WRITER, "desk", None),
        (WRITER, "user.7", None),
        (WRITER, "user.8", "forbidden"),
        (ANONYMOUS, "user.None", "forbidden"),
        (ANONYMOUS, "task.1", "forbidden"),
        (WRITER, "task.1", None),
        (WRITER, "front.1", "unknown"),
        (WRITER, "post", "unknown"),
        (WRITER, "post.", "unknown"),
        (WRITER, "poets.42", "unknown"),
        (WRITER, "post 42", "unknown"),
        (WRITER, "", "unknown"),
        (WRITER, "post." + "4" * 100, "unknown"),
    ],
)
def test_a_family_says_who_may_follow(reader, topic, answer):
    assert topics.check(reader, topic) == answer


def test_a_topic_has_one_spelling():
    assert topics.normal(unicodedata.normalize("NFD", "tag.파이썬")) == "tag.파이썬"


@given(st.text(max_size=120))
def test_no_text_raises_anything_but_bad_topic(text):
    try:
        topics.normal(text)
    except BadTopic:
        pass
