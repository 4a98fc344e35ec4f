"""Claims about private training: the published guarantees, the gradient of each example, the noise, and refusals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn

from bench_suite.contracts import BenchError, Data, History, Network, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.splits import MemorySplit
from bench_suite.engines import native
from bench_suite.models import mlp
from bench_suite.problems import classification
from bench_suite.stats.renyi import ORDERS, least_epsilon

pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")

from bench_suite.training import fitting, private

DELTA = 1e-5
PLACE = Placement("cpu", 1, "32-true")
PRIVACY = {"epsilon": 3.0, "delta": DELTA}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def table() -> Data:
    """Two classes that the first of four columns decides: 400 examples to train, 100 to validate, 200 to test."""
    random, splits = np.random.default_rng(0), {}
    for name, count in {"train": 400, "validation": 100, "test": 200}.items():
        values = random.normal(size=(count, 4))
        splits[name] = MemorySplit(np.arange(count), {"table": values, "target": (values[:, 0] > 0).astype(np.int64)})
    return Data(
        "classification", {"classes": ("no", "yes"), "columns": list("abcd")}, splits, Source("generated", "t", "")
    )


def train(
    data: Data, options: TrainOptions, placement: Placement = PLACE, saved: Any = None,
    report: Any = lambda window: True, model: Any = mlp, **chosen: Any,
) -> tuple[Network, History]:  # fmt: skip
    torch.manual_seed(0)
    network = model.build(data, model.Options(**chosen))
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation")}
    torch.manual_seed(1)
    history = native.train(network, data, classification, options, placement, report, columns.__getitem__, saved)
    return network, history


def private_options(**more: Any) -> TrainOptions:
    return TrainOptions(**{"epochs": 5, "batch_size": 50, "learning_rate": 0.02, "privacy": PRIVACY, **more})


# ── the guarantee ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("epochs", "noise", "classical", "newer"), [(15, 1.3, 1.16, 0.92), (60, 1.1, 2.91, 2.50), (45, 0.7, 6.86, 6.09)]
)
def test_the_published_table_of_mnist_comes_out_under_the_classical_conversion_and_less_under_the_newer(
    epochs: int, noise: float, classical: float, newer: float
) -> None:
    """Opacus's example for MNIST: 60,000 examples, each in a step with probability 240 / 60,000, δ = 1e-5."""
    spent = private.spent_after(epochs * 250, noise, 1.0, 240 / 60_000, DELTA)
    assert round(spent.epsilon_classical, 2) == classical
    assert round(spent.epsilon, 2) == newer
    assert spent.steps == epochs * 250


def test_the_epsilon_is_that_of_opacus_own_accountant() -> None:
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(1.3, 0.004, 3750)]
    assert private.spent_after(3750, 1.3, 1.0, 0.004, DELTA).epsilon == pytest.approx(accountant.get_epsilon(DELTA))


@pytest.mark.parametrize(("noise", "rate"), [(1.3, 0.004), (0.8, 0.1), (3.0, 0.5)])
def test_divergences_of_whole_orders_are_those_of_the_closed_form(noise: float, rate: float) -> None:
    """Mironov et al. 2019: exp((α − 1) D) = Σ C(α, k) (1 − q)^(α − k) q^k exp((k² − k) / (2 σ²))."""
    divergences = dict(zip(ORDERS, private.divergences_of(noise, rate, 1)))
    for order in (2, 5, 12, 32):
        terms = [
            math.log(math.comb(order, k))
            + (order - k) * math.log1p(-rate)
            + k * math.log(rate)
            + (k * k - k) / 2 / noise**2
            for k in range(order + 1)
        ]
        assert divergences[order] == pytest.approx(float(logsumexp(terms)) / (order - 1), rel=1e-6)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 8.0, 50.0])
def test_the_noise_is_the_least_that_keeps_the_promise(epsilon: float) -> None:
    noise = private.noise_multiplier(epsilon, DELTA, 0.05, 400)
    assert private.spent_after(400, noise, 1.0, 0.05, DELTA).epsilon <= epsilon
    assert private.spent_after(400, 0.999 * noise, 1.0, 0.05, DELTA).epsilon > epsilon


