"""VGG: parameters by hand, for small and large images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.models import vgg


def pictures(height: int, width: int, channels: int = 3, problem: str = "classification") -> Data:
    """Return four noise images."""
    image = np.random.default_rng(0).integers(0, 256, (4, height, width, channels), dtype=np.uint8)
    split = MemorySplit(np.arange(4), {"image": image, "target": np.arange(4)})
    return Data(problem, {"classes": tuple("0123456789")}, {"train": split}, Source("generated", "pictures", "0"))


def built(data: Data, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return vgg.build(data, vgg.Options(**options)).module


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_depth_11_has_the_parameters_counted_by_hand() -> None:
    pairs = ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512))
    convolutions = sum(9 * before * after for before, after in pairs)
    norms = sum(2 * after for _, after in pairs)
    assert convolutions + norms + (512 * 10 + 10) == 9_228_362
    assert parameters(built(pictures(32, 32))) == 9_228_362


def test_large_pictures_get_the_three_linear_layers_of_the_paper() -> None:
    """torchvision counts 132,868,840 for vgg11_bn of 1,000 classes, its convolutions with biases."""
    with torch.device("meta"):  # parameters are counted without half a gigabyte of weights
        module = vgg.VGG((65, 65, 3), 1000, vgg.Options())
    biases = 64 + 128 + 256 + 256 + 4 * 512
    assert parameters(module) == 132_868_840 - biases


@pytest.mark.parametrize(
    ("depth", "parameters_of_the_paper"),
    [(11, 132_863_336), (13, 133_047_848), (16, 138_357_544), (19, 143_667_240)],
)
def test_without_norms_it_is_the_network_of_the_paper(depth: int, parameters_of_the_paper: int) -> None:
    """The numbers are those of torchvision's vgg11, vgg13, vgg16 and vgg19."""
    with torch.device("meta"):
        module = vgg.VGG((224, 224, 3), 1000, vgg.Options(depth=depth, norm="none"))  # type: ignore[arg-type]  # a literal
    assert parameters(module) == parameters_of_the_paper
    assert not any(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_the_depth_counts_layers_with_weights_of_the_paper(depth: int) -> None:
    module = built(pictures(32, 32), depth=depth, width=0.0625)
    assert sum(isinstance(part, nn.Conv2d) for part in module.modules()) == depth - 3


def test_bytes_and_floats_give_the_same_logits_and_floats_have_gradients() -> None:
    data = pictures(28, 28, 1)
    module = built(data, width=0.125).eval()
    image = torch.from_numpy(data.splits["train"].take(np.arange(4))["image"])
    values = image.float().requires_grad_()
    logits = module(values)
    assert logits.shape == (4, 10)
    assert torch.equal(module(image), logits)
    logits.square().sum().backward()
    assert values.grad is not None
    assert values.grad.abs().amax(dim=(1, 2, 3)).min() > 0


def test_a_regression_gives_one_value_a_picture() -> None:
    module = built(pictures(32, 32, problem="regression"), width=0.125)
    assert module(torch.zeros(3, 32, 32, 3, dtype=torch.uint8)).shape == (3,)


def test_too_small_a_picture_is_told_the_smallest() -> None:
    assert built(pictures(16, 17), width=0.125)(torch.zeros(2, 16, 17, 3, dtype=torch.uint8)).shape == (2, 10)
    with pytest.raises(BenchError, match=r"8×16 are too small.*smallest it takes is 16×16"):
        built(pictures(8, 16))


def test_it_learns_64_pictures_by_heart() -> None:
    draw = np.random.default_rng(1)
    image = torch.from_numpy(draw.integers(0, 256, (64, 16, 16, 1), dtype=np.uint8))
    target = torch.arange(64) % 10
    module = built(pictures(16, 16, 1), width=0.25, dropout=0.0)
    update = torch.optim.AdamW(module.parameters(), lr=3e-3)
    for _ in range(40):
        nn.functional.cross_entropy(module(image), target).backward()
        update.step()
        update.zero_grad()
    with torch.no_grad():
        assert (module.eval()(image).argmax(dim=1) == target).all()
