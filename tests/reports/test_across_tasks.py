"""Models across the tasks of a leaderboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.across_tasks import (
    MAX_MODELS,
    AcrossTasks,
    ModelAcrossTasks,
    about,
    across_tasks,
    as_markdown,
    as_text,
    table_of,
)
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.markdown import report
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.stats.across_tasks import Estimate
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


def test_the_best_estimates_are_bold_if_their_intervals_tell_them_from_another() -> None:
    def model(label: str, rank: tuple[float, float], mean: tuple[float, float], strength: float) -> ModelAcrossTasks:
        estimates = [Estimate(sum(ends) / 2, ends) for ends in (rank, (0.4, 0.6), (strength, strength), mean)]
        return ModelAcrossTasks(label, *estimates)

    models = (
        model("a", (1.0, 1.5), (0.2, 0.3), 2.0),
        model("b", (1.2, 2.0), (0.1, 0.15), 1.0),
        model("c", (2.5, 3.0), (0.4, 0.5), 0.0),
    )
    lower = AcrossTasks(("x", "y", "z"), models, "quality/loss", (), better="lower")
    for summary, best_mean in ((lower, "0.125"), (replace(lower, better="higher"), "0.45")):
        lines = {line[0]: line[1:] for line in table_of(summary, bold_best=True)[1]}
        assert [lines[label][0].startswith("**") for label in "abc"] == [True, True, False]  # average rank
        assert [label for label in "abc" if lines[label][1].startswith("**")] == [
            label for label in "abc" if best_mean in lines[label][1]
        ]
        assert not any("**" in lines[label][2] for label in "abc")  # equal probabilities of improvement
        assert [lines[label][3].startswith("**") for label in "abc"] == [True, False, False]
    assert not any("**" in text for line in table_of(lower)[1] for text in line)
    assert "**" in as_markdown(lower)
