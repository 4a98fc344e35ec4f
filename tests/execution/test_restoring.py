"""Claims about weights that a resume uses again: all buffers are kept, and predictions must equal the stored ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench_suite
from bench_suite.contracts import Predictions
from bench_suite.execution.restoring import _agree

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "./model.py"
[train]
epochs = 2
{train}
[matrix]
threads = 1
[probes.quality]
resamples = 100
{probes}
"""
MODEL = '''
"""A network that scales its logits by a number which it counts up while it trains."""

import torch
from torch import nn

from bench_suite.contracts import Network
from bench_suite.data.encoded import stack

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


class Counting(nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.layer = nn.Linear(columns, 2)
        BUFFER

    def forward(self, table):
        if self.training:
            UPDATE
        return self.layer(table) * (1.0 + self.steps)


def encode(raw):
    return {"table": torch.nan_to_num(torch.as_tensor(raw["table"]).float()).clamp(-5, 5).numpy()}


def build(data, options):
    return Network(Counting(len(data.spec["columns"])), encode=encode, collate=stack)
'''
IN_PLACE = ("self.register_buffer('steps', torch.zeros(1), persistent=False)", "self.steps.add_(0.1)")
FROM_NOTHING = (
    "self.register_buffer('steps', None, persistent=False)",
    "self.steps = (torch.zeros(1) if self.steps is None else self.steps) + 0.1",
)
PERSISTENT_FROM_NOTHING = (FROM_NOTHING[0].replace(", persistent=False", ""), FROM_NOTHING[1])
NO_BUFFER = ("self.steps = 0.0", "self.steps += 0.1")

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that writes the model and the suite, and runs it in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def running(buffer: tuple[str, str], probes: str = "", train: str = "", **options: Any) -> Any:
        Path("model.py").write_text(MODEL.replace("BUFFER", buffer[0]).replace("UPDATE", buffer[1]))
        Path("suite.toml").write_text(SUITE.format(probes=probes, train=train))
        outcome = bench_suite.run("suite.toml", trust=True, **options)
        assert [record.status for record in outcome.records] == ["ok"], outcome.records[0].reason
        return outcome

    return running


def metric(outcome: Any, name: str) -> float:
    (record,) = outcome.records
    return next(row.value for row in record.metrics if row.name == name)


@pytest.mark.parametrize(
    "buffer", [IN_PLACE, FROM_NOTHING, PERSISTENT_FROM_NOTHING], ids=["in place", "from nothing", "persistent"]
)
def test_a_probe_added_later_measures_the_network_that_was_trained(buffer: tuple[str, str], run: Run) -> None:
    added = "[probes.generalization]"
    whole = run(buffer, added)
    first = run(buffer, results="later")
    later = run(buffer, added, results="later", resume="newest")
    assert later.run.name == first.run.name
    assert later.records[0].weights_reused
    assert metric(later, "generalization/loss_gap") == pytest.approx(metric(whole, "generalization/loss_gap"))


def test_a_network_whose_state_is_in_no_buffer_trains_again(run: Run) -> None:
    added = "[probes.generalization]"
    whole = run(NO_BUFFER, added)
    run(NO_BUFFER, results="later")
    later = run(NO_BUFFER, added, results="later", resume="newest")
    (record,) = later.records
    assert not record.weights_reused
    assert any(note.startswith("trained again") for note in record.notes)
    assert metric(later, "generalization/loss_gap") == pytest.approx(metric(whole, "generalization/loss_gap"))


def test_weights_that_were_damaged_are_not_used(run: Run) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    first = run(IN_PLACE)
    (file,) = first.run.path.glob("weights/*.safetensors")
    with safe_open(file, "pt") as content:
        facts = content.metadata()
    tensors = load_file(file)
    save_file({**tensors, "layer.weight": -tensors["layer.weight"]}, file, metadata=facts)
    later = run(IN_PLACE, "[probes.generalization]", resume="newest")
    assert not later.records[0].weights_reused
    assert json.loads(facts["history"])["steps"] > 0


def test_early_stopping_restores_the_buffers_of_the_best_epoch(run: Run) -> None:
    """The learning rate makes each epoch worse than the first, whose scale is the smallest."""
    rising = (IN_PLACE[0], "self.steps.add_(1.0)")
    stopped = run(
        rising, train="patience = 1\nlearning_rate = 0.2\nbatch_size = 4000", probes="[probes.generalization]"
    )
    (file,) = stopped.run.path.glob("weights/*.safetensors")
    from safetensors.torch import load_file

    history = json.loads(json.dumps(_history(file)))
    steps = load_file(file)["steps"].item()
    assert steps == pytest.approx(history["best_epoch"] * history["steps"] / len(history["epochs"]))


def _history(file: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(file, "pt") as content:
        return json.loads(content.metadata()["history"])


# ── agreement ───────────────────────────────────────────────────────────────────────────────────


def predictions(scores: np.ndarray, **columns: Any) -> Predictions:
    numbers = np.arange(len(scores))
    return Predictions("test", numbers, {"predictions": scores.argmax(axis=1), "scores": scores, **columns})


def test_rounding_is_no_difference_and_another_network_is() -> None:
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(3), 1000).astype(np.float32)
    assert _agree(predictions(scores), predictions(scores + 1e-4))
    assert not _agree(predictions(scores), predictions(scores + 0.01))
    assert not _agree(predictions(scores), predictions(scores[::-1].copy()))
    assert not _agree(predictions(scores), predictions(scores, more=scores))


def test_small_values_of_a_regression_are_compared_relatively() -> None:
    values = np.linspace(1e-6, 1e-5, 100)
    stored, again = (Predictions("test", np.arange(100), {"predictions": column}) for column in (values, values * 1.1))
    assert _agree(stored, stored)
    assert not _agree(stored, again)
