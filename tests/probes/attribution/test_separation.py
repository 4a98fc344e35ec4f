"""DeepLift where two nonlinear modules meet: a copy between them keeps the rules of both."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench_suite.probes.attribution.adapters import ImageAdapter, Inputs, Subject, explanation_mode
from bench_suite.probes.attribution.faithfulness import logit_change
from bench_suite.probes.attribution.methods import MethodVariant, Settings, attribute


class Pictured(nn.Module):
    """Layers over pictures (k, H, W, C), and a linear layer on what they leave."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    "pair",
    [
        (nn.ReLU(), nn.MaxPool2d(2)),
        (nn.MaxPool2d(2), nn.ReLU()),
        (nn.Tanh(), nn.MaxPool2d(2)),
        (nn.ReLU(), nn.Sigmoid()),
    ],
    ids=lambda pair: "-".join(type(part).__name__ for part in pair),
)
def test_deep_lift_is_complete_where_two_nonlinear_modules_meet(pair: tuple[nn.Module, ...]) -> None:
    """Captum alone misses a tenth of the change or more, because the two modules share a tensor."""
    torch.manual_seed(0)
    network = Pictured(nn.Conv2d(1, 6, 3, padding=1), *pair, nn.Conv2d(6, 6, 3), nn.ReLU())
    values = torch.randn(8, 8, 8, 1)
    network(values)
    subject = Subject("image", ImageAdapter(network), torch.randn(1, 8, 8, 1))
    inputs = Inputs(values, (), torch.ones(8, 64, dtype=torch.bool), torch.arange(8) % 3)
    with explanation_mode(network):
        elements = attribute(MethodVariant("deep_lift"), subject, inputs, Settings(rows=16))
        change = torch.from_numpy(logit_change(subject, inputs))
    assert float((elements.flatten(start_dim=1).sum(dim=1) - change).abs().sum() / change.abs().sum()) < 1e-4
    assert not any(part._forward_pre_hooks for part in network.modules())
