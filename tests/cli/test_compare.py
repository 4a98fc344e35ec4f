"""`bench compare`, `bench baseline` and `bench run --against`, on real runs of a model whose code changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench_suite.cli import error_rates

SUITE = """
[[tasks]]
use = "digits"
[[models]]
use = "./model.py"
name = "neighbours"
[matrix]
threads = 1
[probes.quality]
resamples = 200
[gate]
"quality/accuracy" = { min = 0.5, tolerance = 0.03 }
"""
MODEL = '''
"""The nearest neighbours: scikit-learn's classifier, wrapped."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    neighbours: int = 3
    "Training examples that vote."


class Neighbours:
    def __init__(self, neighbours):
        self.classifier = KNeighborsClassifier(neighbours)

    def fit(self, data, options, report):
        train = data.splits["train"]
        raw = train.take(np.arange(len(train)))
        self.classifier.fit(self.pixels(raw), raw["target"])

    def predict(self, split):
        scores = self.classifier.predict_proba(self.pixels(split.take(np.arange(len(split)))))
        return {"predictions": scores.argmax(axis=1), "scores": scores.astype(np.float32)}

    def pixels(self, raw):
        return raw["image"].reshape(len(raw["image"]), -1).astype(float)


def build(data, options):
    return Neighbours(options.neighbours)
