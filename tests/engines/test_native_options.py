"""Other options of the native engine: targets, checkpoints, Muon, smoothing, augmentation, compiling, buckets."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import (
    Batch,
    BenchError,
    Data,
    Evaluation,
    History,
    Network,
    Placement,
    Source,
    TrainOptions,
    Window,
)
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.ragged import Ragged
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, column
from bench_suite.engines import native
from bench_suite.models import cnn, mlp, resnet
from bench_suite.problems import classification, regression
from bench_suite.tasks import mnist
from bench_suite.training import checkpoints, compiling, optimisers
from bench_suite.training.prediction import mean_loss, predict

PLACE = Placement("cpu", 1, "32-true")


@pytest.fixture(scope="module")
def digits() -> Data:
    return prepare(mnist.load(mnist.Options(data="sample"), Sources(offline=True)), 0.1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(
    data: Data, options: TrainOptions, placement: Placement = PLACE, report: Any = lambda w: True, saved: Any = None,
    model: Any = mlp, own_augment: Any = None, own_loss: Any = None, **chosen: Any,
) -> tuple[Network, History]:  # fmt: skip
    torch.manual_seed(0)
    network = model.build(data, model.Options(**chosen))
    network.augment, network.loss = own_augment, own_loss
    if placement.compiled:
        compiling.compile_module(network.module)
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation")}
    torch.manual_seed(1)
    history = native.train(network, data, classification, options, placement, report, columns.__getitem__, saved)
    return network, history


def equal(first: Network, second: Network) -> bool:
    others = second.module.state_dict()
    return all(torch.equal(value, others[name]) for name, value in first.module.state_dict().items())


def noisy(batch: Batch, generator: torch.Generator) -> Batch:
    """Add noise to images, drawn from the engine's generator."""
    noise = 8.0 * torch.randn(batch.inputs["image"].shape, generator=generator)
    return Batch({"image": batch.inputs["image"] + noise}, batch.targets)


# ── targets ─────────────────────────────────────────────────────────────────────────────────────


def test_training_ends_in_the_first_epoch_that_reaches_the_target(digits: Data) -> None:
    _, history = train(digits, TrainOptions(epochs=30, target={"quality/accuracy": 0.85}))
    values = [row["validation_accuracy"] for row in history.epochs]
    assert values[-1] >= 0.85
    assert all(value < 0.85 for value in values[:-1])
    assert history.target is not None
    assert history.target["reached"] is True
    assert history.target["epochs"] == len(values) < 30
    assert history.target["samples"] == history.samples == len(values) * len(digits.splits["train"])
    assert history.target["seconds"] == history.seconds > 0
    assert history.stopped == "quality/accuracy reached"


def test_a_target_out_of_reach_says_how_near_it_came(digits: Data) -> None:
    _, history = train(digits, TrainOptions(epochs=2, target={"accuracy": 1.0}))
    assert history.target == {
        "metric": "accuracy", "wanted": 1.0, "reached": False,
        "best": max(row["validation_accuracy"] for row in history.epochs),
    }  # fmt: skip


def test_where_lower_is_better_the_target_is_an_upper_bound(digits: Data) -> None:
    _, history = train(digits, TrainOptions(epochs=20, target={"quality/log_loss": 0.35}))
    values = [row["validation_log_loss"] for row in history.epochs]
    assert values[-1] <= 0.35 < values[0]


def test_the_test_split_has_no_say(digits: Data) -> None:
    """An unreadable test split would fail the training if the training read it."""
    without = Data(digits.problem, digits.spec, {n: s for n, s in digits.splits.items() if n != "test"}, digits.source)
    _, history = train(without, TrainOptions(epochs=1, target={"accuracy": 0.1}))
    assert history.target is not None


# ── checkpoints ─────────────────────────────────────────────────────────────────────────────────


