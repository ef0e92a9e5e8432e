"""Tags as people type them: names between commas; a new name makes a tag."""

import unicodedata
from collections.abc import Iterable

from blog.models import Tag
from blog.models.books import unicode_slug

MAX_NAME_LENGTH = Tag._meta.get_field("name").max_length or 0


class BadTag(ValueError):
    """A name is too long, or no slug can be made of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def parse_names(text: str) -> list[str]:
    """Returns the names in a text, each once, as first spelt: "Python, #web,, python" has Python and web.

    Raises BadTag.
    """
    names: dict[str, str] = {}
    for part in unicodedata.normalize("NFC", text).split(","):
        name = " ".join(part.split()).removeprefix("#").strip()
        if not name:
            continue
        if len(name) > MAX_NAME_LENGTH or not unicode_slug(name):
            raise BadTag(name)
        names.setdefault(unicode_slug(name), name)
    return list(names.values())


def get_or_create_tags(names: Iterable[str]) -> list[Tag]:
    """Returns the tags of these names, by slug: one that exists keeps its name, one that does not is made."""
    wanted = {unicode_slug(name): name for name in names}
    found = {tag.slug: tag for tag in Tag.objects.filter(slug__in=wanted)}
    # get_or_create: another transaction may be making the same tag
    return [
        found.get(slug) or Tag.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        for slug, name in wanted.items()
    ]


def format_names(tags: Iterable[Tag]) -> str:
    """Returns the text of which `parse_names` makes these names, for a form."""
    return ", ".join(tag.name for tag in tags)
