"""Fragments: rendered from the event's data, in the reader's language, once."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.test.signals import template_rendered

from blog.models import User
from consumers.wire.server_frames import JSON, Entry, Variant
from realtime import kinds
from realtime.log import Event
from tests import cast
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader

ENGLISH, KOREAN = Variant("html", "en"), Variant("html", "ko")


def test_html_comes_with_the_fragments_of_the_object(cleo: Reader, ada: User):
    cleo.ask("hello", format="html")
    cleo.subscribe("front")
    post = cast.a_post(ada, "Fog & <b>tide</b>")
    event = cleo.hear()
    assert set(event["html"]) == set(kinds.get("post.published").fragments)
    assert event["html"]["entry"].startswith("<article")
    assert f'data-live="post.{post.pk}/entry"' in event["html"]["entry"]
    assert "Fog &amp; &lt;b&gt;" in event["html"]["entry"]


def test_json_comes_without(cleo: Reader, ada: User):
    cleo.ask("hello", format="html")
    cleo.ask("hello", format="json")
    cleo.subscribe("front")
    cast.a_post(ada)
    assert "html" not in cleo.hear()


def test_each_reader_gets_their_language(edge: Edge, cleo: Reader, dora: Reader, ada: User):
    cleo.ask("hello", format="html", language="ko")
    dora.ask("hello", format="html", language="en")
    cleo.subscribe("front")
    dora.subscribe("front")
    cast.a_post(ada)
    korean, english = cleo.hear()["html"]["entry"], dora.hear()["html"]["entry"]
    assert "2026" in korean
    assert korean != english


def test_recovered_events_have_them_too(edge: Edge, ada: User):
    with closing(edge.connect()) as before:
        since = before.subscribe("front")["position"]
        cast.a_post(ada)
        before.hear()
        with closing(edge.connect()) as cleo:
            cleo.ask("hello", format="html", language="ko")
            cleo.subscribe("front", since=since)
            assert "<article" in cleo.hear()["html"]["entry"]


@pytest.fixture
def rendered() -> list[str]:
    """The names of the templates rendered meanwhile."""
    names: list[str] = []

    def note(template, **kwargs) -> None:
        names.append(template.name)

    template_rendered.connect(note)
    yield names
    template_rendered.disconnect(note)


def tag_event(kind: str = "tag.updated", data: bytes = b'{"url":"/t/","slug":"t","name":"Tide","version":2}') -> Event:
    return Event(7, kind, "tag.t", ("site", "tag.t"), (), datetime(2026, 11, 20, 9, 0, 0, 123456, UTC), data)


def test_an_event_is_rendered_once_for_all_who_read_alike(rendered: list[str]):
    entry = Entry(tag_event(), "k3f9ab")
    frames = {entry.frame(variant) for variant in (ENGLISH, ENGLISH, ENGLISH, JSON, JSON)}
    assert len(frames) == 2
    assert rendered == list(kinds.get("tag.updated").fragments.values())
    entry.frame(KOREAN)
    assert len(rendered) == 2


def test_the_frame_is_the_protocol_s_to_the_byte():
    assert Entry(tag_event(), "k3f9ab").frame(JSON) == (
        b'{"type":"event","position":"k3f9ab-7","topics":["site","tag.t"],"left":[],"kind":"tag.updated",'
        b'"key":"tag.t","time":"2026-11-20T09:00:00.123Z",'
        b'"data":{"slug":"t","name":"Tide","url":"/t/","version":2}}'
    )


def test_a_scrubbed_event_has_neither_text_nor_fragments(rendered: list[str]):
    entry = Entry(tag_event(), "k3f9ab")
    entry.prepare(ENGLISH)
    entry.scrub()
    assert b"Tide" not in entry.frame(ENGLISH) + entry.frame(JSON)
    assert entry.frame(ENGLISH).endswith(b'"data":{"scrubbed":true},"html":{}}')
    assert b'"data":{"scrubbed":true}}' in Entry(tag_event(data=b'{"scrubbed": true}'), "k3f9ab").frame(JSON)


def test_a_kind_of_a_newer_process_goes_out_as_it_is():
    assert b'"data":{"n": 1}' in Entry(tag_event("tag.painted", b'{"n": 1}'), "k3f9ab").frame(ENGLISH)
    assert b'"data":{"n": 1}' in Entry(tag_event(data=b'{"n": 1}'), "k3f9ab").frame(ENGLISH)
