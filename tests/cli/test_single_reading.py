"""No command reads the records of a run twice, however many runs there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench_suite.contracts import Interval, MetricRow
from bench_suite.store import record_files
from bench_suite.store.index import FILE

RUNS = 12
COMMANDS = {
    "results": ("results",),
    "leaderboard of the newest": ("leaderboard",),
    "history": ("history", "quality/accuracy"),
    "report": ("report",),
    "full report": ("report", "--full"),
    "page": ("report", "--html"),
}


@pytest.fixture
def runs(bench, history_runs, monkeypatch) -> list[str]:
    """Return the names of runs, each large enough for an index."""
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    names = []
    for number in range(RUNS):
        value = 0.8 + 0.01 * (number % 3)
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=Interval(value - 0.1, value + 0.1))
        names.append(history_runs.add([row], seeds=(0, 1)).name)
    return names


@pytest.fixture
def openings(monkeypatch) -> Counter[str]:
    """Return how often each file of records and each index is opened."""
    counts: Counter[str] = Counter()
    original = Path.open

    def counted(path: Path, mode: str = "r", *args, **options):
        if "r" in mode and (path.suffix == ".jsonl" or path.name == Path(FILE).name):
            counts["/".join(path.parts[-3:])] += 1
        return original(path, mode, *args, **options)

    monkeypatch.setattr(Path, "open", counted)
    return counts


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
def test_each_file_of_records_and_each_index_is_opened_once(bench, runs, openings, arguments) -> None:
    for index in ("is missing", "is there"):
        openings.clear()
        assert bench(*arguments).status == 0
        assert {name: count for name, count in openings.items() if count > 1} == {}, f"the index {index}"
        assert any(name.endswith(".jsonl") for name in openings)


def test_many_runs_are_read_once_by_a_leaderboard_and_a_comparison(bench, runs, openings) -> None:
    for arguments in (("leaderboard", *runs), ("report", *runs[-2:]), ("compare", *runs[-2:])):
        openings.clear()
        bench(*arguments)
        assert set(openings.values()) == {1}, arguments
