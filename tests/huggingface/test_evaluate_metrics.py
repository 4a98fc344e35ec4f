"""Metrics of `evaluate` in a suite: trusted, named, with intervals; an error affects that metric alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from bench_suite.cli import main
from bench_suite.huggingface.evaluate_metrics import evaluate_metrics
from bench_suite.store.runs import Store

pytest.importorskip("evaluate", reason="evaluate is not installed; the extra `test` brings it")

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 2, 300)
PREDICTIONS = np.where(RANDOM.random(300) < 0.8, TARGETS, 1 - TARGETS)
SCORES = np.clip(PREDICTIONS * 0.4 + RANDOM.random(300) * 0.6, 0.01, 0.99)
COLUMNS = {"targets": TARGETS, "predictions": PREDICTIONS, "scores": np.stack([1 - SCORES, SCORES], axis=1)}
SPEC = {"classes": ("bad", "good")}
MODULE = """
import datasets
import evaluate
from sklearn import metrics


class Theirs(evaluate.Metric):
    def _info(self):
        kind = {kind}
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({columns}),
        )

    def _compute(self, {arguments}):
        {body}
"""
BOTH = """return {
            "precision": metrics.precision_score(references, predictions, average=average),
            "recall": metrics.recall_score(references, predictions, average=average),
        }"""
LABELS = '{"predictions": kind, "references": kind}'


@pytest.fixture
def script(tmp_path):
    """Write a metric script in the hub's form; return its name in a suite."""

    def write(
        name: str, body: str, kind: str = 'datasets.Value("int32")', columns: str = LABELS,
        arguments: str = 'predictions, references, average="binary"',
    ) -> str:  # fmt: skip
        text = MODULE.replace("{kind}", kind).replace("{columns}", columns)
        text = text.replace("{arguments}", arguments).replace("{body}", body)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        return f"evaluate:{folder}"

    return write


def measured(use, columns=COLUMNS, spec=SPEC, resamples=200):
    return {row.at.get("part", row.name): row for row in evaluate_metrics(use, columns, spec, resamples)}


def test_each_number_of_a_module_is_a_metric_with_an_interval_around_it(script):
    rows = measured(script("both", BOTH))
    assert rows.keys() == {"precision", "recall"}
    for part, oracle in (("precision", metrics.precision_score), ("recall", metrics.recall_score)):
        row = rows[part]
        assert row.value == pytest.approx(oracle(TARGETS, PREDICTIONS))
        assert row.interval.low < row.value < row.interval.high
        assert (row.name, row.n) == ("both", 300)


def test_intervals_are_those_of_the_same_metric_as_a_plain_function(script):
    from bench_suite.stats.intervals import bootstrap_interval

    rows = measured(script("both", BOTH) + "?part=recall")
    given = {"predictions": PREDICTIONS, "references": TARGETS}
    interval, _ = bootstrap_interval(
        lambda references, predictions: metrics.recall_score(references, predictions), given, resamples=200
    )
    assert rows["both"].interval == interval


def test_intervals_are_over_clusters_if_there_are_clusters(script):
    rows = measured(script("both", BOTH), {**COLUMNS, "cluster": np.arange(300) // 3})
    assert {row.interval.over for row in rows.values()} == {"clusters"}
    assert {row.interval.over for row in measured(script("both", BOTH)).values()} == {"examples"}


def test_arguments_part_and_name_stand_behind_the_question_mark(script):
    use = script("both", BOTH)
    (row,) = measured(f"{use}?average=macro&part=recall&name=macro_recall").values()
    assert row.value == pytest.approx(metrics.recall_score(TARGETS, PREDICTIONS, average="macro"))
    assert (row.name, row.at) == ("macro_recall", {})
    (row,) = measured(f"{use}?part=f1").values()
    assert "no f1 (it gives: precision, recall)" in row.reason


def test_scores_are_given_as_the_module_asks_for_them(script):
    columns = '{"prediction_scores": kind, "references": datasets.Value("int32")}'
    body = 'return {"roc_auc": metrics.roc_auc_score(references, prediction_scores)}'
    names = "prediction_scores, references"
    one = script("one", body, 'datasets.Value("float")', columns, names)
    assert measured(one)["one"].value == pytest.approx(metrics.roc_auc_score(TARGETS, SCORES))
    body = 'return {"loss": metrics.log_loss(references, prediction_scores)}'
    all_of_them = script("several", body, 'datasets.Sequence(datasets.Value("float32"))', columns, names)
    assert measured(all_of_them)["several"].value == pytest.approx(metrics.log_loss(TARGETS, COLUMNS["scores"]))


def test_where_a_module_asks_for_words_class_numbers_become_the_names_of_classes(script):
    body = 'return {"good": sum(word == "good" for row in predictions for word in row)}'
    kind = 'datasets.Sequence(datasets.Value("string"))'
    rows = np.empty(3, dtype=object)
    rows[:] = [np.array([0, 1]), np.array([1]), np.array([1, 1, 0])]
    use = script("tags", body, kind, arguments="predictions, references")
    assert measured(use, {"targets": rows, "predictions": rows})["tags"].value == 4.0


def test_numbers_are_not_cut_off_for_a_module_that_is_for_classes(script):
    (row,) = measured(script("both", BOTH), {"targets": RANDOM.random(9), "predictions": RANDOM.random(9)}).values()
    assert row.value is None
    assert "whole numbers" in row.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('raise RuntimeError("the server said no")', "RuntimeError: the server said no"),
        ("raise ValueError('only one class')", "only one class"),
        ('return {"note": "well done"}', "it gives no number"),
        ('return {"value": float("nan")}', "it is nan"),
    ],
)
def test_whatever_a_module_does_the_metric_is_absent_with_a_reason(script, body, reason):
    (row,) = measured(script("wrong", body)).values()
    assert (row.value, row.reason) == (None, reason)