'''
FAULT = MODEL.replace("-1).astype(float)", "-1).astype(float)[:, :20]")
"Only the upper pixels are looked at any more."


@pytest.fixture
def suite(bench, tmp_path):
    """A suite after one run, and `run(*arguments)`, which runs it again."""
    Path("suite.toml").write_text(SUITE)
    Path("model.py").write_text(MODEL)

    def run(*arguments: str):
        return bench("run", "suite.toml", "--trust", *arguments)

    assert run().status == 0
    return run


def test_a_tolerance_that_is_not_judged_says_how_it_would_be(bench, suite):
    Path("suite.toml").write_text(SUITE.replace("min = 0.5, ", ""))
    assert "baseline" not in suite("--smoke").out
    first = suite()
    assert "not judged: quality/accuracy, all cells" in first.out
    assert "(set a baseline with `bench baseline set`, then run with `--against baseline`)" in first.out
    offered = re.compile(r"^ {6}bench baseline set  +keep this run", re.MULTILINE)
    assert offered.search(first.out)
    Path("suite.toml").write_text(SUITE)
    assert offered.search(suite().out), "a least value is judged, and the tolerance beside it is not"
    assert bench("baseline", "set").status == 0
    second = suite()
    assert not offered.search(second.out), "there is one"
    assert "--against baseline   judge the tolerances" in second.out
    assert "baseline" not in suite("--against", "baseline").out.partition("next: ")[2], "they have been judged"


def test_a_regression_of_the_code_is_found_against_the_baseline(bench, suite):
    baseline = bench("baseline", "set")
    assert baseline.status == 0
    assert "KiB in results/baselines/suite" in baseline.out
    itself = bench("compare", "baseline", "--junit", "junit.xml")
    assert (itself.status, Path("junit.xml").exists()) == (2, False)
    assert "HEAD is the run that the baseline was made from: run the suite first, or name HEAD" in itself.err
    same = suite("--against", "baseline")
    assert same.status == 0
    assert "not worse than the tolerance: quality/accuracy, digits, neighbours, threads 1" in same.out
    assert "not judged" not in same.out, "the tolerance has been judged"

    Path("model.py").write_text(FAULT)
    worse = suite("--against", "baseline", "--json")
    assert worse.status == 1
    document = json.loads(worse.out)
    assert document["status"] == document["comparison"]["status"] == 1
    (row,) = [row for row in document["comparison"]["rows"] if row["gated"]]
    assert row["verdict"] == "regressed"
    assert row["difference"] < -0.03 > row["interval"][0]

    files = ("--markdown", "page/summary.md", "--junit", "junit.xml")
    again = bench("compare", "baseline", *files)
    assert again.status == 1
    assert "1 gated metric: 1 regressed" in again.out
    assert "next: " in again.out
    assert "**regressed**" in Path("page/summary.md").read_text()
    assert ElementTree.parse("junit.xml").getroot()[0].get("failures") == "1"

    Path("model.py").write_text(MODEL)
    assert suite("--against", "latest").status == 0, "better than the run before, which had the fault"
    assert bench("compare", "latest").status == 0
    assert bench("compare", "baseline", "--json").status == 0


def test_the_baselines_are_listed(bench, suite):
    assert "holds none yet" in bench("baseline", "show").out
    bench("baseline", "set")
    assert bench("baseline", "show").out.startswith("suite  2")
    (entry,) = json.loads(bench("baseline", "show", "--json").out)["baselines"]
    assert entry["cells"] == 1
    assert entry["bytes"] < 100_000


def test_what_cannot_be_compared_is_said_before_anything_is_spent(bench, suite):
    def runs() -> int:
        return len(json.loads(bench("results", "--json").out)["runs"])

    before = runs()
    none = suite("--against", "baseline")
    assert (none.status, "bench baseline set RUN" in none.err) == (4, True)
    other = suite("--against", "latest", "--set", "models.neighbours.neighbours=9")
    assert (other.status, "has none of these cells" in other.err) == (2, True)
    smoke = suite("--against", "latest", "--smoke")
    assert (smoke.status, "a smoke run is never compared" in smoke.err) == (2, True)
    unknown = suite("--against", "2019")
    assert (unknown.status, "no run '2019'" in unknown.err) == (2, True)
    assert runs() == before


def test_smoke_runs_and_runs_of_other_options_are_wrong_input(bench, suite):
    suite("--smoke")
    names = [run["run"] for run in json.loads(bench("results", "--json").out)["runs"]]
    smoke = bench("compare", names[1], names[0])
    assert (smoke.status, "smoke run, which is never compared" in smoke.err) == (2, True)
    suite("--set", "models.neighbours.neighbours=9")
    other = bench("compare", "latest")
    assert other.status == 2
    assert "other options: model.neighbours 3 → 9" in other.err
    assert bench("compare").status == 2
    assert "Missing argument 'BASE'" in bench("compare").err


def test_a_cell_that_fails_now_ends_with_3(bench, suite):
    Path("model.py").write_text(MODEL.replace("return Neighbours", "raise RuntimeError('no')\n    return Neighbours"))
    failed = suite("--against", "latest")
    assert failed.status == 3
    assert "failed: RuntimeError: no" in failed.err
    again = bench("compare", "latest", "--markdown", "summary.md", "--junit", "junit.xml")
    assert again.status == 3
    assert "failed: RuntimeError: no" in Path("summary.md").read_text()
    assert int(ElementTree.parse("junit.xml").getroot()[0].get("errors")) >= 1


def test_error_rates_are_printed_for_given_runs_and_for_usual_suites(bench, suite, monkeypatch):
    monkeypatch.setattr(error_rates, "TRIALS", 10)
    Path("model.py").write_text(MODEL.replace("float)", "float) * np.linspace(1, 2, 64)"))
    suite()
    own = bench("compare", "latest", "--error-rates")
    assert own.status == 0
    assert own.out.splitlines()[1].split()[:3] == ["1", "1", "359"]
    usual = json.loads(bench("compare", "--error-rates", "--json").out)
    assert [len(entry["gates"]) for entry in usual["suites"]] == [1, 1, 1, 20, 20, 20, 1]


def test_the_last_runs_are_a_base_and_a_regression_is_found_against_their_mean(bench, suite, monkeypatch):
    ended = suite("--against", "last:2")
    assert ended.status == 4
    assert "last:2: there is only one earlier run of suite on main or master in " in ended.err
    assert "make runs of that branch with: bench run suite; or compare with one run: --against latest" in ended.err
    for _ in range(2):
        assert suite().status == 0
    same = suite("--against", "last:5")
    assert same.status == 0
    assert "base: the mean of 3 runs, not 5: there are no more: " in same.out
    assert "not worse than the tolerance: quality/accuracy, digits, neighbours, threads 1" in same.out
    assert "the same predictions, one by one" in same.out
    Path("model.py").write_text(FAULT)
    worse = suite("--against", "last:4")
    assert worse.status == 1
    assert "regressed: quality/accuracy, digits, neighbours, threads 1" in worse.out
    document = json.loads(bench("compare", "last:4", "--json").out)
    assert (document["base_word"], len(document["base_runs"]), document["status"]) == ("last:4", 4, 1)
    assert {one["skipped"] for one in document["base_runs"]} == {None}
    monkeypatch.setattr(error_rates, "TRIALS", 20)
    monkeypatch.setattr(error_rates, "TRIALS_OF_RUNS", 10)
    rates = bench("compare", "last:4", "--error-rates")
    assert rates.status == 0
    assert re.search(
        r"^ +0\.03 +[\d.]+ +\d+( +\d+){3}  quality/accuracy, digits, neighbours, threads 1$", rates.out, re.M
    )
    assert json.loads(bench("compare", "last:4", "--error-rates", "--json").out)["gates"][0]["gate"]["runs"] == 4


def test_words_for_the_last_runs_that_are_wrong_are_refused_before_anything_is_spent(bench, suite):
    run = ("run", "suite.toml", "--trust", "--against")
    for arguments in (("compare", "last:0"), ("compare", "last:x"), (*run, "last:")):
        ended = bench(*arguments)
        assert (ended.status, ended.out) == (2, "")
        assert "write last:N, the newest N runs of the main branch, with N from 1 to 100, such as last:5" in ended.err
    suite()
    for words in (("--models", "neighbours,other"), ("--between", "model")):
        ended = bench("compare", "last:2", *words)
        assert (ended.status, f"{words[0]} compares single runs: name them, not last:2" in ended.err) == (2, True)
    assert bench("compare", "last:1", "--error-rates").status == 2


METRIC = '''
"""Upper half: the accuracy of the digits 5 to 9."""

