"""The cast, and a browser for each of them."""

from collections.abc import Callable

import pytest
from django.test import Client

from blog.models import User
from tests import cast


@pytest.fixture
def ada(db: None) -> User:
    """Writes: may publish, and edit what is hers."""
    return cast.ada()


@pytest.fixture
def ben(db: None) -> User:
    """Edits everybody's posts, and is staff."""
    return cast.ben()


@pytest.fixture
def cleo(db: None) -> User:
    """Only reads."""
    return cast.cleo()


@pytest.fixture
def dan(db: None) -> User:
    """Writes, and leaves publishing to others."""
    return cast.dan()


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """A browser in which somebody has signed in."""

    def signed_in(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return signed_in
