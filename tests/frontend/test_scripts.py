"""Which scripts a page loads: everybody's, and the desk's where people write."""

import re

import pytest
from django.test import Client

from tests import cast

pytestmark = pytest.mark.django_db


def scripts(client: Client, address: str) -> list[str]:
    """The bundles that a page names, in the order in which browsers run them."""
    response = client.get(address)
    assert response.status_code == 200
    return re.findall(r'<script type="module" src="/static/js/(\w+)\.[0-9a-f]+\.js">', response.content.decode())


@pytest.mark.parametrize("address", ["/", "/books/", "/sign-in/"])
def test_readers_load_one_script(client, address):
    assert scripts(client, address) == ["reader"]


def test_writers_load_the_desk_bundle_after_the_readers_where_they_write_and_nowhere_else(client):
    ada = cast.ada()
    post = cast.a_post(ada)
    client.force_login(ada)
    for address in ("/desk/", "/post/new/", f"/post/{post.pk}/edit/"):
        assert scripts(client, address) == ["reader", "desk"]
    for address in ("/", f"/post/{post.pk}/"):
        assert scripts(client, address) == ["reader"]