class Kept:
    """Checkpoints in memory; the class counts how often they are saved."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.times = 0

    def save(self, content: bytes) -> None:
        self.content, self.times = content, self.times + 1

    def load(self) -> bytes | None:
        return self.content


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd", "schedule": "cosine", "warmup": 0.1, "augment": ("shift", "mixup")},
        {"optimizer": "muon", "patience": 2},
        {"target": {"quality/accuracy": 1.0}, "learning_rate": 0.02},
        {"optimizer": "muon", "weight_decay": 0.1, "gradient_clip": 1.0, "model": cnn, "channels": (4, 8)},
        {"sampler": "balanced", "class_weights": {str(digit): 1.0 + digit for digit in range(10)}},
        {"own_augment": True},
    ],
    ids=[
        "adamw",
        "sgd, augmented",
        "muon, early stopping",
        "target",
        "muon of kernels",
        "balanced sampler",
        "own augment",
    ],
)
def test_a_training_that_was_cut_off_goes_on_bit_for_bit(digits: Data, options: Any, monkeypatch: Any) -> None:
    options = dict(options)
    if options.get("optimizer") == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    monkeypatch.setattr("bench_suite.training.clock.Clock.step", one_window_in_ten_steps)
    monkeypatch.setattr(checkpoints.Timer, "due", lambda timer: timer.checkpoints is not None)
    own = noisy if options.pop("own_augment", False) else None
    model = {name: options.pop(name) for name in ("model", "channels") if name in options}
    model = model or {"model": mlp, "hidden": (64, 64), "dropout": 0.2}
    asked = TrainOptions(epochs=3, checkpoint="10m", **options)
    whole, expected = train(digits, asked, saved=Kept(), own_augment=own, **model)

    saved, windows = Kept(), 0

    def cut(window: Window) -> bool:
        nonlocal windows
        windows += 1
        if windows == 9:  # in the second epoch
            raise Killed
        return True

    with pytest.raises(Killed):
        train(digits, asked, saved=saved, report=cut, own_augment=own, **model)
    assert saved.times == 8
    torch.manual_seed(99)  # a state other than the checkpoint's
    resumed, history = train(digits, asked, saved=saved, own_augment=own, **model)
    assert equal(whole, resumed)
    assert history.epochs == expected.epochs
    assert (history.steps, history.samples) == (expected.steps, expected.samples)
    assert (history.best_epoch, history.stopped, history.target) == (
        expected.best_epoch, expected.stopped, expected.target,
    )  # fmt: skip


def test_a_resumed_training_remembers_the_best_value_of_the_target(digits: Data, monkeypatch: Any) -> None:
    """The metric is undefined after the resume, so the best value can only come from the checkpoint."""
    monkeypatch.setattr("bench_suite.training.clock.Clock.step", one_window_in_ten_steps)
    monkeypatch.setattr(checkpoints.Timer, "due", lambda timer: timer.checkpoints is not None)
    options = TrainOptions(epochs=2, checkpoint="10m", target={"quality/accuracy": 1.0})
    saved, windows = Kept(), 0

    def cut(window: Window) -> bool:
        nonlocal windows
        windows += 1
        if windows == 9:  # in the second epoch
            raise Killed
        return True

    with pytest.raises(Killed):
        train(digits, options, saved=saved, report=cut)
    monkeypatch.setattr("bench_suite.training.targets.Target.value", lambda *_: None)
    _, history = train(digits, options, saved=saved)
    assert history.target is not None
    assert history.target["best"] == history.epochs[0]["validation_accuracy"]


def one_window_in_ten_steps(clock: Any, samples: int, waited: float = 0.0) -> bool:
    clock.steps += 1
    clock.samples += samples
    return bool(clock.steps % 10 == 0)


def test_a_torn_checkpoint_means_training_anew(digits: Data) -> None:
    saved = Kept()
    saved.content = b"torn"
    fresh, _ = train(digits, TrainOptions(epochs=1))
    again, _ = train(digits, TrainOptions(epochs=1, checkpoint="1h"), saved=saved)
    assert equal(fresh, again)


# ── optimisers and losses ───────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
def test_muon_takes_the_matrices_in_the_middle_and_adamw_the_rest(digits: Data) -> None:
    network = mlp.build(digits, mlp.Options(hidden=(32, 16, 8)))
    module: Any = network.module
    inner = [module.layers[2].weight, module.layers[4].weight]
    assert [id(p) for p in optimisers.hidden_weights(module)] == [id(p) for p in inner]
    optimizer = optimisers.make_optimizer(module, TrainOptions(optimizer="muon"), PLACE)
    assert isinstance(optimizer, optimisers.ChainedOptimizer)
    muon, adamw = optimizer.parts
    assert isinstance(muon, optimisers.MatrixViewOptimizer)
    assert [type(muon.inner).__name__, type(adamw).__name__] == ["Muon", "AdamW"]
    every = [*muon.weights, *(p for group in adamw.param_groups for p in group["params"])]
    assert sorted(map(id, every)) == sorted(map(id, module.parameters()))
    _, history = train(digits, TrainOptions(optimizer="muon", epochs=3), hidden=(32, 32))
    assert history.epochs[-1]["validation_loss"] < 0.7


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
def test_muons_step_of_a_kernel_is_its_step_of_the_kernel_as_a_matrix(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    shapes = [(8, 3, 3, 3), (16, 8, 3, 3), (4, 16, 1, 1)]
    module = torch.nn.Sequential(*(torch.nn.Conv2d(i, o, side) for o, i, side, _ in shapes)).to(memory_format=layout)
    kernel: Any = module[1].weight
    kernel.grad = torch.randn(kernel.shape).contiguous(memory_format=layout)
    matrix = torch.nn.Parameter(kernel.detach().flatten(1).clone())
    matrix.grad = kernel.grad.flatten(1).clone()
    options = TrainOptions(optimizer="muon", learning_rate=0.1, weight_decay=0.5)
    optimisers.make_optimizer(module, options, PLACE).step()
    torch.optim.Muon([matrix], lr=0.1, weight_decay=0.5, adjust_lr_fn="match_rms_adamw").step()
    # It multiplies in bfloat16; the sums depend on the order of the columns by about 1e-2 of a step.
    assert torch.allclose(kernel.detach().flatten(1), matrix.detach(), atol=2e-3)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
@pytest.mark.parametrize("model", [cnn, pytest.param(resnet, marks=pytest.mark.slow)])
def test_muon_trains_convolutional_networks(digits: Data, model: Any) -> None:
    _, history = train(digits, TrainOptions(optimizer="muon", learning_rate=0.01, epochs=2), model=model)
    assert history.epochs[-1]["validation_loss"] < 0.7


def test_muon_without_a_matrix_in_the_middle_says_so(digits: Data) -> None:
    with pytest.raises(BenchError, match=r"this model has none|needs PyTorch 2\.9"):
        train(digits, TrainOptions(optimizer="muon", epochs=1))


def test_where_pytorch_has_no_muon_the_message_says_since_when_it_does(digits: Data, monkeypatch: Any) -> None:
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(BenchError, match=r"needs PyTorch 2\.9 or later"):
        train(digits, TrainOptions(optimizer="muon", epochs=1))


def test_smoothing_and_augmentation_change_the_training_and_not_the_validation(digits: Data) -> None:
    plain, _ = train(digits, TrainOptions(epochs=1))
    changes: list[dict[str, Any]] = [
        {"label_smoothing": 0.1},
        {"augment": ("shift",)},
        {"augment": ("mixup", "cutout", "flip")},
    ]
    for options in changes:
        changed, history = train(digits, TrainOptions(epochs=1, **options))
        assert not equal(plain, changed)
        again, _ = train(digits, TrainOptions(epochs=1, **options))
        assert equal(changed, again)
        assert history.epochs[0]["validation_loss"] < 1.2


def test_label_smoothing_of_numbers_is_refused(digits: Data) -> None:
    network = mlp.build(digits, mlp.Options())
    with pytest.raises(BenchError, match="label_smoothing needs classes"):
        native.train(
            network, digits, regression, TrainOptions(label_smoothing=0.1), PLACE, lambda window: True,
            lambda name: encoded(network, digits.splits[name]),
        )  # fmt: skip


# ── compiling ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_compiled_network_learns_the_same_and_tells_the_time_it_took_to_compile(digits: Data) -> None:
    plain, history = train(digits, TrainOptions(epochs=2), model=cnn)
    assert history.compile_seconds is None
    compiled, history = train(digits, TrainOptions(epochs=2), Placement("cpu", 1, "32-true", compiled=True), model=cnn)
    assert history.compile_seconds is not None
    assert history.compile_seconds > 0
    assert compiled.module.state_dict().keys() == plain.module.state_dict().keys()
    for name, value in plain.module.state_dict().items():
        assert torch.allclose(value.float(), compiled.module.state_dict()[name].float(), atol=0.05), name


@pytest.mark.slow
def test_a_network_that_is_a_bare_sequential_is_compiled_too() -> None:
    from torch._dynamo.utils import counters

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    table = torch.randn(3, 4)
    expected, names = module(table), module.state_dict().keys()
    compiling.compile_module(module)
    counters.clear()
    assert torch.allclose(module(table), expected, atol=1e-6)
    assert counters["stats"]["unique_graphs"] == 1
    assert module.state_dict().keys() == names
    other = copy.deepcopy(module)
    with torch.no_grad():
        other[2].bias += 1.0
    assert torch.allclose(other(table), expected + 1.0, atol=1e-6)


@pytest.mark.slow
def test_every_cell_is_compiled_however_many_of_its_model_went_before(digits: Data) -> None:
    for _ in range(6):
        _, history = train(digits, TrainOptions(epochs=10), Placement("cpu", 1, "32-true", compiled=True))
        assert history.compile_seconds is not None
        assert history.windows
        assert history.compile_seconds > max(window.seconds for window in history.windows), "it is in none of them"


# ── length buckets ──────────────────────────────────────────────────────────────────────────────


class Longest(torch.nn.Module):
    """Logits from a mean of embeddings; the class counts the padding in its input."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 8, padding_idx=0)
        self.head = torch.nn.Linear(8, 2)
        self.seen: list[tuple[int, int]] = []

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        self.seen.append((tokens.numel(), int(lengths.sum())))
        return self.head(self.embedding(tokens).sum(1) / lengths.unsqueeze(1))


