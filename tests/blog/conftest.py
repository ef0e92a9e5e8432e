"""The cast, and a browser for each of them."""

from collections.abc import Callable

import pytest
from django.test import Client

from blog.models import User
from tests import cast


@pytest.fixture
def ada(db: None) -> User:
    """A person who may publish, and edit her own posts."""
    return cast.ada()


@pytest.fixture
def ben(db: None) -> User:
    """A person on the staff, who may edit all posts."""
    return cast.ben()


@pytest.fixture
def cleo(db: None) -> User:
    """A person who only reads."""
    return cast.cleo()


@pytest.fixture
def dan(db: None) -> User:
    """A person who writes, and may not publish."""
    return cast.dan()


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """A function that returns a browser in which the person is signed in."""

    def signed_in(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return signed_in
