"""The vision transformer: parameters by hand, and errors for patches and heads that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.models import vit

pytest.importorskip("transformers", reason="transformers is not installed; the extra `test` brings it")


def pictures(height: int, width: int, channels: int = 3, problem: str = "classification") -> Data:
    """Return four noise images."""
    image = np.random.default_rng(0).integers(0, 256, (4, height, width, channels), dtype=np.uint8)
    split = MemorySplit(np.arange(4), {"image": image, "target": np.arange(4)})
    return Data(problem, {"classes": tuple("0123456789")}, {"train": split}, Source("generated", "pictures", "0"))


def built(data: Data, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return vit.build(data, vit.Options(**options)).module


def test_it_has_the_parameters_counted_by_hand() -> None:
    hidden, patch, layers, tokens = 8, 4, 2, 4 + 1  # 8×8 pixels are four patches, plus the class token
    patches = 3 * patch * patch * hidden + hidden
    positions = tokens * hidden + hidden
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = (hidden * 4 * hidden + 4 * hidden) + (4 * hidden * hidden + hidden)
    norms = 2 * 2 * hidden
    by_hand = patches + positions + layers * (attention + feed_forward + norms) + 2 * hidden + (hidden * 10 + 10)
    module = built(pictures(8, 8), hidden=hidden, patch=patch, layers=layers, heads=2)
    assert sum(parameter.numel() for parameter in module.parameters()) == by_hand == 2_290


def test_bytes_and_floats_give_the_same_logits_and_floats_have_gradients() -> None:
    data = pictures(12, 8, 1)
    module = built(data, hidden=16, layers=1, heads=2).eval()
    image = torch.from_numpy(data.splits["train"].take(np.arange(4))["image"])
    values = image.float().requires_grad_()
    logits = module(values)
    assert logits.shape == (4, 10)
    assert torch.equal(module(image), logits)
    logits.square().sum().backward()
    assert values.grad is not None
    assert values.grad.abs().amax(dim=(1, 2, 3)).min() > 0


def test_a_regression_gives_one_value_a_picture() -> None:
    module = built(pictures(8, 8, problem="regression"), hidden=8, layers=1, heads=2)
    assert module(torch.zeros(3, 8, 8, 3, dtype=torch.uint8)).shape == (3,)


def test_patches_that_do_not_fill_the_picture_are_told_those_that_do() -> None:
    with pytest.raises(BenchError, match=r"5×5 do not fill images of 28×28; set patch to one of 1, 2, 4, 7, 14, 28"):
        built(pictures(28, 28), patch=5)
    with pytest.raises(BenchError, match=r"64×64 do not fill images of 28×32; set patch to one of 1, 2, 4$"):
        built(pictures(28, 32), patch=64)


def test_heads_must_divide_the_width_and_are_asked_before_any_cell() -> None:
    with pytest.raises(ValueError, match=r"hidden = 10 .* heads = 3"):
        vit.check(vit.Options(hidden=10))
    with pytest.raises(BenchError, match=r"hidden = 10 .* heads = 3"):
        built(pictures(8, 8), hidden=10)


def test_it_learns_64_pictures_by_heart() -> None:
    draw = np.random.default_rng(1)
    image = torch.from_numpy(draw.integers(0, 256, (64, 8, 8, 1), dtype=np.uint8))
    target = torch.arange(64) % 10
    module = built(pictures(8, 8, 1), hidden=64, layers=2, heads=2)
    update = torch.optim.AdamW(module.parameters(), lr=3e-3)
    for _ in range(80):
        nn.functional.cross_entropy(module(image), target).backward()
        update.step()
        update.zero_grad()
    with torch.no_grad():
        assert (module.eval()(image).argmax(dim=1) == target).all()
