"""What docs/architecture.md and CONTRIBUTING.md name is there."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = {name: (ROOT / name).read_text() for name in ("docs/architecture.md", "CONTRIBUTING.md")}
FOLDERS = "realtime|blog|consumers|frontend|tests|docs|bench|deploy"
NAMED = re.compile(rf"(?<![\w/])((?:{FOLDERS})/[\w./-]+\.(?:py|js|md|html)):([A-Za-z_][\w.]*)")
PATH = re.compile(rf"(?<![\w/])((?:{FOLDERS})/[\w./-]*\w/?)")
MAX_GLOSSARY_WORDS = 20


def definitions(path: Path) -> set[str]:
    """Classes, their methods as `Class.method`, functions and module-level names of a Python file."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {node.name, *(f"{node.name}.{method}" for method in methods)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_there_is_something_to_check():
    assert len(NAMED.findall(PAGES["docs/architecture.md"])) > 15


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_is_named_is_there(page: str):
    named = [(file, name.rstrip(".")) for file, name in NAMED.findall(PAGES[page])]
    assert [f"{file}:{name}" for file, name in named if name not in definitions(ROOT / file)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_is_there(page: str):
    paths = {path for path in PATH.findall(PAGES[page]) if "…" not in path}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_the_glossary_stays_short():
    glossary = PAGES["docs/architecture.md"].partition("## Glossary")[2].partition("\n## ")[0]
    assert 10 < len(re.findall(r"^\| (?!word)[a-z ]+ \| ", glossary, re.MULTILINE)) <= MAX_GLOSSARY_WORDS
