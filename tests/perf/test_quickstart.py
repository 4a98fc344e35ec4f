"""The suite `quickstart` beside a script by hand that does the same trainings and evaluations, in processor time.

The script reads the same data and trains the same networks and estimators with a plain loop. It predicts the training,
test and shifted splits and computes the metrics with scikit-learn. It measures no speed, draws no resamples, and writes no
record and no report: the ratio is what all of that costs. Both run with one thread, each in its own process, so that
imports count. The ratio is of processor time, because other programs may use the machine.

`tox -e perf` runs it (about four minutes); alone: `pytest -m perf tests/perf/test_quickstart.py -s`. The file is the script
by hand, too: `python tests/perf/test_quickstart.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.perf
ROUNDS = 1
"Each takes about two minutes for both programs."
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
"""Share of the training split that the suite's default holds out; it evaluates it after each epoch."""


def by_hand() -> None:
    """Train and evaluate the 16 cells of the quickstart."""
    import importlib

    import numpy as np
    import torch
    from sklearn import metrics as scores_of
    from torch.nn import functional

    from bench_suite.data.encoded import encoded
    from bench_suite.data.preparation import prepare
    from bench_suite.data.sources import Sources

    torch.set_num_threads(1)

    def module_of(kind: str, name: str) -> Any:
        return importlib.import_module(f"bench_suite.{kind}.{name}")

    def evaluate(split: str, targets: Any, scores: Any) -> dict[str, float]:
        predicted = scores.argmax(axis=1)
        values = {"accuracy": float((predicted == targets).mean())}
        if split == "test":
            values["balanced_accuracy"] = scores_of.balanced_accuracy_score(targets, predicted)
            values["macro_f1"] = scores_of.f1_score(targets, predicted, average="macro")
            values["log_loss"] = scores_of.log_loss(targets, scores, labels=range(scores.shape[1]))
            if scores.shape[1] == 2:
                values["roc_auc"] = scores_of.roc_auc_score(targets, scores[:, 1])
            scores_of.confusion_matrix(targets, predicted)
        return values

    def train(data: Any, name: str) -> dict[str, Any]:
        file, options, epochs, rate = NETWORKS[name]
        model = module_of("models", file)
        network = model.build(data, model.Options(**options))
        columns = {split: encoded(network, data.splits[split]) for split in data.splits}
        batch_size = 64
        examples = columns["train"]
        module = network.module
        update = torch.optim.AdamW(module.parameters(), lr=rate, fused=True)
        steps = epochs * -(-len(examples) // batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(update, 1.0, 0.0, total_iters=steps)

        def logits(split: str, size: int = 256) -> torch.Tensor:
            module.eval()
            with torch.no_grad():
                rows = torch.arange(len(columns[split])).split(size)
                return torch.cat([module(**columns[split].batch(network, part).inputs) for part in rows])

        for _ in range(epochs):
            module.train()
            for rows in torch.randperm(len(examples)).split(batch_size):
                batch = network.collate(examples.take(rows))
                loss = functional.cross_entropy(module(**batch.inputs), batch.targets)
                loss.backward()
                update.step()
                schedule.step()
                update.zero_grad()
            if "validation" in data.splits:
                functional.cross_entropy(logits("validation"), torch.as_tensor(target(data, "validation")))
        return {split: logits(split).softmax(dim=1).numpy() for split in evaluated(data)}

    def fit(data: Any, name: str) -> dict[str, Any]:
        from bench_suite.contracts import TrainOptions

        model = module_of("models", name)
        estimator = model.build(data, model.Options())
        estimator.fit(data, TrainOptions(), lambda window: True)
        return {split: estimator.predict(data.splits[split])["scores"] for split in evaluated(data)}

    def evaluated(data: Any) -> list[str]:
        return [split for split in data.splits if split != "validation"]

    def target(data: Any, split: str) -> Any:
        return np.asarray(data.splits[split].take(np.arange(len(data.splits[split])))["target"])

    for task, models in PAIRS.items():
        module = module_of("tasks", task)
        data = prepare(module.load(module.Options(data="sample"), Sources(offline=True)), VALIDATION)
        for name in models:
            for seed in SEEDS:
                torch.manual_seed(seed)
                predicted = (train if name in NETWORKS else fit)(data, name)
                values = {split: evaluate(split, target(data, split), predicted[split]) for split in predicted}
                print(task, name, seed, {split: round(value["accuracy"], 3) for split, value in values.items()})


def processor_seconds(command: list[str]) -> float:
    """Return the processor time of a process and its children, user and system."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_quickstart_beside_a_script_by_hand(tmp_path: Path) -> None:
    suite, script = [], []
    run = [sys.executable, "-m", "bench_suite", "run", "quickstart", "--set", "matrix.threads=1", "--results"]
    for number in range(ROUNDS):
        suite.append(processor_seconds([*run, str(tmp_path / str(number))]))
        script.append(processor_seconds([sys.executable, __file__]))
    print(
        f"\nquickstart: {min(suite):.0f} s of processor, by hand {min(script):.0f} s: {min(suite) / min(script):.2f} times"
    )
    # The loose bound: the budget of `throughput` is wall time, of which a loaded machine gives less processor time.
    assert min(suite) < 1.6 * min(script)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    began = time.process_time()
    by_hand()
    print(f"{time.process_time() - began:.1f} s")
