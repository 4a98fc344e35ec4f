"""Claims about gradients of single examples: they are those of batches of one, or the network is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network, Source
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.splits import MemorySplit
from bench_suite.models import mlp, text_cnn
from bench_suite.problems import classification
from bench_suite.training import precision

pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")

from opacus import GradSampleModule

from bench_suite.training.example_gradients import check_gradients, check_module, gradients_of_examples

SPEC = {"classes": ("no", "yes")}


def data_of(**columns: Any) -> Data:
    """Return 40 examples of two classes with these inputs."""
    split = MemorySplit(np.arange(40), {**columns, "target": np.arange(40) % 2})
    return Data("classification", SPEC, {"train": split}, Source("generated", "few", ""))


def texts() -> Data:
    random = np.random.default_rng(0)
    return data_of(
        text=[" ".join(f"w{word}" for word in random.integers(0, 30, random.integers(3, 9))) for _ in range(40)]
    )


def pictures() -> Data:
    return data_of(image=np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32))


class Pictures(nn.Module):
    """Convolutions over pictures, with a layer after the first one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            layer,
            nn.ReLU(),
            nn.Conv2d(4, 5, (1, 3), stride=2),
            nn.Flatten(),
            nn.LazyLinear(2),
        )
        self.layers(torch.zeros(2, 3, 8, 8))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image.permute(0, 3, 1, 2))  # in `channels_last`


class Centred(nn.Module):
    """A layer without weights that mixes examples."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values - values.mean(dim=0, keepdim=True)


class Noisy(nn.Module):
    """A layer that is random in training."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + torch.randn_like(values)


def network_of(kind: str) -> tuple[Network, Data]:
    torch.manual_seed(0)
    if kind == "mlp":
        data = data_of(table=np.random.default_rng(0).normal(size=(40, 4)))
        return mlp.build(data, mlp.Options(hidden=(8,), dropout=0.5)), data
    if kind == "text_cnn":
        data = texts()
        return text_cnn.build(data, text_cnn.Options(dimension=6, filters=4)), data
    layer = {"centred": Centred(), "noisy": Noisy(), "pictures": nn.GroupNorm(2, 4)}[kind]
    module = precision.move_to_placement(Pictures(layer), precision.Placement("cpu", 1, "32-true"))
    return Network(module, encode=lambda raw: {"image": raw["image"]}, collate=stack), pictures()


def loss_of(outputs: Any, batch: Any) -> torch.Tensor:
    return classification.loss(outputs, batch.targets, SPEC)


def checked(kind: str) -> None:
    network, data = network_of(kind)
    with gradients_of_examples(network.module) as module:
        check_gradients(network, module, encoded(network, data.splits["train"]), loss_of, "cpu")


@pytest.mark.parametrize("kind", ["mlp", "text_cnn", "pictures"])
def test_the_gradient_of_each_example_is_that_of_a_batch_of_one(kind: str) -> None:
    network, data = network_of(kind)
    examples = encoded(network, data.splits["train"])
    network.module.train()
    for part in network.module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    batch = examples.batch(network, torch.arange(5))
    with gradients_of_examples(network.module) as module:
        loss_of(module(**batch.inputs), batch).backward()
        together = [weight.grad_sample.clone() for weight in network.module.parameters()]
    for row in range(5):
        network.module.zero_grad()
        alone = examples.batch(network, torch.tensor([row]))
        loss_of(network.module(**alone.inputs), alone).backward()
        for gradients, weight in zip(together, network.module.parameters()):
            assert torch.allclose(gradients[row], weight.grad, atol=1e-5)


@pytest.mark.parametrize("kind", ["mlp", "text_cnn", "pictures", "noisy"])
def test_networks_whose_examples_do_not_mix_pass_and_generators_are_as_before(kind: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    torch.manual_seed(5)
    network, data = network_of(kind)
    state = torch.get_rng_state()
    with gradients_of_examples(network.module) as module:
        check_gradients(network, module, encoded(network, data.splits["train"]), loss_of, "cpu")
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(state, before)
    assert all(weight.grad is None and not hasattr(weight, "grad_sample") for weight in network.module.parameters())


def test_a_layer_that_mixes_examples_is_refused() -> None:
    with pytest.raises(BenchError, match="mixes examples"):
        checked("centred")


def test_a_rule_of_opacus_that_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the one of Opacus 1.6 for inputs of convolutions that are not contiguous."""
    rules = GradSampleModule.GRAD_SAMPLERS
    right = rules[nn.Conv2d]

    def wrong(*arguments: Any) -> dict[Any, torch.Tensor]:
        return {weight: gradients.roll(1, 0) for weight, gradients in right(*arguments).items()}

    monkeypatch.setitem(rules, nn.Conv2d, wrong)
    with pytest.raises(BenchError, match="Opacus computes them wrongly"):
        checked("pictures")


class Unused(nn.Module):
    """A network with a layer that no example reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.spare = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return self.head(table)


def test_a_weight_without_a_gradient_of_each_example_is_refused() -> None:
    plain, data = network_of("mlp")
    network = Network(Unused(), encode=plain.encode, collate=plain.collate)
    with (
        pytest.raises(BenchError, match=r"weight of shape \(2, 4\) has none"),
        gradients_of_examples(network.module) as module,
    ):
        check_gradients(network, module, encoded(network, data.splits["train"]), loss_of, "cpu")


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), "BatchNorm"),
        (nn.LSTM(3, 4), "LSTM"),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention|MultiHeadAttention"),
        (nn.EmbeddingBag(10, 3), "EmbeddingBag"),
    ],
)
def test_a_network_whose_layers_have_no_such_gradients_is_refused_and_they_are_named(
    module: nn.Module, layer: str
) -> None:
    with pytest.raises(BenchError, match=f"mine cannot be trained with privacy: .*({layer})"):
        check_module(module, "mine")


def test_a_refusal_names_each_kind_of_layer_once() -> None:
    block = [nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.BatchNorm2d(1), nn.LSTM(3, 4)]
    with pytest.raises(BenchError) as refused:
        check_module(nn.Sequential(*block), "mine")
    assert "have no gradients of their own in BatchNorm2d, LSTM. Leave privacy out" in str(refused.value)


def test_a_network_that_can_be_private_is_accepted_and_keeps_its_mode() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4), nn.Linear(4, 2)).eval()
    check_module(module, "mine")
    assert not module.training
