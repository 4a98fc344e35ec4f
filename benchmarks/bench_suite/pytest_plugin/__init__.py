"""The pytest plugin: `pytest suites/ci.toml` collects the cells of a suite as tests, and its gates as their assertions.

Every pytest in an environment with this package loads this module. So it has the hooks only, and imports the rest when
a suite is collected.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from bench_suite.pytest_plugin.collection import SuiteFile

SUFFIX = ".toml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `bench run` that a suite under pytest has."""
    group = parser.getgroup("bench", "suites of bench-suite (pytest SUITE.toml)")
    group.addoption("--bench-trust", action="store_true", help="Allow suites to run the Python files that they name.")
    group.addoption(
        "--bench-against", metavar="BASE",
        help="Compare each run with BASE and test the tolerances of [gate]: a run, baseline, latest, or last:5.",
    )  # fmt: skip
    group.addoption(
        "--bench-set", metavar="KEY=VALUE", action="append", default=[],
        help="Change a value of the suites, as bench run --set does. Repeatable.",
    )  # fmt: skip
    group.addoption(
        "--bench-results", metavar="FOLDER", default=os.environ.get("BENCH_RESULTS") or "results",
        help="Folder that stores the runs (default: results).",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Refuse suites in several processes of pytest-xdist, which would make a run each.

    Raises:
        pytest.UsageError: a suite is named, and pytest-xdist is on.
    """
    if config.getoption("dist", "no") == "no" or hasattr(config, "workerinput"):
        return
    if any(argument.partition("::")[0].endswith(SUFFIX) for argument in config.args):
        import pytest

        raise pytest.UsageError(
            "a suite is one run, which pytest-xdist would split: leave out -n\n"
            "to train in several processes: --bench-set run.jobs=2"
        )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Collect a suite; files that are not named on the command line (or in `testpaths`) are never collected."""
    if file_path.suffix != SUFFIX or not parent.session.isinitpath(file_path):
        return None
    from bench_suite.pytest_plugin.collection import SuiteFile

    suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    return suite
