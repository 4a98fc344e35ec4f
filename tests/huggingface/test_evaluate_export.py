"""Metrics offered to programs that use `evaluate`: as a module, and as a path to load, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench_suite
from bench_suite.components import discovery
from bench_suite.contracts import BenchError

evaluate = pytest.importorskip("evaluate", reason="evaluate is not installed; the extra `test` brings it")

METRICS = discovery.builtin("metrics")
OTHER = """
UNIT = "fraction"
BETTER = "higher"


def within(targets, predictions, tolerance=1.0):
    return float((abs(targets - predictions) <= tolerance).mean())
"""


@pytest.mark.slow
def test_every_metric_loads_through_evaluate_itself_with_no_network(tmp_path):
    code = f"""
import socket
def refuse(*_, **__): raise AssertionError("a network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import bench_suite
paths = {{name: bench_suite.evaluate_path(name) for name in {METRICS!r}}}
import evaluate
labels = {{"references": [0, 1, 1, 0], "predictions": [0, 1, 0, 0]}}
assert evaluate.load(paths["accuracy"]).compute(**labels) == {{"accuracy": 0.75}}
both = evaluate.combine([evaluate.load(paths["accuracy"]), evaluate.load(paths["macro_f1"])]).compute(**labels)
assert both.keys() == {{"accuracy", "macro_f1"}}
scores = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]
assert evaluate.load(paths["roc_auc"]).compute(references=[0, 1, 1, 0], prediction_scores=scores) == {{"roc_auc": 1.0}}
for name, path in paths.items():
    assert evaluate.load(path).name == name
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "BENCH_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_of_ones_own_is_offered_too_and_its_options_are_keywords(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("within.py").write_text(OTHER)
    module = bench_suite.evaluate_module("./within.py", cache_dir="cache")
    assert module.compute(predictions=[1.0, 2.0], references=[1.5, 4.0]) == {"within": 0.5}
    assert module.compute(predictions=[1.0, 2.0], references=[1.5, 4.0], tolerance=3) == {"within": 1.0}
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    assert evaluate.load(bench_suite.evaluate_path("within.py")).compute(predictions=[1], references=[1]) == {
        "within": 1.0
    }


def test_a_metric_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(BenchError, match='there is no metric "acuracy"; did you mean '):
        bench_suite.evaluate_module("acuracy")


def test_without_the_package_the_message_says_what_brings_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "bench_suite.huggingface.evaluate_wrapper", raising=False)
    monkeypatch.setitem(sys.modules, "evaluate", None)
    with pytest.raises(BenchError, match=r"pip install 'bench-suite\[evaluate\]'"):
        bench_suite.evaluate_module("accuracy")
