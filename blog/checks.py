"""System check: a model whose signals publish events has to be saved in a transaction."""

from typing import Any

from django.core.checks import CheckMessage, Error

from blog import signals
from blog.announced import Announced


def check_announced(**kwargs: Any) -> list[CheckMessage]:
    """Reports models that publish and are not Announced: they would commit before a handler can refuse."""
    return [
        Error(
            f"{model.__name__} has announcing signal handlers, but is not an Announced model.",
            hint="Derive it from blog.announced.Announced.",
            id="blog.E001",
        )
        for model in signals.senders
        if not issubclass(model, Announced)
    ]
