"""A directory for the servers that a test starts."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that every account can enter: where root runs the tests, the servers run as `nobody`."""
    directory = Path(tempfile.mkdtemp(prefix="stop-press-live-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
