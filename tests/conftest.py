"""Settings of all tests: fixed property examples, and the tests that share a worker process.

A failure is then caused by the change under test and not by chance; `tox -e explore` tries new examples each time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

TESTS = Path(__file__).parent
SHARED = ("frame", "probes/attribution")
"Folders whose files share session fixtures that take long to make: one worker runs all of them (`--dist loadgroup`)."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests of a file, or of a folder in `SHARED`, so that one worker creates their fixtures once."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        group = next((folder for folder in SHARED if path.startswith(f"{folder}/")), path)
        item.add_marker(pytest.mark.xdist_group(group))
