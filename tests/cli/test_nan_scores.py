"""A model with NaN scores for some test examples: no metric uses them, and every report gives the reason."""

import json
import re

from bench_suite.store.runs import Store

MODEL = '''
"""A line whose logits are no numbers for some examples, once it is trained."""

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Batch, Network

MODALITIES = ("table",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)


class Line(nn.Module):
    def __init__(self, columns, outputs):
        super().__init__()
        self.line = nn.Linear(columns, outputs)

    def forward(self, table):
        found = self.line(table)
        found = found if self.training else torch.where(table[:, :1] > 0.5, torch.nan, found)
        return found if found.shape[1] > 1 else found[:, 0]


def build(data, options):
    split = data.splits["train"]
    table = split.take(np.arange(len(split)))["table"]
    middle, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0) + 1e-6

    def encode(raw):
        scaled = np.nan_to_num((raw["table"] - middle) / spread)
        return {"table": scaled.astype(np.float32), "target": raw["target"]}

    def collate(columns):
        return Batch({"table": columns["table"]}, columns["target"])

    return Network(Line(table.shape[1], len(data.spec.get("classes", "1"))), encode, collate)
'''
SUITE = """
[[tasks]]
use = "{task}"
[[models]]
use = "./broken.py"
[train]
epochs = 1
[matrix]
threads = 1
[probes.quality]
resamples = 100
[probes.generalization]
"""
CLASSES = """
[probes.fairness]
[probes.attribution]
methods = ["saliency"]
examples = 16
[gate]
"quality/accuracy" = { min = 0.5 }
"""
WHY = r"scores are not finite numbers"


def test_what_they_would_make_is_absent_with_that_reason_for_gates_the_report_and_the_status(bench, tmp_path):
    (tmp_path / "broken.py").write_text(MODEL)
    (tmp_path / "s.toml").write_text(SUITE.replace("{task}", "loans") + CLASSES)
    ended = bench("run", "s.toml", "--trust")
    assert ended.status == 3
    gate = next(line for line in ended.out.splitlines() if line.startswith("gate "))
    assert gate.startswith(
        "gate absent: quality/accuracy, loans, broken, threads 1: no cell has measured it: probe failed"
    )
    assert WHY in gate
    run = Store(tmp_path / "results").open("latest")
    (record,) = run.records()
    for label in ("quality", "generalization", "fairness"):
        assert record.probes[label].status == "failed"
        assert WHY in record.probes[label].reason
        assert f"probe {label} failed: broken, test: " in ended.err
    assert record.probes["attribution"].status == "ok"
    assert record.metrics
    assert all(row.value is None and row.reason for row in record.metrics)
    report = (run.path / "report.md").read_text()
    assert report.count(WHY) >= 3
    assert "logits are not finite numbers" in report
    assert "nan" not in re.findall(r"\w+", report.lower())
    json.dumps([vars(row) for row in record.metrics], default=vars, allow_nan=False)


def test_so_it_is_with_predictions_of_a_regression(bench, tmp_path):
    (tmp_path / "broken.py").write_text(MODEL)
    (tmp_path / "s.toml").write_text(SUITE.replace("{task}", "diabetes"))
    ended = bench("run", "s.toml", "--trust")
    assert ended.status == 3
    (record,) = Store(tmp_path / "results").open("latest").records()
    assert "not finite" in record.probes["quality"].reason
    assert not record.metrics
