"""The native engine: it learns, stops, reports its history, and repeats a training bit for bit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Value
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import (
    BenchError,
    Data,
    Evaluation,
    History,
    Network,
    Placement,
    Source,
    TrainingFailed,
    TrainOptions,
)
from bench_suite.data.encoded import Encoded, encoded, stack
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, Subset
from bench_suite.engines import native
from bench_suite.models import cnn, mlp
from bench_suite.problems import classification
from bench_suite.tasks import mnist
from bench_suite.training.prediction import predict

PLACE = Placement("cpu", 1, "32-true")


@pytest.fixture(scope="module")
def digits() -> Data:
    """The real sample of MNIST: 3,600 examples for train, 400 for validation, 1,000 for test."""
    return prepare(mnist.load(mnist.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(
    data: Data,
    options: TrainOptions,
    seed: int = 0,
    placement: Placement = PLACE,
    report: Callable[[Any], bool] = lambda window: True,
    model: Any = mlp,
) -> tuple[Network, History]:
    torch.manual_seed(seed)
    network = model.build(data, model.Options())
    columns_of: dict[str, Encoded] = {}

    def columns(name: str) -> Encoded:
        return columns_of.setdefault(name, encoded(network, data.splits[name]))

    return network, native.train(network, data, classification, options, placement, report, columns)


def predictions(
    network: Network, data: Data, split: str = "test", placement: Placement = PLACE
) -> dict[str, np.ndarray]:
    evaluation = Evaluation(256, data.spec, None)
    return predict(network, classification, encoded(network, data.splits[split]), evaluation, placement)


def accuracy(network: Network, data: Data, split: str = "test") -> float:
    targets = data.splits[split].take(np.arange(len(data.splits[split])))["target"]
    return float((predictions(network, data, split)["predictions"] == targets).mean())


@pytest.mark.parametrize(
    "options",
    [
        TrainOptions(epochs=3),
        TrainOptions(epochs=3, optimizer="sgd", learning_rate=0.05, nesterov=True, weight_decay=1e-4),
        TrainOptions(epochs=3, learning_rate=3e-3, schedule="cosine", warmup=0.1, gradient_clip=1.0),
    ],
    ids=["adamw", "sgd", "all options"],
)
def test_it_learns_digits(digits: Data, options: TrainOptions) -> None:
    network, history = train(digits, options)
    assert accuracy(network, digits) > 0.88
    assert [row["epoch"] for row in history.epochs] == [1.0, 2.0, 3.0]
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]
    assert history.epochs[-1]["validation_loss"] < history.epochs[0]["validation_loss"]
    assert history.steps == 3 * math.ceil(3_600 / 64)
    assert history.samples == 3 * 3_600
    assert history.stopped is None
    assert history.best_epoch is None


def test_the_same_seed_gives_the_same_predictions_bit_for_bit(digits: Data) -> None:
    first, second, other = (train(digits, TrainOptions(epochs=1), seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(predictions(first, digits)["scores"], predictions(second, digits)["scores"])
    assert not np.array_equal(predictions(first, digits)["scores"], predictions(other, digits)["scores"])


def test_it_updates_as_the_plain_loop_does(digits: Data) -> None:
    """One epoch in the engine's own order, drawn from the same seed."""
    options = TrainOptions(epochs=1, optimizer="sgd", learning_rate=0.1, momentum=0.9)
    network, _ = train(digits, options, seed=5)

    torch.manual_seed(5)
    plain = mlp.build(digits, mlp.Options())
    order = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    columns = encoded(plain, digits.splits["train"])
    optimiser = torch.optim.SGD(plain.module.parameters(), lr=0.1, momentum=0.9)
    for rows in torch.randperm(len(columns), generator=order).split(64):
        batch = columns.batch(plain, rows)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(plain.module(**batch.inputs), batch.targets).backward()
        optimiser.step()
    for ours, theirs in zip(network.module.parameters(), plain.module.parameters()):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_loss_of_an_epoch_is_the_mean_over_examples_when_the_last_batch_is_smaller(digits: Data) -> None:
    """With a learning rate of 0, the epoch's loss is that of the untrained network: 100 examples as 64 and 36."""
    train_split = Subset(digits.splits["train"], np.arange(100))
    data = replace(digits, splits={"train": train_split, "test": digits.splits["test"]})
    network, history = train(data, TrainOptions(epochs=1, optimizer="sgd", learning_rate=0.0, batch_size=64))
    network.module.eval()
    batch = encoded(network, train_split).batch(network, torch.arange(100))
    expected = torch.nn.functional.cross_entropy(network.module(**batch.inputs), batch.targets)
    assert history.epochs[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_windows_cover_the_training_and_the_first_is_left_out(digits: Data) -> None:
    windows: list[Any] = []
    _, history = train(digits, TrainOptions(epochs=6), report=lambda window: windows.append(window) is None)
    assert list(history.windows) == windows[1:]
    assert all(window.seconds >= 0.05 and 0.0 < window.stalled < window.seconds for window in windows)
    assert sum(window.samples for window in windows) <= history.samples
    assert history.seconds >= sum(window.seconds for window in windows)


def test_a_report_that_says_no_ends_the_training_at_once(digits: Data) -> None:
    _, history = train(digits, TrainOptions(epochs=50), report=lambda window: False)
    assert history.stopped == "interrupted"
    assert history.steps < 50 * 57


def test_early_stopping_keeps_the_weights_of_the_best_epoch(digits: Data) -> None:
    options = TrainOptions(epochs=40, learning_rate=0.02, patience=2)
    network, history = train(digits, options)
    losses = [row["validation_loss"] for row in history.epochs]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == history.best_epoch + 2
    assert history.stopped == "no lower validation loss in 2 epochs"
    scores = predictions(network, digits, "validation")["scores"]
    targets = digits.splits["validation"].take(np.arange(400))["target"]
    assert -np.log(scores[np.arange(400), targets]).mean() == pytest.approx(min(losses), rel=1e-3)


def test_patience_without_a_validation_split_says_what_to_set(digits: Data) -> None:
    splits = {name: split for name, split in digits.splits.items() if name != "validation"}
    with pytest.raises(BenchError, match="set validation above 0"):
        train(replace(digits, splits=splits), TrainOptions(patience=1))
    _, history = train(replace(digits, splits=splits), TrainOptions(epochs=1))
    assert "validation_loss" not in history.epochs[0]


def test_a_loss_that_is_not_finite_names_step_and_learning_rate(digits: Data) -> None:
    with pytest.raises(TrainingFailed, match=r"finite number at step \d+, where the learning rate is 1e\+30"):
        train(digits, TrainOptions(epochs=2, optimizer="sgd", learning_rate=1e30))


class Columns(torch.nn.Module):
    """Layers on the columns of a table."""

    def __init__(self, *layers: torch.nn.Module) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return self.layers(table)


def train_table(values: np.ndarray, module: torch.nn.Module, options: TrainOptions, **splits: np.ndarray) -> History:
    """Train on a table of two classes whose values are not changed by `encode`."""
    tables = {"train": values, **splits}
    named = {
        name: MemorySplit(
            np.arange(len(table)), {"table": table.astype(np.float32), "target": np.arange(len(table)) % 2}
        )
        for name, table in tables.items()
    }
    spec = {"classes": ["a", "b"], "columns": [f"c{number}" for number in range(values.shape[1])]}
    data = Data("classification", spec, named, Source("generated", "table", "0"))
    network = Network(module, lambda raw: {"table": raw["table"]}, stack)
    torch.manual_seed(0)
    return native.train(
        network, data, classification, options, PLACE, lambda window: True, lambda name: encoded(network, named[name])
    )


def test_missing_inputs_are_named_before_the_learning_rate_is_blamed() -> None:
    values = np.random.default_rng(0).normal(size=(100, 3))
    missing = values.copy()
    missing[:25, 1] = np.nan
    options = TrainOptions(epochs=1)
    with pytest.raises(TrainingFailed, match=r'inputs of train .*column "c1" \(25.0% missing\)') as raised:
        train_table(missing, Columns(torch.nn.Linear(3, 2)), options)
    assert "learning" not in str(raised.value)
    with pytest.raises(TrainingFailed, match=r'inputs of validation .*column "c1" \(25.0% missing\)'):
        train_table(values, Columns(torch.nn.Linear(3, 2)), options, validation=missing)


def test_the_last_batch_of_one_example_joins_the_one_before_it_if_the_network_normalises_batches() -> None:
    nn = torch.nn
    values = np.random.default_rng(0).normal(size=(65, 3))
    options = TrainOptions(epochs=2, schedule="linear", learning_rate=1.0, optimizer="sgd", batch_size=32)
    history = train_table(values, Columns(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), options)
    assert (history.steps, history.samples) == (4, 130)
    assert train_table(values, Columns(nn.Linear(3, 2)), options).steps == 6, "other networks train as before"


def test_a_wrong_output_is_refused_before_any_weight_changes() -> None:
    module = Columns(torch.nn.Linear(3, 1))
    before = module.layers[0].weight.detach().clone()
    with pytest.raises(BenchError, match="forward must return a tensor of logits"):
        train_table(np.zeros((8, 3)), module, TrainOptions(epochs=1))
    assert torch.equal(module.layers[0].weight, before)


def test_bfloat16_learns_as_well_and_its_weights_stay_float32(digits: Data) -> None:
    placement = replace(PLACE, precision="bf16-mixed")
    network, _ = train(digits, TrainOptions(epochs=3), placement=placement)
    assert accuracy(network, digits) > 0.88
    assert {p.dtype for p in network.module.parameters()} == {torch.float32}
    assert not np.array_equal(
        predictions(network, digits)["scores"], predictions(network, digits, placement=placement)["scores"]
    )


def test_no_epochs_leave_the_weights_as_they_are(digits: Data) -> None:
    network, history = train(digits, TrainOptions(epochs=0), seed=9)
    torch.manual_seed(9)
    fresh = mlp.build(digits, mlp.Options())
    assert torch.equal(network.module.layers[0].weight, fresh.module.layers[0].weight)
    assert (history.steps, history.seconds, history.epochs) == (0, 0.0, ())


def test_a_split_on_disk_is_read_a_batch_at_a_time_and_trains_to_the_same_weights(digits: Data) -> None:
    class OnDisk:
        in_memory = False

        def __init__(self, split: Any) -> None:
            self.split, self.ids, self.groups = split, split.ids, split.groups
            self.most, self.reader = Value("q", 0), Value("q", 0)  # a worker process writes them

        def __len__(self) -> int:
            return len(self.split)

        def take(self, rows: np.ndarray) -> Any:
            self.most.value, self.reader.value = max(self.most.value, len(rows)), os.getpid()
            return self.split.take(rows)

    options = TrainOptions(epochs=1)
    expected, _ = train(digits, options)
    disk = {name: OnDisk(split) for name, split in digits.splits.items()}

    torch.manual_seed(0)
    network = mlp.build(digits, mlp.Options())
    data = replace(digits, splits=disk)
    native.train(
        network, data, classification, options, PLACE, lambda window: True, lambda name: encoded(network, disk[name])
    )
    assert disk["train"].most.value == 64
    assert disk["train"].reader.value != os.getpid(), "no worker read it"
    assert np.array_equal(predictions(network, digits)["scores"], predictions(expected, digits)["scores"])


def test_an_ambient_generator_decides_the_order_so_two_trainings_in_a_row_differ(digits: Data) -> None:
    torch.manual_seed(0)
    networks = []
    for _ in range(2):
        state = torch.get_rng_state()
        torch.manual_seed(1)
        network = mlp.build(digits, mlp.Options())
        torch.set_rng_state(state)
        columns = {name: encoded(network, split) for name, split in digits.splits.items()}
        options = TrainOptions(epochs=1)
        native.train(network, digits, classification, options, PLACE, lambda window: True, columns.__getitem__)
        networks.append(network)
    assert not np.array_equal(*(predictions(network, digits)["scores"] for network in networks))


def test_data_of_one_example_train(digits: Data) -> None:
    images, target = digits.splits["train"].take(np.arange(1)).values()
    split = MemorySplit(np.arange(1), {"image": images, "target": target})
    data = Data("classification", digits.spec, {"train": split, "test": split}, Source("generated", "one", "0"))
    _, history = train(data, TrainOptions(epochs=2))
    assert history.steps == 2


@pytest.mark.slow
def test_the_cnn_reaches_96_percent_on_the_sample(digits: Data) -> None:
    options = TrainOptions(epochs=3, learning_rate=3e-3, schedule="linear")
    scores = [accuracy(train(digits, options, seed, model=cnn)[0], digits) for seed in (0, 1, 2)]
    assert np.mean(scores) >= 0.96


@pytest.mark.slow
@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("BENCH_DATA", ""), "ylecun", "mnist")),
    reason="needs the full MNIST: a folder ylecun/mnist in $BENCH_DATA",
)
@pytest.mark.parametrize(
    ("model", "options", "least"),
    [
        (mlp, TrainOptions(epochs=5, learning_rate=2e-3, schedule="linear"), 0.975),
        (cnn, TrainOptions(epochs=3, learning_rate=3e-3, schedule="linear"), 0.990),
    ],
    ids=["mlp", "cnn"],
)
def test_the_full_mnist_is_learnt_as_well_as_is_known(model: Any, options: TrainOptions, least: float) -> None:
    data = prepare(mnist.load(mnist.Options(), Sources(offline=True)), 0.1, smoke=False)
    scores = [accuracy(train(data, options, seed, model=model)[0], data) for seed in (0, 1)]
    assert np.mean(scores) >= least
