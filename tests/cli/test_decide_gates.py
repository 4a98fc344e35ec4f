"""Claims about `bench run --against` with `[gate] seeds`: both sides get seeds until the gates are decided."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import bench_suite
from bench_suite.comparison.decide_gates import seeds_of_groups
from bench_suite.comparison.verdicts import Row
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

SUITE = """
[[tasks]]
use = "digits"

[[models]]
use = "./model.py"

[[models]]
use = "./model.py"
name = "sure"
sure = true

[matrix]
threads = 1

[probes.quality]

[gate]
seeds = { from = 3, to = 8 }
"quality/accuracy" = { tolerance = 0.02 }
"""
MODEL = '''
"""A model that is right on a share of the examples, and wrong on others under each seed."""

from dataclasses import dataclass

import numpy as np

MODALITIES = ("image", "table")
PROBLEMS = ("classification",)
LOSS = 0.0
STREAM = 0


@dataclass(frozen=True)
class Options:
    sure: bool = False
    "Whether no random number plays a part."


class Model:
    def __init__(self, sure):
        self.sure = sure

    def fit(self, data, options, report):
        self.seed = 0 if self.sure else np.random.randint(2**30)

    def predict(self, split):
        answers = np.asarray(split.take(np.arange(len(split)))["target"])
        random = np.random.default_rng([self.seed, STREAM])
        ease = np.random.default_rng(1).random(len(answers)) + random.normal(0, 0.02, len(answers))
        return {"predictions": np.where(ease < 0.9 - LOSS, answers, (answers + 1) % 10)}


def build(data, options):
    return Model(options.sure)
'''


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a suite and a model, in the working folder."""
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / ".gitignore").write_text("results\n")
    commit(tmp_path, "Add the model", init=True)
    return tmp_path


def commit(folder: Path, message: str, *, init: bool = False) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in ([["init", "-q"]] if init else []) + [["add", "-A"], ["commit", "-q", "-m", message]]:
        subprocess.run([*git, *words], check=True)


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "model.py").read_text()
    assert old in text
    (folder / "model.py").write_text(text.replace(old, new))


def seeds_of(folder: Path, number: int) -> dict[str, list[int]]:
    """Return the seeds of each model in a run, the newest run being 0."""
    run = Store(folder / "results").open(Store(folder / "results").runs()[number].run)
    seeds: dict[str, list[int]] = {}
    for record in run.records():
        assert record.status == "ok", record.reason
        seeds.setdefault(record.cell["model"], []).append(record.cell["seed"])
    return {model: sorted(of_model) for model, of_model in seeds.items()}


def test_only_undecided_cells_get_seeds_and_base_gets_them_from_its_own_commit(bench, repository) -> None:
    first = bench("run", "suite.toml", "--trust")
    assert first.status == 0
    assert "… --seeds all " in first.out
    assert "matrix.seed" not in first.out, "the suite states its seeds in [gate]"
    change(repository, "STREAM = 0", "STREAM = 1")
    commit(repository, "Change the random numbers")
    ended = bench("run", "suite.toml", "--trust", "--against", "latest", "--json")
    document = json.loads(ended.out)
    rows = {row["where"].split(", ")[1]: row for row in document["comparison"]["rows"] if row["gated"]}
    assert (ended.status, {row["verdict"] for row in rows.values()}) == (0, {"not worse than the tolerance"})
    head, base = seeds_of(repository, 0), seeds_of(repository, 1)
    assert head == base, "both sides have the same seeds"
    assert len(head["model"]) in (5, 8)
    assert rows["model"]["decided_at"] == len(head["model"])
    assert "undecided with 3 seeds: quality/accuracy, digits, model" in ended.err
    # The further seeds of base were made by the files of its commit: its random numbers are those of the first ones.
    run = Store(repository / "results").open(Store(repository / "results").runs()[1].run)
    assert len({record.sources["model"] for record in run.records()}) == 1
    assert not run.info.get("resumed_git"), "the commit is the same"
    assert not list((repository / ".git" / "worktrees").glob("*")), "the worktree is gone"


def test_from_python_both_sides_get_seeds_too(repository, monkeypatch) -> None:
    monkeypatch.chdir(repository)
    first = bench_suite.run("suite.toml", trust=True)
    change(repository, "STREAM = 0", "STREAM = 1")
    commit(repository, "Change the random numbers")
    outcome = bench_suite.run("suite.toml", trust=True, against=first.run)
    assert (outcome.verdict, outcome.status) == ("not worse", 0)
    assert seeds_of(repository, 0) == seeds_of(repository, 1), "both sides have the same seeds"
    assert len(outcome.records) == outcome.cells > 4
    notes = "\n".join(outcome.notes)
    assert "undecided with 3 seeds: quality/accuracy, digits, model" in notes
    assert "base: the files of" in notes


