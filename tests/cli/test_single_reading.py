"""No command reads the records of a run twice, however many runs there are, and no later one its predictions."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from tests.comparison.conftest import Runs

from bench_suite.contracts import Interval, MetricRow
from bench_suite.store import record_files
from bench_suite.store.derived import FOLDER
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


# ── predictions ─────────────────────────────────────────────────────────────────────────────────

RANKED = {
    "leaderboard": ("leaderboard",),
    "leaderboard against a model": ("leaderboard", "--reference", "a"),
    "all pairs": ("compare", "--between", "model"),
    "report": ("report",),
    "full report": ("report", "--full"),
    "LaTeX": ("export", "--format", "latex", "--output", "board.tex"),
}


@pytest.fixture
def predicted(bench, tmp_path: Path) -> str:
    """Return the name of a run of three models with stored predictions of 200 examples under two seeds."""
    runs = Runs(tmp_path)
    cells = [
        (runs.cell(seed, model), runs.predictions(share, seed, 200))
        for model, share in (("a", 0.7), ("b", 0.72), ("c", 0.9))
        for seed in (0, 1)
    ]
    return runs.make(cells, gate={}).name


@pytest.fixture
def predictions_read(monkeypatch) -> Counter[str]:
    """Return how often each file of predictions is read."""
    counts: Counter[str] = Counter()
    original = Path.read_bytes

    def counted(path: Path) -> bytes:
        if path.name.startswith("predictions-"):
            counts["/".join(path.parts[-2:])] += 1
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    return counts


@pytest.mark.parametrize("arguments", RANKED.values(), ids=RANKED.keys())
def test_predictions_are_read_once_for_all_commands(bench, predicted, predictions_read, arguments) -> None:
    first = bench(arguments[0], predicted, *arguments[1:])
    assert first.status == 0, first
    assert set(predictions_read.values()) == {1}
    assert len(predictions_read) == 6
    predictions_read.clear()
    second = bench(arguments[0], predicted, *arguments[1:])
    assert not predictions_read
    assert second.out == first.out
    shutil.rmtree(Path("results") / predicted / FOLDER)
    assert bench(arguments[0], predicted, *arguments[1:]).out == first.out
    assert len(predictions_read) == 6


def test_questions_of_one_table_do_not_displace_each_other(bench, predicted, predictions_read) -> None:
    for arguments in RANKED.values():
        bench(arguments[0], predicted, *arguments[1:])
    bench("leaderboard", predicted, "--reference", "best")
    predictions_read.clear()
    for arguments in (*RANKED.values(), ("leaderboard", "--reference", "best")):
        assert bench(arguments[0], predicted, *arguments[1:]).status == 0
        assert not predictions_read, arguments


def test_a_report_reads_none_after_a_leaderboard(bench, predicted, predictions_read) -> None:
    bench("leaderboard", predicted)
    predictions_read.clear()
    assert bench("report", predicted).status == 0
    assert not predictions_read


def test_a_page_reads_the_predictions_that_it_shows_once_and_no_others(bench, predicted, predictions_read) -> None:
    bench("leaderboard", predicted)
    predictions_read.clear()
    assert bench("report", predicted, "--html").status == 0
    page = Path("reports", f"{predicted}.html").read_bytes()
    assert len(predictions_read) == 3, "one for each model"
    assert set(predictions_read.values()) == {1}
    shutil.rmtree(Path("results") / predicted / FOLDER)
    assert bench("report", predicted, "--html").status == 0
    assert Path("reports", f"{predicted}.html").read_bytes() == page


def test_the_end_of_a_run_leaves_what_a_leaderboard_needs(bench, predictions_read) -> None:
    pytest.importorskip("sklearn")
    Path("suite.toml").write_text(
        """
        [[tasks]]
        use = "breast_cancer"
        [[models]]
        use = "logistic_regression"
        [[models]]
        use = "gradient_boosting"
        [matrix]
        seed = [0, 1]
        [probes.quality]
        """
    )
    assert bench("run", "suite.toml").status == 0
    predictions_read.clear()
    assert bench("leaderboard").status == 0
    assert not predictions_read