def test_an_epsilon_that_no_noise_reaches_is_an_error_that_names_the_least_one() -> None:
    with pytest.raises(BenchError, match=rf"cannot be reached.*below {least_epsilon(DELTA):.3g}"):
        private.noise_multiplier(0.9 * least_epsilon(DELTA), DELTA, 0.05, 400)


# ── the steps ───────────────────────────────────────────────────────────────────────────────────


def test_a_training_records_its_guarantee_and_learns(table: Data) -> None:
    network, history = train(table, private_options(epochs=20))
    spent = history.privacy
    assert spent is not None
    assert 2.99 < spent.epsilon <= 3.0 < spent.epsilon_classical
    assert (spent.steps, spent.sample_rate, spent.clipping_norm) == (160, 1 / 8, 1.0)
    assert history.steps == 160
    examples = encoded(network, table.splits["test"])
    with torch.no_grad():
        outputs = network.module(**examples.batch(network, torch.arange(200)).inputs)
    right = (outputs.argmax(dim=1) == examples.columns["target"]).float().mean()
    assert right > 0.8


def steps_of(monkeypatch: pytest.MonkeyPatch, data: Data, noise: float, norm: float) -> list[tuple[torch.Tensor, int]]:
    """Return the gradient of each step as a vector, and the number of its examples."""
    monkeypatch.setattr(private, "noise_multiplier", lambda *arguments: noise)
    steps: list[tuple[torch.Tensor, int]] = []
    backward, step = private._backward, private.DPOptimizer.step

    def counted(run: Any, module: Any, part: Any, columns: Any) -> Any:
        steps.append((torch.zeros(0), part.own))
        return backward(run, module, part, columns)

    def seen(optimizer: Any, closure: Any = None) -> Any:
        result = step(optimizer, closure)
        vector = torch.cat([weight.grad.flatten() for weight in optimizer.params])
        steps[-1] = (vector.clone(), steps[-1][1])
        return result

    monkeypatch.setattr(private, "_backward", counted)
    monkeypatch.setattr(private.DPOptimizer, "step", seen)
    train(data, private_options(privacy={**PRIVACY, "clipping_norm": norm}), hidden=())
    return steps


