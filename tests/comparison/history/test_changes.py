"""Histories: change points with their commits, what else changed, and how often they are wrong."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from bench_suite.comparison.history import changes as module
from bench_suite.comparison.history.changes import Filter, NoHistory, UnknownMetric, histories, judge
from bench_suite.contracts import BenchError
from bench_suite.store.runs import Store

RATE, ACCURACY = "throughput/inference", "quality/accuracy"


@pytest.fixture
def slower(history_runs):
    """Thirty runs of which the last ten are slower by 12 %, after an update of PyTorch."""
    values = history_runs.noisy(30)
    for day, value in enumerate(np.where(np.arange(30) < 20, 1.0, 0.88) * values):
        history_runs.add([history_runs.rate(value)], packages={"torch": "2.6" if day < 20 else "2.7"})
    return history_runs


def results_of(runs, metric=RATE, **options):
    (history,) = histories(runs.store, metric, **options)
    return history.verdicts


def test_a_slowdown_is_found_between_its_commits_with_its_size_and_what_else_changed(slower):
    (history,) = histories(slower.store, RATE)
    (result,) = history.verdicts
    (change,) = result.changes
    assert result.verdict == "changed"
    assert (change.before.commit, change.after.commit) == (slower.commit(20), slower.commit(21))
    assert change.direction == "worse"
    assert change.low < -0.12 < change.high
    assert change.p == 0.0005
    assert change.also_changed == ("torch 2.6 → 2.7",)
    assert history.alarms.trials >= 1000
    assert history.alarms.per_hundred <= 1
    assert (history.simulated, history.min_points, history.by_commit) == (1, 12, False)


def test_a_rate_that_rises_is_better_and_a_time_that_rises_is_worse(history_runs):
    for value in np.r_[history_runs.noisy(12), 1.2 * history_runs.noisy(12, seed=1)]:
        time = history_runs.rate(1 / value, name="throughput/latency", unit="s", better="lower")
        history_runs.add([history_runs.rate(value), time])
    directions = [results_of(history_runs, name)[0].changes[0].direction for name in (RATE, "throughput/latency")]
    assert directions == ["better", "better"]
    assert results_of(history_runs, "latency")[0].changes[0].change == pytest.approx(1 / 1.2 - 1, abs=0.02)


def test_runs_without_a_change_have_none_and_the_least_change_is_stated(history_runs):
    history_runs.accuracies(0.9 + np.random.default_rng(1).normal(0, 0.004, 20))
    (result,) = results_of(history_runs, ACCURACY)
    assert (result.verdict, result.changes, result.least) == ("no change", (), 0.005)


def test_a_change_below_the_least_is_none(history_runs):
    history_runs.rates(np.r_[np.full(10, 1000.0), np.full(10, 985.0)] + np.arange(20) % 3)
    assert results_of(history_runs)[0].changes == ()
    assert len(results_of(history_runs, least=0.01)[0].changes) == 1


def test_the_default_least_change_depends_on_stored_facts(history_runs):
    run = history_runs.add(
        [
            history_runs.rate(100.0),
            history_runs.accuracy(0.9),
            history_runs.accuracy(0.9, name="quality/matthews", range=(-1.0, 1.0), unit="score"),
            history_runs.accuracy(50.0, name="quality/rmse", range=(0.0, None), unit="euros", better="lower"),
        ]
    )
    del run
    names = (RATE, ACCURACY, "quality/matthews", "quality/rmse")
    assert [results_of(history_runs, name)[0].least for name in names] == [0.02, 0.005, 0.01, 0.5]


def test_two_runs_are_too_few_and_say_so(history_runs):
    history_runs.rates([1.0, 2.0])
    (result,) = results_of(history_runs)
    assert (result.verdict, result.changes) == ("too few", ())


def test_each_difference_of_a_count_is_a_change_without_p(history_runs):
    count = history_runs.rate(0, name="compute/parameters", unit="count", better="none", kind="exact", timing=False)
    for value in (1000, 1000, 1200, 1200):
        history_runs.add([replace(count, value=value, samples=())])
    (result,) = results_of(history_runs, "compute/parameters")
    (change,) = result.changes
    assert (change.position, change.change, change.p, change.direction) == (2, 200, None, "differs")


def test_neighbours_that_are_alike_are_named(history_runs):
    steps = np.random.default_rng(0).normal(0, 0.01, 60)
    history_runs.rates(1000 * np.exp(np.convolve(steps, np.ones(5), "valid")))
    (result,) = results_of(history_runs)
    assert result.dependent


def test_runs_are_in_the_order_of_their_commits_if_the_repository_knows_them(slower, tmp_path, monkeypatch):
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    commits = []
    for number in range(3):
        moment = {"GIT_COMMITTER_DATE": f"2026-01-0{number + 1}T00:00:00Z", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z"}
        subprocess.run(
            [*git, "commit", "-q", "--allow-empty", "-m", "m"], check=True, env=moment | {"PATH": "/usr/bin"}
        )
        commits.append(
            subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        )
    order = [2, 0, 1]
    runs = [slower.add([slower.rate(1.0)], suite="ordered", commit=commits[index]) for index in order]
    ordered, by_commit = module.sort_runs(runs, repository)
    assert by_commit
    assert [run.info["git"]["commit"] for run in ordered] == commits
    unknown = slower.add([slower.rate(1.0)], suite="ordered")
    assert module.sort_runs([*runs, unknown], repository) == ([*runs, unknown], False)


def test_filters_choose_tasks_models_hardware_branch_and_suite(slower):
    slower.add([slower.rate(1.0)], model="cnn", hardware={"cpu": "Other", "gpu": [{"name": "H200"}]})
    slower.add([slower.rate(1.0)], suite="nightly")
    assert [one.series.model for one in results_of(slower, suite="ci")] == ["mlp", "cnn"]
    assert [one.series.model for one in results_of(slower, suite="ci", shown=Filter(models=("cnn",)))] == ["cnn"]
    assert [one.series.model for one in results_of(slower, suite="ci", shown=Filter(hardware="h200"))] == ["cnn"]
    assert results_of(slower, suite="ci", shown=Filter(tasks=("mnist",))) == ()
    assert results_of(slower, suite="ci", branch="no") == ()
    assert [history.suite for history in histories(slower.store, RATE)] == ["nightly", "ci"]


def test_unknown_metrics_and_suites_are_refused_with_the_nearest_name(slower, tmp_path):
    with pytest.raises(UnknownMetric, match='did you mean "throughput/inference"'):
        histories(slower.store, "throughput/inferense")
    with pytest.raises(UnknownMetric, match=r'no run has a metric "x"\n  they have: throughput/inference$'):
        histories(slower.store, "x")
    slower.add([slower.rate(1.0, name="other/inference")])
    with pytest.raises(UnknownMetric, match="of several probes; name one: other/inference, throughput/inference"):
        histories(slower.store, "inference")
    with pytest.raises(BenchError, match='did you mean "ci"'):
        histories(slower.store, RATE, suite="cii")
    with pytest.raises(NoHistory, match="contains no runs"):
        histories(Store(tmp_path / "none"), RATE)


def test_a_damaged_run_costs_no_other(slower):
    (slower.add([slower.rate(1.0)]).path / "run.json").write_text("{")
    (history,) = histories(slower.store, RATE)
    assert len(history.verdicts[0].series.points) == 30


def test_the_result_does_not_depend_on_the_order_in_which_runs_are_read(slower):
    (history,) = histories(slower.store, RATE)
    again = judge(history.verdicts[0].series)
    assert again == history.verdicts[0]
