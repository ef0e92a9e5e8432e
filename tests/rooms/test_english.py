"""Docstrings say what a thing does: its subject is a thing of the code, or its verb comes first.

ruff's D rules see to it that public modules, classes and functions have one; what they cannot see is here.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
ROOMS = ("realtime", "consumers", "blog", "frontend", "bench")
# A first line that opens so has no subject, or one that nobody can find in the code.
RIDDLES = re.compile(
    r"(Who|Whoever|Whose|Whom|Nobody|Somebody|Anybody|And again|At some|So many|The next so many|Those who|Such"
    r"|Where nobody|What nobody|Of (?!course)|With which|By which|To whom|Here is|There is)\b"
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not {"migrations", "node_modules", "out"} & set(path.relative_to(ROOT).parts):
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text.split("\n", 1)[0]


def test_no_first_line_is_a_riddle():
    found = [(file, line, first) for file, tree in sources() for line, first in docstrings(tree)]
    assert [f"{file}:{line}: {first}" for file, line, first in found if RIDDLES.match(first)] == []


def public_methods(module: object) -> Iterator[tuple[type, str]]:
    """The public methods that classes of a module define, and do not take over from a base."""
    for cls in vars(module).values():
        if not inspect.isclass(cls) or cls.__module__ != module.__name__ or cls.__name__.startswith("_"):
            continue
        for name, member in vars(cls).items():
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            inherited = any(hasattr(base, name) for base in cls.__mro__[1:-1])
            if inspect.isfunction(function) and function.__name__ == name and name[0] != "_" and not inherited:
                yield function, f"{cls.__name__}.{name}"


def modules() -> list[str]:
    paths = [path for room in ("realtime", "consumers") for path in sorted((ROOT / room).rglob("*.py"))]
    paths = [path.relative_to(ROOT).with_suffix("") for path in paths if "migrations" not in path.parts]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("name", modules())
def test_every_public_method_of_the_middle_and_the_edge_says_what_it_does(name: str):
    methods = public_methods(importlib.import_module(name))
    assert [label for function, label in methods if not function.__doc__ and not _is_camel(function.__name__)] == []


def _is_camel(name: str) -> bool:
    """Whether a method is named as Twisted would: it implements an interface of that library's."""
    return bool(re.search(r"[a-z][A-Z]", name))