def test_without_noise_no_step_is_longer_than_its_examples_allow(table: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    for gradient, examples in steps_of(monkeypatch, table, 1e-12, 0.01):
        assert gradient.norm() <= 0.01 * examples / 50 * (1 + 1e-4)


def test_the_noise_of_a_step_has_the_deviation_that_the_accountant_counts(
    table: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clipping norm is so small that the gradients vanish beside the noise: σ · C / 50 for each weight."""
    values = torch.cat([gradient for gradient, _ in steps_of(monkeypatch, table, 1e6, 1e-3)])
    assert values.std() == pytest.approx(1e6 * 1e-3 / 50, rel=0.15)
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(len(values))


def test_an_empty_batch_is_a_step_of_noise_alone(table: Data) -> None:
    """With one expected example in a step, a third of the steps are empty."""
    split = table.splits["train"].at(np.arange(40))
    _, history = train(replace(table, splits={**table.splits, "train": split}), private_options(batch_size=1, epochs=3))
    assert history.steps == 120
    assert history.samples != 120
    assert all(math.isfinite(row["loss"]) for row in history.epochs)


def test_the_same_seed_gives_the_same_weights_and_leaves_a_plain_module(table: Data) -> None:
    first, second = (train(table, private_options())[0].module for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    for weight in first.parameters():
        assert not [name for name in ("grad_sample", "summed_grad", "_forward_counter") if hasattr(weight, name)]
    assert not any(part._forward_hooks or part._backward_hooks for part in first.modules())
    assert not hasattr(first, "autograd_grad_sample_hooks")


class Pictures(nn.Module):
    """A network of convolutions, whose weights are in `channels_last`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(180, 2)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image.permute(0, 3, 1, 2))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_without_noise_and_clipping_the_weights_are_those_of_a_plain_loop_over_the_same_batches(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "noise_multiplier", lambda *arguments: 1e-12)
    drawn, draw = [], fitting.poisson

    def remembered(*arguments: Any) -> list[torch.Tensor]:
        drawn.extend(draw(*arguments))
        return drawn[-arguments[1] :]

    monkeypatch.setattr(fitting, "poisson", remembered)
    random = np.random.default_rng(0)
    split = MemorySplit(
        np.arange(60), {"image": random.normal(size=(60, 8, 8, 3)).astype("float32"), "target": np.arange(60) % 2}
    )
    data = Data("classification", {"classes": ("no", "yes")}, {"train": split}, Source("generated", "p", ""))
    torch.manual_seed(0)
    network, plain = (Network(Pictures(), lambda raw: {"image": raw["image"]}, stack) for _ in range(2))
    plain.module.load_state_dict(network.module.state_dict())
    examples = encoded(network, split)
    options = private_options(
        epochs=3, batch_size=12, optimizer=optimizer, learning_rate=0.01, privacy={**PRIVACY, "clipping_norm": 1e6}
    )
    native.train(network, data, classification, options, PLACE, lambda window: True, lambda name: examples)
    by_hand: Any = (
        torch.optim.SGD(plain.module.parameters(), lr=0.01, momentum=0.9)
        if optimizer == "sgd"
        else torch.optim.AdamW(plain.module.parameters(), lr=0.01, weight_decay=0.0)
    )
    assert len(drawn) == 15
    for rows in drawn:
        batch = examples.batch(plain, rows)
        by_hand.zero_grad()
        loss = classification.loss(plain.module(**batch.inputs), batch.targets, data.spec)
        (loss * len(rows) / 12).backward()  # the sum over the examples, divided by their expected number
        by_hand.step()
    for name, value in plain.module.state_dict().items():
        assert torch.allclose(network.module.state_dict()[name], value, atol=2e-4), name


class Stop(Exception):
    pass


class Saved:
    """A place for checkpoints in memory."""

    content: bytes | None = None

    def save(self, content: bytes) -> None:
        self.content = content

    def load(self) -> bytes | None:
        return self.content


def test_a_resumed_training_ends_with_the_same_weights_and_guarantee(
    table: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench_suite.training.checkpoints import Timer
    from bench_suite.training.clock import Clock

    monkeypatch.setattr(Timer, "due", lambda timer: timer.checkpoints is not None)

    def step(clock: Clock, samples: int, waited: float = 0.0) -> bool:
        clock.steps, clock.samples = clock.steps + 1, clock.samples + samples
        return True

    monkeypatch.setattr(Clock, "step", step)
    options, saved, steps = private_options(checkpoint="1s", optimizer="sgd"), Saved(), []

    def kill(window: Any) -> bool:
        steps.append(window)
        if len(steps) == 17:
            raise Stop
        return True

    whole, history = train(table, options, saved=Saved())
    with pytest.raises(Stop):
        train(table, options, saved=saved, report=kill)
    resumed, again = train(table, options, saved=saved)
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name
    assert again.privacy == history.privacy


def test_a_training_that_is_interrupted_has_spent_less(table: Data) -> None:
    calls: list[Any] = []
    _, history = train(table, private_options(epochs=400), report=lambda window: calls.append(window) or len(calls) < 3)
    assert history.stopped == "interrupted"
    assert history.privacy is not None
    assert history.privacy.steps == history.steps < 3200
    assert history.privacy.epsilon < 2.9


# ── refusals ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"devices": 2}, "one device"), ({"compiled": True}, "compile"), ({"precision": "bf16-mixed"}, "32 bits")],
)
def test_a_placement_without_gradients_of_single_examples_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        private.check_placement(replace(PLACE, **changed))


def test_a_delta_that_allows_to_publish_examples_is_refused(table: Data) -> None:
    with pytest.raises(BenchError, match=r"not below 1 / 400"):
        train(table, private_options(privacy={"epsilon": 3.0, "delta": 0.0025}))
