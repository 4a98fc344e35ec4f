"""The suite `quickstart` beside a script by hand that does the same trainings and evaluations, in processor time.

The script reads the same data and trains the same networks and estimators with a plain loop. It predicts the training,
test and shifted splits and computes the metrics with scikit-learn. It measures no speed, draws no resamples, and writes
no record and no report: the ratio is what all of that costs. Both run with one thread, each in its own process, so that
imports count, and at the same time, so that other programs on the machine disturb both. The ratio is of processor time.

`tox -e perf` runs it (about two minutes); alone: `pytest -m perf tests/perf/test_quickstart.py -s`. The file is the
script by hand, too: `python tests/perf/test_quickstart.py`.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.perf
SEEDS = (0, 1)
NETWORKS: dict[str, tuple[str, dict[str, Any], int, float]] = {
    "mlp": ("mlp", {}, 15, 2e-3),
    "cnn": ("cnn", {}, 3, 3e-3),
    "bag_of_words": ("bag_of_words", {}, 3, 3e-3),
    "single_words": ("bag_of_words", {"ngrams": 1}, 3, 3e-3),
}
"Model, options, epochs and learning rate, as in the suite."
PAIRS = {
    "mnist": ("mlp", "cnn", "logistic_regression"),
    "imdb": ("bag_of_words", "single_words"),
    "loans": ("mlp", "logistic_regression", "gradient_boosting"),
}
VALIDATION = 0.1
"Share of the training split that is held out and evaluated after each epoch: the default of suites."
BATCH = 64


def module_of(kind: str, name: str) -> Any:
    return importlib.import_module(f"bench_suite.{kind}.{name}")


def target(data: Any, split: str) -> np.ndarray:
    return np.asarray(data.splits[split].take(np.arange(len(data.splits[split])))["target"])


def evaluated(data: Any) -> list[str]:
    return [split for split in data.splits if split != "validation"]


def train(data: Any, name: str) -> dict[str, np.ndarray]:
    """Train a network with a plain loop; return the scores of each split."""
    import torch
    from torch.nn import functional

    from bench_suite.data.encoded import encoded

    file, options, epochs, rate = NETWORKS[name]
    model = module_of("models", file)
    network = model.build(data, model.Options(**options))
    columns = {split: encoded(network, data.splits[split]) for split in data.splits}
    examples, module = columns["train"], network.module
    update = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=0.0, fused=True)
    steps = epochs * -(-len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(update, 1.0, 0.0, total_iters=steps)

    def logits(split: str) -> torch.Tensor:
        module.eval()
        with torch.no_grad():
            rows = torch.arange(len(columns[split])).split(256)
            return torch.cat([module(**columns[split].batch(network, part).inputs) for part in rows])

    for _ in range(epochs):
        module.train()
        for rows in torch.randperm(len(examples)).split(BATCH):
            batch = network.collate(examples.take(rows))
            loss = functional.cross_entropy(module(**batch.inputs), batch.targets)
            loss.backward()
            update.step()
            schedule.step()
            update.zero_grad()
        functional.cross_entropy(logits("validation"), torch.as_tensor(target(data, "validation")))
    return {split: logits(split).softmax(dim=1).numpy() for split in evaluated(data)}


def fit(data: Any, name: str) -> dict[str, np.ndarray]:
    """Fit an estimator; return the scores of each split."""
    from bench_suite.contracts import TrainOptions

    model = module_of("models", name)
    estimator = model.build(data, model.Options())
    estimator.fit(data, TrainOptions(), lambda window: True)
    return {split: estimator.predict(data.splits[split])["scores"] for split in evaluated(data)}


def evaluate(targets: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the metrics of a split, from scikit-learn."""
    from sklearn import metrics

    predicted = scores.argmax(axis=1)
    values = {
        "accuracy": metrics.accuracy_score(targets, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, predicted),
        "macro_f1": metrics.f1_score(targets, predicted, average="macro"),
        "log_loss": metrics.log_loss(targets, scores, labels=range(scores.shape[1])),
    }
    if scores.shape[1] == 2:
        values["roc_auc"] = metrics.roc_auc_score(targets, scores[:, 1])
    metrics.confusion_matrix(targets, predicted)
    return {name: float(value) for name, value in values.items()}


def by_hand() -> None:
    """Train and evaluate the 16 cells of the quickstart."""
    import torch

    from bench_suite.data.preparation import prepare
    from bench_suite.data.sources import Sources

    torch.set_num_threads(1)
    for task, models in PAIRS.items():
        module = module_of("tasks", task)
        data = prepare(module.load(module.Options(data="sample"), Sources(offline=True)), VALIDATION)
        for name in models:
            for seed in SEEDS:
                torch.manual_seed(seed)
                predicted = (train if name in NETWORKS else fit)(data, name)
                values = {split: evaluate(target(data, split), scores) for split, scores in predicted.items()}
                print(task, name, seed, {split: round(of_split["accuracy"], 3) for split, of_split in values.items()})


def processor_seconds(*commands: list[str]) -> list[float]:
    """Run commands at the same time; return the processor time of each, user and system, with its children."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) for command in commands]
    seconds = []
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        seconds.append(usage.ru_utime + usage.ru_stime)
    return seconds


def test_quickstart_beside_a_script_by_hand(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "bench_suite", "run", "quickstart", "--set", "matrix.threads=1"]
    suite, script = processor_seconds([*run, "--results", str(tmp_path)], [sys.executable, __file__])
    print(f"\nquickstart: {suite:.0f} s of processor, by hand {script:.0f} s: {suite / script:.2f} times")
    assert suite < 1.25 * script


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    by_hand()
