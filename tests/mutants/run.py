"""Mutation testing of `stats/`, `comparison/` and `store/`: does a small fault there fail a test?

`tox -e mutants` copies the package and the fast tests of those rooms into a folder in mutmut's layout (`src/`). It
draws a sample of all mutants from a fixed seed and runs each against the tests that reach it. Lines that raise an error
or begin with a text are not mutated, since most of their words are for people. A mutant that no test reaches counts as
survived. `equivalent.txt` names the survivors that change no observable behaviour, each with its reason and the hash of
its function, so that an entry does not hold for a changed function; they count as neither killed nor survived. The exit
status is 1 if fewer than 85 % are killed, or if the function of an entry has changed.

    tox -e mutants                      # the sample of 1,000
    tox -e mutants -- --sample 100 --rooms stats
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
ROOMS = ("stats", "comparison", "store")
MIN_KILLED = 0.85
CONFIG = """
[tool.mutmut]
source_paths = ["src/"]
only_mutate = [{rooms}]
also_copy = ["tests/"]
pytest_add_cli_args = ["-x", "-q", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = [{tests}]
do_not_mutate_patterns = ['^\\s*raise ', '^\\s*f?"']
timeout_multiplier = 10.0
timeout_constant = 5.0
track_dependencies = false
use_git_change_detection = false

[tool.pytest.ini_options]
addopts = "--strict-markers --import-mode=importlib -m 'not slow and not perf'"
markers = ["slow: slow", "perf: perf"]
pythonpath = ["src"]
"""


def lay_out(folder: Path, rooms: tuple[str, ...]) -> None:
    """Copy package and tests into `folder` in mutmut's layout, with its configuration."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "benchmarks" / "bench_suite", folder / "src" / "bench_suite", ignore=ignored)
    for name in ("comparison", "stats", "store"):
        shutil.copytree(ROOT / "tests" / name, folder / "tests" / name, ignore=ignored)
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests" / "conftest.py")
    files = ", ".join(f'"src/bench_suite/{room}/*.py"' for room in rooms)
    tests = ", ".join(f'"tests/{room}"' for room in ROOMS)
    (folder / "pyproject.toml").write_text(CONFIG.format(rooms=files, tests=tests), encoding="utf-8")


def mutmut(folder: Path, *arguments: str) -> int:
    """Run mutmut in `folder`, its progress on the terminal; return its exit status."""
    environment = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=folder, env=environment, check=False
    ).returncode


def metadata(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return what mutmut has written about each module: the module's name and the content of its file."""
    root = folder / "mutants" / "src"
    return [
        (
            ".".join(file.relative_to(root).with_suffix("").with_suffix("").parts),
            json.loads(file.read_text(encoding="utf-8")),
        )
        for file in sorted(root.rglob("*.meta"))
    ]


def results(folder: Path) -> dict[str, int | None]:
    """Return the exit status of the tests for each mutant; None for a mutant that did not run."""
    statuses: dict[str, int | None] = {}
    for _, content in metadata(folder):
        statuses |= content["exit_code_by_key"]
    return statuses


def function_hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each function's source, by module and function as in the names of its mutants."""
    return {
        f"{module}.{function}": value
        for module, content in metadata(folder)
        for function, value in content["hash_by_function_name"].items()
    }


def equivalents() -> dict[str, tuple[str, str]]:
    """Return the hash of the function and the reason for each mutant in `equivalent.txt`."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    entries = (line.split("  ", 2) for line in lines if line.strip() and not line.startswith("#"))
    return {name: (value, reason.strip()) for name, value, reason in entries}


def main() -> int:
    """Run the sample and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=1000, help="number of mutants; default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the draw; default: 0")
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS, help="default: all three")
    parser.add_argument("--folder", type=Path, default=ROOT / ".tox" / "mutants-work", help="where to work")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    folder: Path = options.folder
    lay_out(folder, tuple(options.rooms))
    # mutmut writes all mutants before it runs any; a name without a match makes it stop after that.
    mutmut(folder, "run", "--max-children", str(options.processes), "no.such.mutant")
    names = sorted(results(folder))
    known = {name: entry for name, entry in equivalents().items() if name.split(".")[1] in options.rooms}
    hashes = function_hashes(folder)
    if stale := [name for name, (value, _) in known.items() if hashes.get(name.rpartition("__mutmut_")[0]) != value]:
        print("The functions of these mutants in equivalent.txt have changed: read the mutants again "
              "(`mutmut show NAME`), and remove them or state the new hash.",
              *(f"  {name}  {hashes.get(name.rpartition('__mutmut_')[0])}" for name in stale), sep="\n")  # fmt: skip
        return 1
    drawn = sorted(random.Random(options.seed).sample(names, min(options.sample, len(names))))
    print(
        f"{len(names)} mutants of {', '.join(options.rooms)}; {len(drawn)} drawn with seed {options.seed}", flush=True
    )
    mutmut(folder, "run", "--max-children", str(options.processes), *drawn)
    statuses = results(folder)
    survived = [name for name in drawn if statuses[name] in (0, 5, 33, None)]
    equivalent = [name for name in survived if name in known]
    rest = [name for name in survived if name not in known]
    counted = len(drawn) - len(equivalent)
    by_room = collections.Counter(name.split(".")[1] for name in rest)
    print("\nEquivalent, by equivalent.txt:", *(f"  {name}  {known[name][1]}" for name in equivalent), sep="\n")
    print("\nSurvived:", *(f"  {name}" for name in rest), sep="\n")
    killed = 1 - len(rest) / counted
    print(f"\nkilled {counted - len(rest)} of {counted} ({killed:.1%}); survived by room: {dict(by_room)}; "
          f"equivalent: {len(equivalent)}")  # fmt: skip
    return 0 if killed >= MIN_KILLED else 1


if __name__ == "__main__":
    sys.exit(main())
