"""System checks for mistakes that django-pipeline drops in silence: a mistyped source, an unknown package."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import Error, Tags, register

from frontend.node import FRONTEND

TEMPLATES = FRONTEND / "templates"
PIPELINE_KEYS = {"stylesheet": "STYLESHEETS", "javascript": "JAVASCRIPT"}
TAG = re.compile(r"""{%\s*(stylesheet|javascript)\s+["']([^"']+)["']\s*%}""")


@register(Tags.staticfiles)
def check_sources(**_: Any) -> list[Error]:
    """Reports the source files of packages that do not exist."""
    return [
        Error(
            f"PIPELINE['{kind}']['{name}'] names {source!r}, and there is no such static file.",
            hint="django-pipeline would leave it out of the bundle without a word.",
            id="frontend.E001",
        )
        for kind in PIPELINE_KEYS.values()
        for name, package in settings.PIPELINE.get(kind, {}).items()
        for source in package["source_filenames"]
        if not finders.find(source)
    ]


@register(Tags.templates)
def check_packages(**_: Any) -> list[Error]:
    """Reports the packages that templates use and PIPELINE does not define."""
    return [
        Error(
            f"{path.relative_to(TEMPLATES)} uses the {tag} package {name!r},"
            f" which PIPELINE['{PIPELINE_KEYS[tag]}'] lacks.",
            hint="django-pipeline would render nothing in its place.",
            id="frontend.E002",
        )
        for path, tag, name in _packages_used(TEMPLATES)
        if name not in settings.PIPELINE.get(PIPELINE_KEYS[tag], {})
    ]


def _packages_used(templates: Path) -> Iterator[tuple[Path, str, str]]:
    for path in sorted(templates.rglob("*.html")):
        for tag, name in TAG.findall(path.read_text()):
            yield path, tag, name
