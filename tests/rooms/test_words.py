"""One word has one meaning, and what was given up does not come back."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.rooms import retired_names

ROOT = Path(settings.BASE_DIR)
ROOMS = ("realtime", "blog", "consumers", "frontend")

# Public names that more than one module defines, each with its reason.
SHARED = {
    "Command": "Django asks for this name in each command",
    "Event": "a row of the log: the table, and what is read of it",
    "Hello": "the frame of that name, as a client sends it and as the server answers it",
    "register": "fills the registry of its module; called with the module's name",
    "trim": "what is trimmed, and the Celery task that does it on schedule",
}


def modules(room: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        if not {"migrations", "node_modules"} & set(path.parts):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def functions_of(body: list[ast.stmt]) -> list[str]:
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def constants_of(body: list[ast.stmt]) -> list[str]:
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [each.id.lstrip("_") for each in flat if isinstance(each, ast.Name) and each.id.isupper()]


def classes_of(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize("folder", retired_names.FILES)
def test_no_file_has_a_retired_name(folder: str):
    assert [name for name in retired_names.FILES[folder].split() if (ROOT / folder / name).exists()] == []


@pytest.mark.parametrize("room", retired_names.CLASSES)
def test_no_class_has_a_retired_name(room: str):
    retired = set(retired_names.CLASSES[room].split())
    found = [
        f"{path}: {each.name}" for path, tree in modules(room) for each in classes_of(tree) if each.name in retired
    ]
    assert found == []


def test_no_method_has_a_retired_name():
    retired = set(retired_names.METHODS.split())
    found = [
        f"{path}: {each.name}.{method}"
        for room in ROOMS
        for path, tree in modules(room)
        for each in classes_of(tree)
        for method in functions_of(each.body)
        if f"{each.name}.{method}" in retired
    ]
    assert found == []


@pytest.mark.parametrize("room", retired_names.FUNCTIONS)
def test_no_function_has_a_retired_name(room: str):
    retired = set(retired_names.FUNCTIONS[room].split())
    found = [f"{path}: {name}" for path, tree in modules(room) for name in functions_of(tree.body) if name in retired]
    assert found == []


@pytest.mark.parametrize("room", retired_names.CONSTANTS)
def test_no_constant_has_a_retired_name(room: str):
    retired = set(retired_names.CONSTANTS[room].split())
    found = [f"{path}: {name}" for path, tree in modules(room) for name in constants_of(tree.body) if name in retired]
    assert found == []


def test_a_public_name_is_defined_in_one_module_or_has_a_reason():
    places: dict[str, list[str]] = defaultdict(list)
    for room in ROOMS:
        for path, tree in modules(room):
            for name in {
                *functions_of(tree.body),
                *(each.name for each in tree.body if isinstance(each, ast.ClassDef)),
            }:
                if not name.startswith("_"):
                    places[name].append(str(path))
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in several.items() if name not in SHARED} == {}
    assert [name for name in SHARED if name not in several] == [], "a reason without a case"
