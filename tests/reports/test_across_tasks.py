"""Models across the tasks of a leaderboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.across_tasks import MAX_MODELS, about, across_tasks, as_markdown, as_text
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.markdown import report
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

Make = Callable[..., Run]
MakeRecord = Callable[..., Record]


def test_models_that_all_tasks_have_are_summarised(make_run: Make, record: MakeRecord) -> None:
    shares = {
        "imdb": {"a": 0.9, "b": 0.8, "only": 0.7}, "loans": {"a": 0.95, "b": 0.95}, "mnist": {"a": 0.9, "b": 0.8},
    }  # fmt: skip
    cells = [
        record(task=task, model=model, accuracy=share, seed=seed)
        for task, of_models in shares.items()
        for model, share in of_models.items()
        for seed in range(3)
    ]
    run = make_run(*cells)
    summary = across_tasks(tables([run]))
    assert summary is not None
    assert (summary.tasks, summary.metric, summary.left_out) == (
        ("imdb", "loans", "mnist"),
        "quality/accuracy",
        ("only",),
    )
    a, b = summary.models
    assert (a.label, a.rank.value, b.rank.value) == ("a", 3.5 / 3, 5.5 / 3)  # ahead on two tasks, tied on one
    assert a.improvement.value == pytest.approx((1 + 1 + 0.5) / 3)
    assert a.interquartile_mean is not None
    assert a.interquartile_mean.value == pytest.approx((3.75 * 0.9 + 0.75 * 0.95) / 4.5)  # 2.25 of 9 are cut
    assert a.strength.value > 0 > b.strength.value
    for text in (leaderboard([run]), report(run)):
        assert "### Across tasks" in text
        assert "Interquartile mean" in text
    assert "left out: only" in about(summary)
    assert "across 3 tasks: imdb, loans, mnist, ranked by quality/accuracy" in terminal_table([run], 80)
    assert "interval over tasks needs 5" in as_markdown(summary)


def test_of_very_many_models_those_with_the_best_ranks_are_summarised(make_run: Make, record: MakeRecord) -> None:
    models = MAX_MODELS + 3
    cells = [
        record(task=task, model=f"m{model:03}", accuracy=model / models)
        for task in ("imdb", "loans", "mnist")
        for model in range(models)
    ]
    summary = across_tasks(tables([make_run(*cells)]))
    assert summary is not None
    assert {model.label for model in summary.models} == {f"m{model:03}" for model in range(3, models)}
    assert summary.worse == 3
    assert f"the best {MAX_MODELS} of {models} models" in about(summary)


def test_tasks_ranked_by_different_metrics_have_no_mean_value(make_run: Make, record: MakeRecord) -> None:
    def price(model: str, value: float, seed: int) -> Record:
        row = MetricRow("quality/mae", value, "EUR", "lower", samples=(value - 1, value, value + 1))
        return record(task="prices", model=model, seed=seed, metrics=(row,))

    cells = [price(model, value, seed) for model, value in (("a", 90.0), ("b", 50.0)) for seed in range(3)]
    cells += [
        record(task=task, model=model, accuracy=share, seed=seed)
        for task in ("imdb", "loans")
        for model, share in (("a", 0.8), ("b", 0.9))
        for seed in range(3)
    ]
    summary = across_tasks(tables([make_run(*cells)]))
    assert summary is not None
    assert summary.metric == ""
    assert [(model.label, model.interquartile_mean) for model in summary.models] == [("b", None), ("a", None)]
    assert summary.models[0].improvement.value == 1.0  # a lower error is an improvement
    assert not any("Interquartile" in line for line in as_text(summary))


@pytest.mark.parametrize(("tasks", "name"), [("xyz", "{task}-{model}"), ("xy", "{model}")])
def test_without_two_models_on_three_tasks_there_is_no_summary(
    make_run: Make, record: MakeRecord, tasks: str, name: str
) -> None:
    run = make_run(*(record(task=task, model=name.format(task=task, model=model)) for task in tasks for model in "ab"))
    assert across_tasks(tables([run])) is None
    assert "Across tasks" not in leaderboard([run])
