"""Metrics that a suite names by path are paired by example if the user trusts them, and never run otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.metric_files import MetricFiles, UnusableMetricFile, load
from bench_suite.comparison.verdicts import Row
from bench_suite.components import discovery
from bench_suite.contracts import Interval, MetricRow
from bench_suite.metrics import accuracy as accuracy_file
from bench_suite.stats.paired import nested_difference
from bench_suite.store.runs import Run

SPECIFICITY = '''
"""Specificity: the share of negative examples that are predicted so."""
from pathlib import Path
Path(__file__).with_name("was_run").touch()
UNIT = "fraction"
BETTER = "higher"


def specificity(targets, predictions):
    return float((predictions[targets == 0] == 0).mean())
'''
METRIC = "quality/specificity"


class Suite:
    """Two runs of a suite that names `specificity.py` by path."""

    def __init__(self, runs, folder: Path, source: str = SPECIFICITY) -> None:
        self.runs, self.file, self.source = runs, folder / "specificity.py", source
        self.file.write_text(source)
        self.base, self.head = self.run(1, 0.90), self.run(2, 0.85)

    def run(self, seed: int, share: float, shift: float = 0.0) -> Run:
        one = self.runs.predictions(share, seed)
        value = float((one["predictions"][one["targets"] == 0] == 0).mean()) + shift
        interval = Interval(value - 0.02, value + 0.02)
        row = MetricRow(METRIC, value, "fraction", "higher", interval=interval, n=len(one), of_predictions=True)
        component = discovery.find("metrics", str(self.file), Path())
        files = {METRIC: {"file": "../specificity.py", "hash": component.source_hash}}
        cell = self.runs.cell(metrics=(row,))
        return self.runs.make([(cell, one)], gate={METRIC: {"tolerance": 0.01}}, metric_files=files)

    def row(self, **options: bool) -> Row:
        return self.runs.gated_row(compare(self.base, self.head, **options))

    @property
    def was_run(self) -> bool:
        return self.file.with_name("was_run").exists()


@pytest.fixture
def suite(runs, tmp_path: Path) -> Suite:
    return Suite(runs, tmp_path)


def test_a_trusted_metric_is_resampled_over_the_same_examples(suite: Suite) -> None:
    row = suite.row(trust=True)
    assert (row.method, row.examples, row.verdict, row.note.count("--trust")) == ("resampling", 2000, "regressed", 0)
    sides = [suite.runs.predictions(0.90, 1), suite.runs.predictions(0.85, 2)]
    negative = sides[0]["targets"] == 0
    d = np.subtract(*((side["predictions"] == 0)[negative].astype(float) for side in sides[::-1]))
    oracle = nested_difference(d)
    assert row.difference == pytest.approx(oracle.value)
    assert row.interval is not None
    width = row.interval[1] - row.interval[0]
    assert width == pytest.approx(2 * 2.326 * oracle.error, rel=0.12), "that of the negative examples, paired"
    assert suite.was_run


def test_a_metric_of_single_examples_is_paired_by_them(runs, tmp_path: Path) -> None:
    """Half of the examples are negative and count twice, so that the mean over all is the share among them."""
    weights = "(targets == 0) * (predictions == 0) * 2.0"
    suite = Suite(runs, tmp_path, SPECIFICITY + f"\n\ndef per_example(targets, predictions):\n    return {weights}\n")
    row = suite.row(trust=True)
    sides = [suite.runs.predictions(0.90, 1), suite.runs.predictions(0.85, 2)]
    negative = sides[0]["targets"] == 0
    d = np.subtract(*(negative * (side["predictions"] == 0) * 2.0 for side in sides[::-1]))
    low, high = nested_difference(d).interval(0.98)
    assert row.method == "examples"
    assert row.interval == pytest.approx((low, high), rel=0.01)


def test_a_metric_that_is_not_trusted_is_not_run_and_the_note_says_so(suite: Suite) -> None:
    row = suite.row()
    assert not suite.was_run
    assert row.method == "intervals"
    assert "specificity.py is a file of the suite, which is run only with --trust" in row.note


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda suite: suite.file.write_text(suite.source + "\n"), "specificity.py changed after HEAD was run"),
        (lambda suite: suite.file.unlink(), "specificity.py cannot be used: there is no file"),
        (lambda suite: suite.file.write_text("def ("), "specificity.py cannot be used: "),
    ],
)
def test_a_file_that_changed_or_is_missing_is_not_run_either(suite: Suite, change, reason: str) -> None:
    change(suite)
    row = suite.row(trust=True)
    assert not suite.was_run
    assert row.method == "intervals"
    assert reason in row.note


@pytest.mark.parametrize("error", ["1 / 0", "raise SystemExit(3)", "raise KeyError('classes')"])
def test_whatever_the_function_raises_is_a_reason(runs, tmp_path: Path, error: str) -> None:
    source = SPECIFICITY.replace("    return float(", f"    {error}\n    return float(")
    row = Suite(runs, tmp_path, source).row(trust=True)
    assert "specificity failed: " in row.note
    at_import = SPECIFICITY.replace("UNIT =", f"{error}\nUNIT =")
    row = Suite(runs, tmp_path, at_import).row(trust=True)
    assert "specificity.py cannot be used: metric " in row.note


def test_a_recorded_value_of_another_version_of_the_file_is_not_compared_by_it(suite: Suite) -> None:
    suite.base = suite.run(1, 0.90, shift=0.001)
    assert "the record has" in suite.row(trust=True).note


def test_results_that_moved_with_their_suite_are_found(suite: Suite, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(suite.base.path.parent, moved / "results")
    shutil.copy(suite.file, moved)
    base, head = (Run(moved / "results" / run.name) for run in (suite.base, suite.head))
    suite.file.unlink()
    assert suite.runs.gated_row(compare(base, head, trust=True)).method == "resampling"


def test_a_file_with_the_name_of_a_metric_of_the_program_comes_before_it(tmp_path: Path) -> None:
    file = tmp_path / "accuracy.py"
    file.write_text('"""Accuracy."""\nUNIT = ""\nBETTER = "higher"\n\n\ndef accuracy(targets):\n    return 0.0\n')
    component = discovery.find("metrics", str(file), Path())
    files = MetricFiles({"quality/accuracy": ("../accuracy.py", component.source_hash)}, tmp_path / "results", True)
    (tmp_path / "results").mkdir()
    module, is_external = load(files, "quality/accuracy")
    assert (module.__file__, is_external) == (str(file), True)
    for others in (MetricFiles(files.hashes, files.folder), MetricFiles()):
        module, is_external = load(others, "quality/accuracy")
        assert (module, is_external) == (accuracy_file, False), "the recorded values show whether it is the same metric"
    with pytest.raises(UnusableMetricFile, match=r"^nothing is no metric of single predictions$"):
        load(files, "quality/nothing")
