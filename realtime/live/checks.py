"""System checks: declarations with mistakes that would show only later, or never."""

import string
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db.models import Model
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from realtime.errors import BadTopic
from realtime.live.announced import Announced
from realtime.live.declaration import Live, related_models
from realtime.live.receivers import senders
from realtime.live.registry import declared
from realtime.topics import normal

TOPIC_HINT = "Letters, digits, '.', '-' and '_'; a field of the State in braces."


def check_announced(**kwargs: Any) -> list[CheckMessage]:
    """Finds models that announce, but would commit before a receiver can refuse."""
    return [
        Error(
            f"{model.__name__} has announcing signal receivers, but is not an Announced model.",
            hint="Derive it from realtime.live.Announced.",
            id="realtime.E003",
        )
        for model in senders
        if not issubclass(model, Announced)
    ]


def check_declarations(**kwargs: Any) -> list[CheckMessage]:
    """Finds what a declaration names and what is not there."""
    return [message for live in declared() for message in mistakes(live)]


def mistakes(live: Live) -> Iterator[CheckMessage]:
    """Yields an error for each mistake in one declaration."""
    name = type(live).__name__
    for field in _unknown_fields(live):
        hint = f"Name it as a field of {live.model.__name__}, or override state_of()."
        yield Error(f"{name}.State.{field} is nothing of the model.", hint=hint, id="realtime.E004")
    for field in _undeclared_parts(live):
        hint = "Declare that model too: what is shown inside another is locked with it, and renamed everywhere."
        yield Error(f"{name}.State.{field} shows a model that is not declared.", hint=hint, id="realtime.E005")
    for template in {each for kind in live.kinds() for each in kind.fragments.values()}:
        try:
            get_template(template)
        except TemplateDoesNotExist:
            yield Error(f"{name}: there is no template {template}.", id="realtime.E006")
    if live.own_relations and live.id_field != "pk":
        yield Error(f"{name} has relations, but no primary key in its keys.", id="realtime.E008")
    known = {field.name for field in fields(live.State)}
    for topic in live.topics:
        if not _is_topic(topic):
            yield Error(f"{name}: {topic!a} is not a topic.", hint=TOPIC_HINT, id="realtime.E007")
            continue
        for _, member, _, _ in string.Formatter().parse(topic):
            if member and member.partition(".")[0] not in known:
                yield Error(f"{name}: the topic {topic} names nothing of the State.", id="realtime.E007")
    if "version" not in known:
        hint = "Add `version: int`; it is filled in. Clients know by it which of two events is the newer one."
        yield Error(f"{name}.State has no version.", hint=hint, id="realtime.E010")
    for field in _untold_relations(live):
        hint = "Name it in relations: a page that shows it would not hear of its changes."
        yield Error(f"{name}.State.{field} is a many-to-many field that is not told of.", hint=hint, id="realtime.E009")


def _is_topic(topic: str) -> bool:
    """Returns whether the topic is one when its braces are filled in."""
    try:
        normal(
            "".join(
                text + ("x" if member is not None else "") for text, member, _, _ in string.Formatter().parse(topic)
            )
        )
    except (BadTopic, ValueError):  # ValueError: a brace that is not closed
        return False
    return True


def _untold_relations(live: Live) -> Iterator[str]:
    if _is_overridden(live, "state_of"):
        return
    told = {relation.name for relation in live.own_relations}
    many = {field.name for field in live.model._meta.many_to_many}
    yield from (field.name for field in fields(live.State) if live.sources.get(field.name, field.name) in many - told)


def _is_overridden(live: Live, method: str) -> bool:
    return getattr(type(live), method) is not getattr(Live, method)


def _unknown_fields(live: Live) -> Iterator[str]:
    if _is_overridden(live, "state_of") or _is_overridden(live, "build_events"):
        return
    for field in fields(live.State):
        source = live.sources.get(field.name, field.name)
        there = "get_absolute_url" if source == "url" else source
        if source != "version" and not _has(live.model, there):
            yield field.name


def _has(model: type[Model], name: str) -> bool:
    return name in {field.name for field in model._meta.get_fields()} or getattr(model, name, None) is not None


def _undeclared_parts(live: Live) -> Iterator[str]:
    if not _is_overridden(live, "state_of"):
        yield from (name for name in related_models(live) if name not in live.embedded)
