"""Gradients from the sum of the logits: those of Captum bit for bit, from one number for each backward pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from bench_suite.probes.attribution import methods, summed_gradients
from bench_suite.probes.attribution.adapters import ImageAdapter, Inputs, Subject
from bench_suite.probes.attribution.methods import MethodVariant, Settings, attribute

ROWS = 6
BY_GRADIENTS = (
    "integrated_gradients",
    "saliency",
    "input_x_gradient",
    "guided_backprop",
    "deep_lift",
    "gradient_shap",
    "grad_cam",
)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 6 * 6, 16), nn.ReLU(), nn.Linear(16, 4)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(image.permute(0, 3, 1, 2))
        return logits


@pytest.fixture
def explained() -> tuple[Subject, Inputs]:
    torch.manual_seed(0)
    values = torch.randn(ROWS, 8, 8, 1)
    subject = Subject("image", ImageAdapter(Small().eval().requires_grad_(False)), torch.zeros(1, 8, 8, 1))
    return subject, Inputs(values, (), torch.ones(ROWS, 64, dtype=torch.bool), torch.arange(ROWS) % 4)


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_a_backward_pass_begins_at_one_number_however_many_rows_there_are(
    name: str, explained: tuple[Subject, Inputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, inputs = explained
    starts: list[int] = []
    original = torch.autograd.grad

    def counted(outputs: Any, *arguments: Any, **named: Any) -> Any:
        starts.append(1 if isinstance(outputs, torch.Tensor) else len(outputs))
        return original(outputs, *arguments, **named)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    attribute(MethodVariant(name), subject, inputs, Settings(64, steps=4))
    assert starts
    assert set(starts) == {1}


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_attributions_equal_those_from_captums_own_gradients_bit_for_bit(
    name: str, explained: tuple[Subject, Inputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, inputs = explained
    settings = Settings(64, steps=4)
    ours = attribute(MethodVariant(name), subject, inputs, settings)
    monkeypatch.setattr(methods, "with_summed_gradients", lambda attribution: attribution)
    if name == "grad_cam":
        layer = subject.module.network.layers[0]  # type: ignore[union-attr, index]  # an mlp
        maps = LayerGradCam(subject.module, layer).attribute(inputs.values, inputs.target, relu_attributions=True)
        large = nn.functional.interpolate(maps, (8, 8), mode="bilinear", align_corners=False)
        captums = large.permute(0, 2, 3, 1)
    else:
        captums = attribute(MethodVariant(name), subject, inputs, settings)
    assert bool(ours.any())
    assert torch.equal(ours, captums.detach())


def test_a_row_whose_logits_are_not_finite_leaves_the_other_rows_as_they_are(explained: tuple[Subject, Inputs]) -> None:
    subject, inputs = explained
    values = inputs.values.clone()
    values[2] = torch.inf
    saliency = MethodVariant("saliency")
    broken = attribute(saliency, subject, replace(inputs, values=values), Settings(64))
    whole = attribute(saliency, subject, inputs, Settings(64))
    others = [row for row in range(ROWS) if row != 2]
    assert torch.equal(broken[others], whole[others])


def test_the_gradients_of_a_function_without_arguments_are_those_of_what_it_returns() -> None:
    values = torch.arange(4.0, requires_grad=True)
    (gradient,) = summed_gradients.summed_gradients(lambda: values**2, (values,))
    assert torch.equal(gradient, 2 * values.detach())