def test_a_loss_is_found_and_a_later_comparison_says_the_same(bench, repository) -> None:
    bench("run", "suite.toml", "--trust", "--seeds", "all")
    assert {len(seeds) for seeds in seeds_of(repository, 0).values()} == {8}
    change(repository, "LOSS = 0.0", "LOSS = 0.12")
    commit(repository, "Lose")
    ended = bench("run", "suite.toml", "--trust", "--against", "latest")
    assert ended.status == 1
    assert "regressed: quality/accuracy, digits, model" in ended.out
    assert "base: the files of" not in ended.err, "base has all seeds already"
    again = bench("compare", "latest", "--trust", "--json")
    assert again.status == 1
    assert {cell["reason_code"] for cell in json.loads(again.out)["uncompared"]} <= {"left out"}
    resumed = bench("run", "suite.toml", "--trust", "--resume")
    assert f"{sum(map(len, seeds_of(repository, 0).values()))} of" in resumed.err, "a resume keeps the added seeds"


def test_a_base_whose_files_are_not_known_is_not_extended(bench, repository) -> None:
    change(repository, "STREAM = 0", "STREAM = 2")  # not committed
    bench("run", "suite.toml", "--trust")
    change(repository, "STREAM = 2", "STREAM = 3")
    ended = bench("run", "suite.toml", "--trust", "--against", "latest")
    assert ended.status == 4
    assert "no seeds are added, because base cannot have more: it was made with uncommitted changes" in ended.err
    assert "bench run SUITE --seeds all" in ended.err
    assert {len(seeds) for seeds in seeds_of(repository, 0).values()} == {3}


def test_a_kept_baseline_stays_as_it_is(bench, repository) -> None:
    bench("run", "suite.toml", "--trust")
    bench("baseline", "set")
    before = sorted(path.read_bytes() for path in (repository / "results" / "baselines").rglob("*.jsonl"))
    shutil.rmtree(next(path for path in (repository / "results").iterdir() if path.name != "baselines"))
    change(repository, "STREAM = 0", "STREAM = 1")
    commit(repository, "Change the random numbers")
    assert bench("run", "suite.toml", "--trust", "--against", "baseline").status == 0
    assert sorted(path.read_bytes() for path in (repository / "results" / "baselines").rglob("*.jsonl")) == before
    assert seeds_of(repository, 0) == seeds_of(repository, 1), "the copy in the results has the further seeds"


def test_without_the_option_nothing_is_added(bench, repository) -> None:
    text = SUITE.replace("seeds = { from = 3, to = 8 }\n", "").replace("threads = 1", "threads = 1\nseed = [0, 1, 2]")
    (repository / "suite.toml").write_text(text)
    commit(repository, "Leave the option out")
    bench("run", "suite.toml", "--trust")
    change(repository, "STREAM = 0", "STREAM = 1")
    ended = bench("run", "suite.toml", "--trust", "--against", "latest")
    assert ended.status == 4
    assert {len(seeds) for seeds in seeds_of(repository, 0).values()} == {3}


def test_a_ratio_needs_the_seeds_of_its_reference_too(repository, monkeypatch) -> None:
    monkeypatch.chdir(repository)
    plan = make_plan(read_suite("suite.toml"), ())
    rows = [
        Row("quality/accuracy", "digits, model, threads 1", True, next_seeds=5, ratio_to="sure"),
        Row("quality/log_loss", "digits, model, threads 1", True, next_seeds=8),
    ]
    assert seeds_of_groups(rows, plan) == {"digits, model, threads 1": 8, "digits, sure, threads 1": 5}


def test_a_run_that_may_get_seeds_advises_what_its_suite_accepts(bench, repository) -> None:
    text = SUITE.replace('[[models]]\nuse = "./model.py"\nname = "sure"\nsure = true\n', "")
    (repository / "suite.toml").write_text(text)
    advised = [line for line in bench("run", "suite.toml", "--trust").out.splitlines() if "run more seeds" in line]
    assert len(advised) == 1
    assert "--seeds all " in advised[0], "matrix.seed with more seeds than the range begins with is refused"