def test_a_script_whose_imports_are_missing_says_what_to_install(script):
    use = script("needy", "return {}")
    path = Path(use.removeprefix("evaluate:")) / "needy.py"
    path.write_text("import no_such_package_here\n" + path.read_text())
    (row,) = measured(use).values()
    assert "no_such_package_here" in row.reason
    assert "pip install" in row.reason


@pytest.mark.slow
def test_one_that_is_not_in_the_cache_and_has_no_network_says_how_to_get_it(tmp_path):
    code = """
import numpy as np
from bench_suite.cli import main
from bench_suite.huggingface.evaluate_metrics import evaluate_metrics
columns = {"targets": np.array([0, 1]), "predictions": np.array([0, 1])}
(row,) = evaluate_metrics("evaluate:nobody_knows_this_one", columns, {}, 100)
assert row.value is None
print(row.reason)
"""
    # No server listens on port 9 (discard).
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **nowhere}, capture_output=True, text=True, check=False
    )
    assert 'evaluate.load("nobody_knows_this_one")\' fetches it' in done.stdout, done.stderr
    assert str(tmp_path) not in done.stdout


def test_without_the_package_the_reason_says_what_brings_it(script, monkeypatch):
    monkeypatch.setitem(sys.modules, "evaluate", None)
    (row,) = measured(script("absent", BOTH)).values()
    assert "pip install 'bench-suite[evaluate]'" in row.reason


# ── in a suite ──────────────────────────────────────────────────────────────────────────────────

SUITE = """
[[tasks]]
use = "breast_cancer"
[[models]]
use = "logistic_regression"
[matrix]
threads = 1
[probes.quality]
resamples = 100
metrics = ["USE"]
[gate]
"quality/both" = { min = 0.5 }
"""


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command in the test's own folder: its status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def test_a_suite_names_one_by_path_trusts_it_and_gates_it(script, bench, tmp_path):
    script("both", BOTH)
    (tmp_path / "suite.toml").write_text(SUITE.replace("USE", "evaluate:./both?part=recall&better=higher"))
    status, _, err = bench("run", "suite.toml")
    assert status == 2
    assert "evaluate:./both" in err
    assert "--trust" in err
    status, out, err = bench("run", "suite.toml", "--trust")
    assert status == 0, err
    assert "gate passed: quality/both" in out
    (record,) = Store(tmp_path / "results").open("latest").records()
    (row,) = [row for row in record.metrics if row.name == "quality/both"]
    assert (row.better, row.at) == ("higher", {})
    assert 0.5 < row.value <= 1.0
    assert "quality/<br>both ↑" in next((tmp_path / "results").glob("*/report.md")).read_text()


def test_a_tolerance_of_one_whose_direction_is_not_said_is_told_with_what_to_write(script, bench, tmp_path):
    script("both", BOTH)
    text = SUITE.replace("USE", "evaluate:./both?part=recall").partition("[gate]")[0]
    (tmp_path / "suite.toml").write_text(f'{text}[gate]\n"quality/both" = {{ tolerance = 0.1 }}\n')
    status, _, err = bench("plan", "suite.toml")
    assert status == 2
    assert "say which is better: evaluate:./both?part=recall&better=higher" in err


def test_one_that_gives_no_value_in_any_cell_is_told_at_the_end(script, bench, tmp_path):
    script("both", "raise OSError('its data are gone')")
    (tmp_path / "suite.toml").write_text(SUITE.replace("USE", "evaluate:./both").split("[gate]")[0])
    status, _, err = bench("run", "suite.toml", "--trust")
    assert status == 0
    assert "quality/both has no value: OSError: its data are gone" in err


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("evaluate:./boht", "no such metric script"),
        ("evaluate:", "names no metric of evaluate"),
        ("evaluate:a/b/c", "names no metric of evaluate"),
        ("evaluate:f1?average", "write key=value"),
        ("evaluate:f1?=macro", "the name of an argument"),
        ("evaluate:f1?better=up&x=1", 'better must be "higher", "lower" or "none", not "up"'),
    ],
)
def test_what_is_misspelt_is_told_with_its_line_before_anything_is_spent(use, message, bench, tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE.replace("USE", use))
    status, _, err = bench("plan", "suite.toml")
    assert status == 2
    assert "suite.toml:10: probes.quality.metrics[0]" in err
    assert message in err


def test_one_that_is_called_as_our_own_needs_another_name(bench, tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE.replace("USE", "evaluate:accuracy").split("[gate]")[0])
    status, _, err = bench("run", "suite.toml", "--trust")
    assert status == 2
    assert "both called accuracy; write evaluate:accuracy?name=NAME" in err


def test_a_run_that_needs_no_evaluate_does_not_wait_for_its_import(tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE.split("metrics =")[0])
    code = (
        "import sys\nfrom bench_suite.cli import main\nsys.argv = ['bench', 'run', 'suite.toml']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'bench_suite.huggingface.evaluate_metrics' in sys.modules\nassert 'evaluate' not in sys.modules"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
