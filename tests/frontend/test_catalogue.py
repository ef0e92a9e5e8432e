"""No sentence of the interface falls back to English."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.utils.translation import override
from django.utils.translation.template import templatize

from frontend.node import FRONTEND

KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "ngettext_lazy": (1, 2), "pgettext_lazy": ((1, "c"), 2)}
CALL = re.compile(r"""\b(?:n?p?gettext|_)\((?:[^()'"]|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")*\)""")
ROOMS = ("blog", "realtime", "consumers", "frontend")


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted((FRONTEND / "templates").rglob("*.html")):
        # what stands between the calls is not Python
        yield path, "\n".join(CALL.findall(templatize(path.read_text(), origin=str(path))))
    for room in ROOMS:
        for path in sorted((Path(settings.BASE_DIR) / room).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path, path.read_text()


def messages_in_use() -> dict[tuple[str | None, str], str]:
    """Every message in use, and a file that uses it."""
    found = {}
    for path, code in sources():
        for _, message, _, context in extract("python", BytesIO(code.encode()), KEYWORDS):
            found[context, message[0] if isinstance(message, tuple) else message] = path.name
    return found


def catalogue(language: str):
    with (FRONTEND / "locale" / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file)


def test_every_message_in_use_is_translated():
    assert len(messages_in_use()) > 150
    korean = catalogue("ko")
    missing = {
        f"{message} ({where})"
        for (context, message), where in messages_in_use().items()
        if (entry := korean.get(message, context)) is None or not entry.string or entry.fuzzy
    }
    assert not missing


def test_a_translation_keeps_the_places_where_values_stand():
    for message in catalogue("ko"):
        if not message.id:
            continue
        one = message.id[0] if message.pluralizable else message.id
        translation = message.string[0] if message.pluralizable else message.string
        assert set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", translation)) == set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", one))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_name_of_its_own_in_each_language(room):
    with override("en"):
        english = str(apps.get_app_config(room).verbose_name)
    with override("ko"):
        korean = str(apps.get_app_config(room).verbose_name)
    assert len({room.title(), english, korean}) == 3


def test_korean_has_one_form_for_every_number():
    assert catalogue("ko").num_plurals == 1
