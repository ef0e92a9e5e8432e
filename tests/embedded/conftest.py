import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that every account can enter; the servers of a root that runs the tests are nobody's."""
    directory = Path(tempfile.mkdtemp(prefix="stop-press-live-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
