"""A leaderboard from Python: the tables of the command, as values, as text, as a frame, and in a notebook."""

import runpy
from pathlib import Path

import pytest

import bench_suite
from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.ranking import Leaderboard
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.atomic import StoreError

ROOT = Path(__file__).parents[2]
check = runpy.run_path(str(ROOT / "tests" / "frame_documentation.py"))["check"]


@pytest.fixture
def two_models(make_run, record):
    """Return a run of two models that differ."""
    cells = [("good", 0.9), ("bad", 0.6)]
    return make_run(*(record(model=model, seed=seed, accuracy=value) for model, value in cells for seed in (0, 1)))


def test_it_prints_and_writes_what_the_command_does(two_models, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    board = bench_suite.leaderboard(two_models)
    assert str(board) == terminal_table([two_models], 100)
    assert board.markdown() == board._repr_markdown_() == leaderboard([two_models])
    assert repr(board) == "<Leaderboard: 1 tables of 1 runs>"
    assert [row.label for row in board.tables[0].rows] == ["good", "bad"]


def test_the_frame_has_a_row_for_each_value(two_models) -> None:
    frame = bench_suite.leaderboard(two_models, reference="bad").frame()
    check(frame, Leaderboard.frame)
    accuracy = frame[(frame.metric == "quality/accuracy") & (frame.reference == "")].set_index("model")
    assert accuracy["rank"].to_dict() == {"good": 1, "bad": 2}
    assert accuracy.value.to_dict() == pytest.approx({"good": 0.9, "bad": 0.6})
    assert accuracy.low["good"] < 0.9 < accuracy.high["good"]
    assert accuracy.seeds.tolist() == [2, 2]
    difference = frame[(frame.metric == "quality/accuracy") & (frame.reference == "bad")].set_index("model")
    assert difference.value["good"] == pytest.approx(0.3)


def test_the_frame_of_all_results_is_documented() -> None:
    board = bench_suite.leaderboard(results=ROOT / "results")
    check(board.frame(), Leaderboard.frame)
    check(Leaderboard.of([]).frame(), Leaderboard.frame)
    assert [note for note in board.notes if "no complete run yet" in note]


def test_runs_are_given_as_runs_or_names(two_models) -> None:
    folder = two_models.path.parent
    for runs in (None, two_models.name, [two_models.name], two_models.path, [two_models]):
        assert [run.name for run in bench_suite.leaderboard(runs, results=folder).runs] == [two_models.name]
    with pytest.raises(StoreError, match="holds no run that can be ranked"):
        bench_suite.leaderboard(results=folder / "none")
    with pytest.raises(ComparisonError, match="there is no such model"):
        bench_suite.leaderboard(two_models, reference="nobody")


def test_a_notebook_shows_the_tables_and_nothing_of_a_run_as_html(hostile_run, two_models, html_text) -> None:
    assert "good" in html_text(bench_suite.leaderboard(two_models)._repr_html_())
    text = html_text(Leaderboard.of([hostile_run], notes=[hostile_run.info["title"]])._repr_html_())
    assert "<script>alert(2)</script>" in text


def test_a_smoke_run_is_shown_alone_and_left_out_beside_others(make_run, record, two_models) -> None:
    smoke = make_run(record(smoke=True, model="quick"), smoke=True)
    assert bench_suite.leaderboard([smoke, two_models]).runs == (two_models,)
    assert "not ranked" in str(bench_suite.leaderboard(smoke))
    assert bench_suite.leaderboard(smoke).frame()["rank"].isna().all()
