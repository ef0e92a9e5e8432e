"""What is not in the docs does not exist."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from consumers import closes
from realtime import kinds

ROOT = Path(settings.BASE_DIR)
DOCS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
OURS = {"realtime", "blog", "consumers", "frontend"}


def environment() -> set[str]:
    """The variables that settings.py reads."""
    source = (ROOT / "realtime" / "settings.py").read_text()
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    read = [call.args[0] for call in calls if re.match(r"env\.[a-z]+$", ast.unparse(call.func)) and call.args]
    return {name.value for name in read if isinstance(name, ast.Constant)}


def test_every_kind_is_in_the_protocol():
    assert [kind.name for kind in kinds.all_kinds() if f"`{kind.name}`" not in DOCS["protocol"]] == []


def test_every_variable_is_in_running():
    assert sorted(name for name in environment() if f"`{name}`" not in DOCS["running"]) == []


def test_every_command_is_somewhere():
    ours = [name for name, room in get_commands().items() if room in OURS]
    everything = "\n".join(DOCS.values()) + (ROOT / "README.md").read_text()
    assert [name for name in ours if not re.search(rf"manage\.py {name}\b", everything)] == []


def test_every_close_code_is_in_the_protocol():
    assert [code for code in closes.Close if str(int(code)) not in DOCS["protocol"]] == []


@pytest.mark.parametrize("page", [*sorted(DOCS), "README"])
def test_no_link_leads_nowhere(page):
    path = ROOT / ("README.md" if page == "README" else f"docs/{page}.md")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