def collate(columns: Any) -> Batch:
    tokens = columns["tokens"]
    rows = torch.nn.utils.rnn.pad_sequence(list(tokens), batch_first=True)
    return Batch({"tokens": rows.long(), "lengths": tokens.lengths}, columns["target"])


def test_the_harness_makes_batches_of_like_length_in_training_and_prediction() -> None:
    random = np.random.default_rng(0)
    n = 2000
    tokens = Ragged.from_lists([random.integers(1, 50, length) for length in random.integers(1, 200, n)])
    split = MemorySplit(np.arange(n), {"tokens": tokens, "target": random.integers(0, 2, n)})
    data = Data(
        "classification", {"classes": ("a", "b")}, {"train": split, "test": split}, Source("generated", "t", "0")
    )
    counted = {}
    for padded in ("tokens", None):
        torch.manual_seed(0)
        module = Longest()
        network = Network(module, encode=lambda raw: {"tokens": raw["tokens"]}, collate=collate, padded=padded)
        columns = encoded(network, split)
        options = TrainOptions(epochs=1, batch_size=32, validation=0)
        native.train(network, data, classification, options, PLACE, lambda window: True, {"train": columns}.__getitem__)
        counted[padded] = [sum(part) for part in zip(*module.seen)]
    assert counted["tokens"][1] == counted[None][1] == int(tokens.lengths.sum())
    assert counted["tokens"][0] < 1.15 * counted["tokens"][1]
    assert counted[None][0] > 1.7 * counted[None][1]


