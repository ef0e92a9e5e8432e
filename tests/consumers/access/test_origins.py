"""Which pages may open a socket: exactly the site's own, and those that the operator listed."""

from collections.abc import Callable
from contextlib import closing

import pytest

from consumers.access import origins
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader


def scope(origin: str | None = None, host: str = "news.example.org", scheme: str = "ws") -> dict:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin is not None else [])
    return {"type": "websocket", "scheme": scheme, "headers": headers}


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (scope(None), True),
        (scope("http://news.example.org"), True),
        (scope("http://news.example.org:80"), True),
        (scope("http://NEWS.example.org"), True),
        (scope("https://news.example.org"), False),
        (scope("https://news.example.org", scheme="wss"), True),
        (scope("http://news.example.org:8000"), False),
        (scope("http://localhost:8000", host="localhost:8000"), True),
        (scope("http://[::1]:8000", host="[::1]:8000"), True),
        (scope("http://example.org"), False),
        (scope("http://evil.news.example.org"), False),
        (scope("http://news.example.org.evil.example"), False),
        (scope("null"), False),
        (scope(""), False),
        (scope("http://news.example.org:port"), False),
        (scope("http://[news"), False),
        (scope("http://friend.example"), False),
    ],
)
def test_the_request_s_own_where_the_site_has_no_public_url(settings, asked: dict, allowed: bool):
    settings.PUBLIC_URL, settings.ORIGINS = "", []
    assert origins.is_allowed(asked) is allowed


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (scope("https://news.example.org", host="127.0.0.1:8000"), True),
        (scope("http://127.0.0.1:8000", host="127.0.0.1:8000"), False),
        (scope("https://friend.example"), True),
        (scope("http://friend.example"), False),
    ],
)
def test_the_public_url_s_and_those_listed(settings, asked: dict, allowed: bool):
    settings.PUBLIC_URL, settings.ORIGINS = "https://news.example.org", ["https://friend.example"]
    assert origins.is_allowed(asked) is allowed


def test_a_page_of_the_site_is_welcome(edge: Edge):
    with closing(edge.connect(origin=edge.origin)) as cleo:
        assert cleo.pong()


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_is_closed_before_it_hears_anything(edge: Edge, origin: str):
    with closing(Reader(edge.url, origin=origin)) as reader:
        assert reader.end() == (4503, "This origin may not open sockets here.")
        assert reader.heard == 0


def test_the_operator_s_list_comes_from_the_environment(start_edge: Callable[..., Edge]):
    edge = start_edge(ORIGINS="https://friend.example")
    with closing(edge.connect(origin="https://friend.example")) as cleo:
        assert cleo.pong()
    edge.stop()
