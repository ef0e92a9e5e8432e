"""The docs name every kind, setting, metric, command, code and link of the code."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from consumers import metrics, metrics_view
from consumers.wire import close_codes
from realtime import errors, kinds
from realtime.live import declared

ROOT = Path(settings.BASE_DIR)
DOCS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
OURS = {"realtime", "blog", "consumers", "frontend"}


def environment() -> set[str]:
    """Returns the variables that settings.py reads."""
    source = (ROOT / "realtime" / "settings.py").read_text()
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    read = [call.args[0] for call in calls if re.match(r"env\.[a-z]+$", ast.unparse(call.func)) and call.args]
    return {name.value for name in read if isinstance(name, ast.Constant)}


def test_every_kind_is_in_the_protocol():
    """Those of the product: the tests have a guest book of their own."""
    of_tests = {kind.name for live in declared() if live.__module__.startswith("tests.") for kind in live.kinds()}
    names = {kind.name for kind in kinds.all_kinds()} - of_tests
    assert sorted(name for name in names if f"`{name}`" not in DOCS["protocol"]) == []


def test_every_variable_is_in_running():
    assert sorted(name for name in environment() if f"`{name}`" not in DOCS["running"]) == []


def test_every_variable_that_is_read_without_the_settings_is_in_running():
    """Before there are settings, or where the programs of the tests and of bench/ have none."""
    sources = [path.read_text() for path in (ROOT / "realtime" / "embedded").glob("*.py")]
    read = {name for text in sources for name in re.findall(r'os\.environ\.get\("(\w+)"', text)}
    assert {"CHROMIUM", "POSTGRES_BIN"} <= read
    assert [name for name in sorted(read) if f"`{name}`" not in DOCS["running"]] == []


LIMITS = sorted(name for name in environment() if re.match("LIVE_(MAX|.*SECONDS)", name))


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_has_its_default_in_running_and_its_reason_in_limits(name: str):
    told = re.search(rf"^\| `{name}` \| `([^`]*)` \|", DOCS["running"], re.MULTILINE)
    assert told, "with its default"
    assert float(told[1]) == getattr(settings, name)
    assert f"`{name}` |" in DOCS["limits"]


def test_every_metric_is_in_limits():
    told = set(re.findall(r"`stop_press_(\w+)(?:\{code\})?`", DOCS["limits"]))
    counted = {f"{field.name}_total" for field in fields(metrics.counters)}
    gauges, histograms = metrics_view.gauges(), metrics_view.HISTOGRAMS
    assert told == counted | {name for name, *_ in gauges} | {name for name, *_ in histograms}


def test_every_refusal_is_in_the_protocol():
    """The codes of answers over HTTP, of `error` frames and of refused topics."""
    sources = [path.read_text() for path in (ROOT / "consumers").rglob("*.py")]
    codes = {code for text in sources for code in re.findall(r'Refusal\(\s*\d+, "([a-z-]+)"', text)}
    codes |= {error.code for error in (errors.BadPosition, errors.BadTicket, errors.BadTopic)} | {"bad-message"}
    assert {"too-fast", "too-many", "bad-method", "log-away"} < codes
    assert [code for code in sorted(codes) if f"`{code}`" not in DOCS["protocol"]] == []


def test_every_command_is_somewhere():
    ours = [name for name, room in get_commands().items() if room in OURS]
    everything = "\n".join(DOCS.values()) + (ROOT / "README.md").read_text()
    assert [name for name in ours if not re.search(rf"manage\.py {name}\b", everything)] == []


def test_every_close_code_is_in_the_protocol():
    assert [code for code in close_codes.CloseCode if str(int(code)) not in DOCS["protocol"]] == []


@pytest.mark.parametrize("page", [*sorted(DOCS), "README"])
def test_no_link_leads_nowhere(page):
    path = ROOT / ("README.md" if page == "README" else f"docs/{page}.md")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