# ── classes of different sizes, and the model's own functions ───────────────────────────────────


@pytest.fixture(scope="module")
def rare(digits: Data) -> Data:
    """Zeros and ones of the sample, of which only 1 in 30 is a one."""
    splits = {}
    for name, split in digits.splits.items():
        targets = np.asarray(column(split, "target"))
        zeros, ones = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
        rows = np.concatenate([zeros, ones[: max(2, len(zeros) // 30)]])
        splits[name] = MemorySplit(split.ids[rows], dict(split.take(rows)))
    return Data("classification", {**digits.spec, "classes": ("zero", "one")}, splits, digits.source)


def test_class_weights_are_a_training_on_repeated_examples(rare: Data) -> None:
    """One full batch in which each rare example has the weight 3 is a batch that contains it three times."""
    train_split = rare.splits["train"]
    targets = np.asarray(column(train_split, "target"))
    rows = np.concatenate([np.arange(len(targets)), *[np.flatnonzero(targets == 1)] * 2])
    repeated = MemorySplit(np.arange(len(rows)), dict(train_split.take(rows)))
    options = {"epochs": 3, "optimizer": "sgd", "learning_rate": 0.05, "batch_size": 10_000}
    weighted, history = train(rare, TrainOptions(class_weights={"zero": 1.0, "one": 3.0}, **options))
    # The pixels are standardised by the train split, so the module is built for the same one.
    twice = Data(rare.problem, rare.spec, {**rare.splits, "train": repeated}, rare.source)
    torch.manual_seed(0)
    network = mlp.build(rare, mlp.Options())
    columns = {name: encoded(network, twice.splits[name]) for name in ("train", "validation")}
    torch.manual_seed(1)
    expected = native.train(
        network, twice, classification, TrainOptions(**options), PLACE, lambda w: True, columns.__getitem__
    )
    assert [row["loss"] for row in history.epochs] == pytest.approx([row["loss"] for row in expected.epochs], rel=1e-4)
    assert [row["validation_loss"] for row in history.epochs] == pytest.approx(
        [row["validation_loss"] for row in expected.epochs], rel=1e-4
    )
    for first, second in zip(weighted.module.parameters(), network.module.parameters()):
        assert torch.allclose(first, second, atol=1e-5)


def test_weights_and_a_balanced_sampler_change_the_training_and_not_how_it_is_evaluated(rare: Data) -> None:
    network, history = train(rare, TrainOptions(epochs=1, class_weights="balanced"))
    evaluation = mean_loss(network, classification, encoded(network, rare.splits["validation"]), 64, rare.spec, PLACE)
    assert history.epochs[0]["validation_loss"] == pytest.approx(evaluation)
    assert history.loss_of == "problem"
    plain, _ = train(rare, TrainOptions(epochs=1))
    sampled, of_sampler = train(rare, TrainOptions(epochs=1, sampler="balanced"))
    assert not equal(plain, network)
    assert not equal(plain, sampled)
    assert of_sampler.samples == len(rare.splits["train"])
    assert equal(sampled, train(rare, TrainOptions(epochs=1, sampler="balanced"))[0])


def test_a_balanced_sampler_finds_more_of_the_rare_class(rare: Data) -> None:
    """In few steps on 1 in 30 examples the network predicts the frequent class; with equal draws it does not."""
    options = {"epochs": 1, "optimizer": "sgd", "learning_rate": 0.002, "batch_size": 64}
    recalls = {}
    for sampler in ("shuffled", "balanced"):
        network, _ = train(rare, TrainOptions(sampler=sampler, **options))
        split = rare.splits["test"]
        columns = predict(network, classification, encoded(network, split), Evaluation(64, rare.spec, None), PLACE)
        ones = np.asarray(column(split, "target")) == 1
        recalls[sampler] = float(columns["scores"][ones, 1].mean())
    assert recalls["balanced"] > recalls["shuffled"] + 0.1


def test_a_models_own_loss_is_minimised_and_the_validation_loss_stays_the_problems(rare: Data) -> None:
    def doubled(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 2.0 * torch.nn.functional.cross_entropy(outputs, targets)

    options = {"optimizer": "sgd", "momentum": 0.0, "epochs": 1}
    own, history = train(rare, TrainOptions(learning_rate=0.01, **options), own_loss=doubled)
    plain, expected = train(rare, TrainOptions(learning_rate=0.02, **options))
    assert (history.loss_of, expected.loss_of) == ("model", "problem")
    assert history.epochs[0]["loss"] == pytest.approx(2.0 * expected.epochs[0]["loss"], rel=1e-5)
    assert history.epochs[0]["validation_loss"] == pytest.approx(expected.epochs[0]["validation_loss"], rel=1e-5)
    for first, second in zip(own.module.parameters(), plain.module.parameters()):
        assert torch.allclose(first, second, atol=1e-6)


def test_a_models_own_augment_changes_the_training_repeatably(rare: Data) -> None:
    plain, _ = train(rare, TrainOptions(epochs=1))
    first, _ = train(rare, TrainOptions(epochs=1), own_augment=noisy)
    assert not equal(plain, first)
    assert equal(first, train(rare, TrainOptions(epochs=1), own_augment=noisy)[0])
    unchanged, _ = train(rare, TrainOptions(epochs=1), own_augment=lambda batch, generator: batch)
    assert equal(plain, unchanged)


def test_an_own_augment_that_returns_no_batch_is_refused(rare: Data) -> None:
    with pytest.raises(BenchError, match="own augment must return a Batch; it returned dict"):
        train(rare, TrainOptions(epochs=1), own_augment=lambda batch, generator: batch.inputs)
