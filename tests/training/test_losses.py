"""Losses of a training: weighted as by hand, unbiased over batches, and the model's own in the problem's place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, BenchError, Data, Network, Placement, Source, TrainOptions
from bench_suite.data.encoded import stack
from bench_suite.data.splits import MemorySplit
from bench_suite.problems import classification, regression
from bench_suite.training.losses import training_loss

PLACE = Placement("cpu", 1, "32-true")
TARGETS = np.repeat([0, 1], [97, 3])


def data_of(targets: np.ndarray, problem: str = "classification") -> Data:
    split = MemorySplit(np.arange(len(targets)), {"table": np.zeros((len(targets), 1)), "target": targets})
    spec: Mapping[str, Any] = {"classes": ("no", "yes")} if problem == "classification" else {"mean": 0.0, "scale": 1.0}
    return Data(problem, spec, {"train": split}, Source("generated", "churn", "0"))


def network(**functions: Any) -> Network:
    return Network(torch.nn.Identity(), encode=dict, collate=stack, **functions)


def loss_of(options: TrainOptions, model: Network | None = None, problem: Any = classification) -> Any:
    loss = training_loss(model or network(), data_of(TARGETS), problem, options, PLACE)
    return lambda outputs, targets: loss(outputs, Batch({"table": outputs}, targets))


@pytest.fixture
def outputs() -> torch.Tensor:
    return torch.randn(100, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("weights", ["balanced", {"no": 1.0, "yes": 16.0}])
def test_the_weighted_loss_of_all_examples_is_pytorchs_and_the_one_by_hand(weights: Any, outputs: torch.Tensor) -> None:
    ratio = torch.tensor([1.0, 97 / 3 if weights == "balanced" else 16.0])
    targets = torch.from_numpy(TARGETS)
    value = float(loss_of(TrainOptions(class_weights=weights))(outputs, targets))
    assert value == pytest.approx(float(functional.cross_entropy(outputs, targets, weight=ratio)), rel=1e-5)
    of_each = -np.log(outputs.double().softmax(1).numpy()[np.arange(100), TARGETS])
    of_weights = ratio.double().numpy()[TARGETS]
    assert value == pytest.approx(float((of_weights * of_each).sum() / of_weights.sum()), rel=1e-5)


def test_the_mean_over_the_batches_of_an_epoch_is_the_loss_of_all_examples(outputs: torch.Tensor) -> None:
    """A mean over the weights of each batch, as PyTorch's, is another number: most batches have no rare example."""
    loss, targets = loss_of(TrainOptions(class_weights="balanced")), torch.from_numpy(TARGETS)
    batches = torch.randperm(100, generator=torch.Generator().manual_seed(1)).split(16)  # the last one has 4 rows
    epoch = sum(float(loss(outputs[rows], targets[rows])) * len(rows) for rows in batches) / 100
    assert epoch == pytest.approx(float(loss(outputs, targets)), rel=1e-5)
    ratio = torch.tensor([1.0, 97 / 3])
    of_pytorch = [functional.cross_entropy(outputs[rows], targets[rows], weight=ratio) for rows in batches]
    assert abs(float(torch.stack(of_pytorch).mean()) - epoch) > 0.01


def test_weights_and_smoothed_labels_hold_together(outputs: torch.Tensor) -> None:
    options = TrainOptions(class_weights={"no": 1.0, "yes": 16.0}, label_smoothing=0.2)
    targets = torch.from_numpy(TARGETS)
    likely = 0.9 * np.eye(2)[TARGETS] + 0.1 * np.eye(2)[1 - TARGETS]
    of_each = -(likely * outputs.double().log_softmax(1).numpy()).sum(axis=1)
    weights = np.array([1.0, 16.0])[TARGETS]
    expected = float((weights * of_each).sum() / weights.sum())
    assert float(loss_of(options)(outputs, targets)) == pytest.approx(expected, rel=1e-5)