from pathlib import Path

UNIT = "fraction"
BETTER = "higher"


def upper_half(targets, predictions):
    Path(__file__).with_name("was_run").touch()
    return float((predictions == targets)[targets > 4].mean())
'''


def test_a_metric_that_the_suite_names_by_path_is_computed_again_only_if_it_is_trusted(bench, suite):
    Path("upper_half.py").write_text(METRIC)
    gate = '"quality/upper_half" = { tolerance = 0.05 }\n'
    Path("suite.toml").write_text(SUITE.replace("resamples =", 'metrics = ["./upper_half.py"]\nresamples =') + gate)
    first = suite("--json")
    name = json.loads(first.out)["run"]
    stated = json.loads(Path("results", name, "run.json").read_text())["metric_files"]
    assert [(metric, row["file"]) for metric, row in stated.items()] == [("quality/upper_half", "../upper_half.py")]
    Path("model.py").write_text(FAULT)
    during = json.loads(suite("--against", name, "--json").out)["comparison"]

    def row(document: dict) -> dict:
        return next(row for row in document["rows"] if row["metric"] == "quality/upper_half")

    assert (row(during)["method"], row(during)["examples"]) == ("resampling", 359), "the run itself is trusted"
    mark = Path("was_run")
    mark.unlink()
    refused = row(json.loads(bench("compare", name, "--json").out))
    assert refused["method"] == "intervals"
    assert "upper_half.py is a file of the suite, which is run only with --trust" in refused["note"]
    assert not mark.exists()
    assert row(json.loads(bench("compare", name, "--trust", "--json").out)) == row(during)
    assert mark.exists()
    mark.unlink()
    Path("upper_half.py").write_text(METRIC + "\n")
    changed = row(json.loads(bench("compare", name, "--trust", "--json").out))
    assert "upper_half.py changed after HEAD was run" in changed["note"]
    assert not mark.exists()
