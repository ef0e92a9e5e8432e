"""Tags as people type them: names between commas, made when they are new."""

import unicodedata
from collections.abc import Iterable

from blog.models import Tag
from blog.models.books import unicode_slug

LONGEST = Tag._meta.get_field("name").max_length or 0


class BadTag(ValueError):
    """A name that no address can be made of, or that is too long."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def names_in(text: str) -> list[str]:
    """`"Python, #web,, python"` names Python and web: each once, as first spelt. Raises BadTag."""
    names: dict[str, str] = {}
    for part in unicodedata.normalize("NFC", text).split(","):
        name = " ".join(part.split()).removeprefix("#").strip()
        if not name:
            continue
        if len(name) > LONGEST or not unicode_slug(name):
            raise BadTag(name)
        names.setdefault(unicode_slug(name), name)
    return list(names.values())


def tags_named(names: Iterable[str]) -> list[Tag]:
    """The tags of these names, by slug: one that exists keeps its name, one that does not is made."""
    wanted = {unicode_slug(name): name for name in names}
    found = {tag.slug: tag for tag in Tag.objects.filter(slug__in=wanted)}
    # get_or_create: another post may be making the same tag at this moment
    return [
        found.get(slug) or Tag.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        for slug, name in wanted.items()
    ]


def as_text(tags: Iterable[Tag]) -> str:
    """The inverse of `names_in`, for a form."""
    return ", ".join(tag.name for tag in tags)