def test_equal_weights_change_nothing(outputs: torch.Tensor) -> None:
    targets = torch.from_numpy(TARGETS)
    value = loss_of(TrainOptions(class_weights={"no": 3.0, "yes": 3.0}))(outputs, targets)
    assert float(value) == pytest.approx(float(functional.cross_entropy(outputs, targets)), rel=1e-6)


def test_weights_need_classes() -> None:
    with pytest.raises(BenchError, match="class_weights is for classes, and churn is regression"):
        training_loss(
            network(), data_of(np.zeros(4), "regression"), regression, TrainOptions(class_weights="balanced"), PLACE
        )


# ── the model's own loss ────────────────────────────────────────────────────────────────────────


def test_a_models_own_loss_takes_the_place_of_the_problems_and_may_read_other_outputs() -> None:
    own = network(loss=lambda outputs, targets: (outputs["one"] + outputs["two"] - targets).square().mean())
    loss = training_loss(own, data_of(TARGETS), classification, TrainOptions(), PLACE)
    outputs = {"one": torch.tensor([1.0, 2.0]), "two": torch.tensor([0.5, 0.5])}
    assert float(loss(outputs, Batch({}, torch.tensor([0, 1])))) == pytest.approx((1.5**2 + 1.5**2) / 2)


def test_a_models_own_loss_gets_the_arguments_that_it_names() -> None:
    seen: dict[str, Any] = {}

    def own(outputs: Any, targets: Any, inputs: Any, spec: Any, weights: Any, smoothing: float) -> torch.Tensor:
        seen.update(inputs=inputs, spec=spec, weights=weights, smoothing=smoothing)
        return torch.tensor(2.0)

    data = data_of(TARGETS)
    options = TrainOptions(class_weights="balanced", label_smoothing=0.1)
    inputs = {"table": torch.zeros(2, 1)}
    training_loss(network(loss=own), data, classification, options, PLACE)(None, Batch(inputs, torch.zeros(2)))
    assert (seen["inputs"], seen["spec"], seen["smoothing"]) == (inputs, data.spec, 0.1)
    assert seen["weights"].tolist() == pytest.approx([100 / 194, 100 / 6])
    training_loss(network(loss=own), data, classification, TrainOptions(), PLACE)(None, Batch(inputs, torch.zeros(2)))
    assert (seen["weights"], seen["smoothing"]) == (None, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TrainOptions(class_weights="balanced"), "no parameter `weights`, so class_weights would have no effect"),
        (TrainOptions(label_smoothing=0.1), "no parameter `smoothing`, so label_smoothing would have no effect"),
    ],
)
def test_an_own_loss_that_does_not_take_what_an_option_needs_is_refused(options: TrainOptions, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        loss_of(options, network(loss=lambda outputs, targets: outputs.mean()))


@pytest.mark.parametrize(
    ("value", "returned"),
    [(torch.zeros(3), r"a tensor of shape \(3,\)"), (1.0, "float"), (torch.tensor(1), "a tensor")],
)
def test_an_own_loss_that_is_no_scalar_is_refused(value: Any, returned: str) -> None:
    loss = loss_of(TrainOptions(), network(loss=lambda outputs, targets: value))
    with pytest.raises(BenchError, match=f"must return the mean over the batch.*returned {returned}"):
        loss(torch.zeros(3, 2), torch.zeros(3))


def test_mixup_mixes_an_own_loss_too() -> None:
    from bench_suite.training.augmentation import MixedTargets

    own = network(loss=lambda outputs, targets: (outputs - targets).square().mean())
    loss = loss_of(TrainOptions(augment=("mixup",)), own)
    both = MixedTargets(torch.tensor([1.0]), torch.tensor([3.0]), 0.25)
    assert float(loss(torch.tensor([0.0]), both)) == pytest.approx(0.25 * 1 + 0.75 * 9)
