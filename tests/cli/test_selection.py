"""`-k`, `-x` and `--lf`: they select the cells that users of pytest expect."""

from __future__ import annotations

import json
import re

import pytest

import bench_suite
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError

TEXT = """
[[tasks]]
use = "loans"
[[tasks]]
use = "mnist"
name = "hand written"
data = "sample"
[[models]]
use = "mlp"
hidden = [4]
[[models]]
use = "logistic_regression"
name = "Linear"
[train]
epochs = 1
[matrix]
seed = [0, 1, 10]
threads = 1
"train.learning_rate" = [1e-3, 0.5]
[probes.quality]
resamples = 100
"""
FLAKY = """
from bench_suite.contracts import Metric
from pathlib import Path
METRICS = {"x": {"unit": "", "better": "none"}}
def probe(trained, options):
    if str(trained.cell.seed) in Path("unlucky").read_text().split():
        raise RuntimeError("unlucky")
    yield Metric("x", 1.0, reason="exact")
"""
SMALL = """
[[tasks]]
use = "loans"
[[models]]
use = "logistic_regression"
[matrix]
seed = [0, 1, 2, 3]
threads = 1
[probes.flaky]
use = "./flaky.py"
"""


# ── -k ──────────────────────────────────────────────────────────────────────────────────────────


def test_plan_and_run_take_it_and_tell_of_a_word_that_matches_nothing(bench, tmp_path):
    (tmp_path / "s.toml").write_text(TEXT)
    words = ("s.toml", "-k", "loans and mlp and seed=1 and not learning_rate=0.5 or mpl")
    planned = bench("plan", *words, "--json")
    (cell,) = json.loads(planned.out)["cells"]
    assert '-k: no cell matches "mpl"; did you mean "mlp"?' in planned.err
    ended = bench("run", *words, "--smoke", "--json")
    assert [record["id"] for record in json.loads(ended.out)["records"]] == [cell["id"]]
    run = Store(tmp_path / "results").open("latest")
    assert run.info["only"] == [f"-k {words[2]}"]
    assert f"bench run s.toml -k '{words[2]}' --smoke" in (run.path / "report.md").read_text()


def test_it_comes_after_only_and_what_is_said_next_can_be_pasted(bench, tmp_path):
    (tmp_path / "s.toml").write_text(TEXT)
    out = bench("plan", "s.toml", "--only", "task=loans", "-k", "mlp and seed=1").out
    assert "2 cells" in out
    assert "next: bench run s.toml --only task=loans -k 'mlp and seed=1'" in out


def test_an_expression_that_cannot_be_read_is_shown_with_the_place_under_it(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SMALL.replace("./flaky.py", "quality").replace("flaky", "quality"))
    ended = bench("plan", "s.toml", "-k", "loans and and seed=1")
    message, expression, marker, *_ = ended.err.splitlines()
    assert message == "bench: -k: a word is missing before and"
    assert expression[marker.index("^") :] == "and seed=1"


# ── -x and --lf ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def flaky(bench, tmp_path):
    """Return `flaky(unlucky seeds, *flags)`, which runs four cells and returns its result and the seeds that ran."""
    (tmp_path / "s.toml").write_text(SMALL)
    (tmp_path / "flaky.py").write_text(FLAKY)

    def run(unlucky: str, *flags: str):
        (tmp_path / "unlucky").write_text(unlucky)
        ended = bench("run", "s.toml", "--trust", *flags)
        return ended, [int(seed) for seed in re.findall(r"^\[\d/\d\] loans.*?seed (\d)", ended.err, re.MULTILINE)]

    return run


def test_x_stops_at_the_first_failure_and_a_resume_does_the_rest(flaky, tmp_path):
    ended, seeds = flaky("1 3", "-x")
    assert (ended.status, seeds) == (3, [0, 1])
    assert "stopped at the first cell that failed (-x): 2 of 4 cells have run" in ended.err
    assert "next: bench run s.toml --trust --resume" in ended.out
    ended, seeds = flaky("3", "--resume", "-x")
    assert (ended.status, seeds) == (3, [1, 2, 3])
    assert "stopped" not in ended.err  # it was the last cell
    ended, seeds = flaky("", "--resume")
    assert (ended.status, seeds) == (0, [3])
    assert len(Store(tmp_path / "results").runs()) == 1


