"""`bench history`: change points of stored runs, with the exit status, as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pytest

from bench_suite import cli
from bench_suite.comparison.history import error_rates as history_rates


@pytest.fixture
def slower(bench, history_runs):
    """Twenty-four runs of two models, of which one is slower by 12 % in the last nine."""
    del bench
    rates = np.where(np.arange(24) < 15, 1.0, 0.88) * history_runs.noisy(24)
    for day, value in enumerate(rates):
        accuracy = 0.95 + 0.002 * (day % 5)
        history_runs.add([history_runs.rate(value), history_runs.accuracy(accuracy)], day=day)
    return history_runs


def test_a_slowdown_is_shown_with_its_commits_and_is_no_error(bench, slower):
    ended = bench("history", "throughput/inference")
    assert (ended.status, ended.err) == (0, "")
    assert "worse by −" in ended.out
    assert f"between {slower.commit(15)[:7]} (2026-10-15) and {slower.commit(16)[:7]} (2026-10-16)" in ended.out
    assert "false alarms:" in ended.out
    assert ended.out.endswith(
        "next: bench history throughput/inference --confirm   measure both commits again, side by side\n"
    )
    assert max(map(len, ended.out.splitlines()[:-1])) <= 80


def test_a_metric_without_a_change_ends_with_0_too(bench, slower):
    ended = bench("history", "accuracy")
    assert ended.status == 0
    assert "no change point in 24 runs" in ended.out


def test_the_json_has_each_point_and_change(bench, slower):
    document = json.loads(bench("history", "throughput/inference", "--json").out)
    assert (document["schema"], document["status"]) == (1, 0)
    (result,) = document["histories"][0]["verdicts"]
    assert len(result["series"]["points"]) == 24
    (change,) = result["changes"]
    assert (change["position"], change["after"]["commit"]) == (15, slower.commit(16))


@pytest.mark.parametrize("count", [1, 2, 11])
def test_too_few_runs_cannot_tell(bench, history_runs, count):
    history_runs.rates([1.0] * count)
    ended = bench("history", "throughput/inference")
    assert ended.status == 4
    assert f"cannot tell: {count} run{'s' if count > 1 else ''}; at least 12 are needed" in ended.out


def test_no_runs_cannot_tell(bench):
    ended = bench("history", "quality/accuracy")
    assert ended.status == 4
    assert "cannot tell:" in ended.err


def test_only_smoke_runs_cannot_tell_and_are_named(bench, history_runs):
    run = history_runs.add([history_runs.rate(1.0)], smoke=True)
    ended = bench("history", "throughput/inference")
    assert ended.status == 4
    assert f"smoke run: {run.name}" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["throughput/inferense"], 'did you mean "throughput/inference"'),
        (["throughput/inference", "--suite", "cj"], 'no run of a suite "cj"'),
        (["throughput/inference", "--model", "cnn"], "no series matches"),
        (["throughput/inference", "--branch", "feature"], "no run of the branch feature"),
        (["throughput/inference", "--least", "much"], "'much' is no change: state 5% or 0.01"),
        (["throughput/inference", "--least", "-1"], "is no change"),
        (["throughput/inference", "--least", "nan"], "is no change"),
        ([], "Missing argument 'METRIC'"),
        (["\x1b[31m"], "no run has a metric"),
    ],
)
def test_wrong_input_ends_with_2(bench, slower, arguments, message):
    ended = bench("history", *arguments)
    assert ended.status == 2
    assert message in ended.err
    assert "\x1b" not in ended.err


def test_a_least_change_hides_smaller_ones(bench, slower):
    assert "no change point" in bench("history", "throughput/inference", "--least", "20%").out


def test_error_rates_are_those_of_these_runs(bench, slower, monkeypatch):
    monkeypatch.setattr(history_rates, "TRIALS", 100)
    monkeypatch.setattr(history_rates, "POWER_TRIALS", 20)
    ended = bench("history", "throughput/inference", "--error-rates")
    assert ended.status == 0
    assert "24 runs, noise " in ended.out
    assert "false alarms 0." in ended.out
    assert "12 runs ago" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    document = json.loads(bench("history", "throughput/inference", "--error-rates", "--json").out)
    assert document["series"][0]["trials"] == 100


def test_a_picture_is_written(bench, slower):
    assert bench("history", "throughput/inference", "--png", "out/history.png").status == 0
    assert Path("out/history.png").read_bytes().startswith(b"\x89PNG")


def test_confirm_measures_both_commits_side_by_side(bench, slower, monkeypatch):
    calls = []

    @click.command()
    @click.argument("words", nargs=-1)
    @click.option("--suite")
    @click.option("--trust", is_flag=True)
    def ab(words: tuple[str, ...], suite: str, trust: bool) -> int:
        calls.append((words, suite, trust))
        return 1

    monkeypatch.setitem(cli.COMMANDS, "ab", "Compare two commits.")
    commands = type(cli.bench)
    get = commands.get_command
    monkeypatch.setattr(commands, "get_command", lambda self, ctx, name: ab if name == "ab" else get(self, ctx, name))
    ended = bench("history", "throughput/inference", "--confirm")
    assert calls == [((slower.commit(15), slower.commit(16)), "ci", False)]
    assert ended.status == 1
    assert "bench ab " in ended.err
    Path("suites").mkdir()
    Path("suites/ci.toml").touch()
    bench("history", "throughput/inference", "--confirm", "--trust")
    assert calls[1][1:] == (str(Path("suites/ci.toml")), True)


def test_confirm_without_a_change_or_without_the_command_is_refused(bench, slower, monkeypatch):
    ended = bench("history", "quality/accuracy", "--confirm")
    assert ended.status == 2
    assert "no change between two different commits" in ended.err
    monkeypatch.delitem(cli.COMMANDS, "ab", raising=False)
    ended = bench("history", "throughput/inference", "--confirm")
    assert ended.status == 2
    assert "no command that measures two commits" in ended.err


def test_a_damaged_run_is_named(bench, slower):
    run = slower.add([slower.rate(1.0)])
    (run.path / "run.json").write_text("[")
    ended = bench("history", "throughput/inference")
    assert ended.status == 0
    assert "note: damaged and left out" in ended.err
    assert run.name in ended.err