def test_from_python_cells_are_chosen_and_the_first_failure_ends_it_too(flaky, tmp_path):
    flaky("2")
    outcome = bench_suite.run("s.toml", trust=True, keyword="not seed=0", stop_at_first=True)
    assert outcome.stopped
    assert [(record.cell["seed"], record.probes["flaky"].status) for record in outcome.records] == [
        (1, "ok"), (2, "failed"),
    ]  # fmt: skip
    with pytest.raises(SuiteError, match="no cell of this suite matches"):
        bench_suite.run("s.toml", trust=True, keyword="seed=9")


def test_x_changes_nothing_where_nothing_fails(flaky):
    ended, seeds = flaky("", "-x")
    assert (ended.status, seeds) == (0, [0, 1, 2, 3])


def test_a_stopped_resume_says_so_though_every_cell_has_a_record(flaky):
    flaky("1 2")
    ended, seeds = flaky("1 2", "--resume", "-x")
    assert seeds == [1]
    assert "stopped at the first cell that failed" in ended.err


def test_lf_runs_in_a_new_run_what_failed_and_then_all(flaky, tmp_path):
    flaky("1 3")
    whole = Store(tmp_path / "results").open("latest").name
    ended, seeds = flaky("1", "--lf")
    assert (ended.status, seeds) == (3, [1, 3])
    assert "next: bench run s.toml --trust --lf" in ended.out
    assert Store(tmp_path / "results").open("latest").info["only"] == ["--lf"]
    ended, seeds = flaky("", "--lf")
    assert (ended.status, seeds) == (0, [1])
    assert f"next: bench run s.toml --trust --resume {whole}" in ended.out
    ended, seeds = flaky("", "--lf")
    assert (ended.status, seeds) == (0, [0, 1, 2, 3])
    assert "--lf: nothing failed in" in ended.err
    assert len(Store(tmp_path / "results").runs()) == 4


def test_lf_stores_what_it_left_out_so_that_what_it_did_not_reach_is_missing_in_a_comparison(flaky, tmp_path):
    flaky("1 3")
    whole = Store(tmp_path / "results").open("latest")
    _, seeds = flaky("1 3", "--lf", "-x")
    assert seeds == [1]
    part = Store(tmp_path / "results").open("latest")
    assert {r.id for r in whole.records() if r.cell["seed"] in (0, 2)} == set(part.info["passed"])
    uncompared = bench_suite.compare(whole, part).uncompared
    why = {cell.where.partition("threads 1, ")[2]: (cell.reason_code, cell.detail) for cell in uncompared}
    assert why["seeds 0, 2"] == ("left out", "head was asked for --lf")
    assert why["seed 3"] == ("missing", "head lacks it, though it was asked for --lf")


def test_lf_remembers_what_a_run_of_a_part_did_not_look_at(flaky):
    flaky("1 3")
    _, seeds = flaky("3", "--only", "seed=1")
    assert seeds == [1]
    _, seeds = flaky("", "--lf")
    assert seeds == [3]


def test_lf_takes_in_what_was_not_reached(flaky):
    flaky("1", "-x")
    ended, seeds = flaky("", "--lf")
    assert seeds == [1, 2, 3]
    assert "--lf: 3 of 4 cells: 1 failed, 2 had not been reached" in ended.err


def test_lf_of_a_part_looks_at_that_part(flaky):
    flaky("1 3")
    _, seeds = flaky("", "--lf", "-k", "seed=3 or seed=0")
    assert seeds == [3]


def test_lf_without_an_earlier_run_runs_all_and_says_so(flaky):
    ended, seeds = flaky("", "--lf")
    assert seeds == [0, 1, 2, 3]
    assert "there is no earlier run of this suite with these --set" in ended.err


def test_lf_keeps_other_settings_and_smoke_runs_apart(flaky):
    flaky("1")
    assert flaky("", "--lf", "--set", "models.logistic_regression.inverse_penalty=2.0")[1] == [0, 1, 2, 3]
    assert flaky("2", "--lf", "--smoke")[1] == [0, 1, 2, 3]
    assert flaky("", "--lf", "--smoke")[1] == [2]
    assert flaky("", "--lf")[1] == [1]


def test_lf_and_resume_are_two_things(flaky):
    ended, _ = flaky("", "--lf", "--resume")
    assert ended.status == 2
    assert "leave out --lf, or --resume" in ended.err
