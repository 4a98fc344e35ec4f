"""Residual networks: parameters by hand, equal output for bytes and floats, and capacity to memorise images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, Subset
from bench_suite.engines import native
from bench_suite.models import resnet
from bench_suite.problems import classification
from bench_suite.tasks import mnist
from bench_suite.training.images import MAX_SMALL_SIDE
from bench_suite.training.precision import move_to_placement


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(height: int, width: int, channels: int = 3, classes: int = 10, count: int = 8) -> Data:
    """Return pixels and classes drawn from a fixed seed."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    split = MemorySplit(np.arange(count), {"image": image, "target": draw.integers(0, classes, count)})
    spec = {"classes": tuple(map(str, range(classes))), "shape": image.shape[1:]}
    return Data("classification", spec, {"train": split, "test": split}, Source("generated", "pictures", "0"))


def built(data: Data, **options: Any) -> Network:
    torch.manual_seed(0)
    return resnet.build(data, resnet.Options(**options))


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_depth_8_has_the_parameters_counted_by_hand() -> None:
    convolutions = 9 * (3 * 16 + 16 * 16 + 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    norms = 2 * (16 + 16 + 16 + 32 + 32 + 64 + 64)
    assert convolutions + norms + (64 * 10 + 10) == 75_290
    assert parameters(built(pictures(32, 32)).module) == 75_290


def test_depth_8_has_eight_layers_with_weights_and_no_weights_in_shortcuts() -> None:
    module = built(pictures(32, 32)).module
    assert sum(isinstance(part, nn.Conv2d | nn.Linear) for part in module.modules()) == 8
    assert all(part.kernel_size == (3, 3) for part in module.modules() if isinstance(part, nn.Conv2d))


def test_depth_18_and_50_have_the_parameters_of_the_paper_but_for_the_stem_and_the_classes() -> None:
    """torchvision counts 11,689,512 and 25,557,032 with a 7×7 stem and 1,000 classes."""
    pytest.importorskip("transformers", reason="transformers is not installed; the extra `test` brings it")
    less_stem = 64 * 3 * (7 * 7 - 3 * 3)
    for depth, published, features in ((18, 11_689_512, 512), (50, 25_557_032, 2048)):
        fewer_classes = (features + 1) * (1000 - 10)
        with torch.device("meta"):  # parameters are counted without weights
            small, large = (built(pictures(side, 32), depth=depth).module for side in (32, MAX_SMALL_SIDE + 1))
        assert parameters(small) == published - less_stem - fewer_classes
        assert parameters(large) == published - fewer_classes


def test_small_pictures_keep_their_pixels_through_the_stem() -> None:
    pytest.importorskip("transformers", reason="transformers is not installed; the extra `test` brings it")
    for side, inside in ((32, 32), (MAX_SMALL_SIDE, MAX_SMALL_SIDE), (96, 24)):
        module = built(pictures(side, side, count=2), depth=18, width=0.125).module.eval()
        embedder = module.body.resnet.embedder
        assert embedder(torch.zeros(1, 3, side, side)).shape[2:] == (inside, inside)


@pytest.mark.parametrize("depth", [8, 18, 50])
def test_bytes_and_floats_give_the_same_logits_and_floats_have_gradients(depth: int) -> None:
    if depth > 8:
        pytest.importorskip("transformers", reason="transformers is not installed; the extra `test` brings it")
    network = built(pictures(32, 32), depth=depth, width=0.25)
    network.module.eval()
    image = torch.from_numpy(pictures(32, 32).splits["test"].take(np.arange(4))["image"])
    values = image.float().requires_grad_()
    logits = network.module(image=values)
    assert logits.shape == (4, 10)
    assert torch.equal(network.module(image=image), logits)
    logits[:, 3].sum().backward()
    assert values.grad is not None
    assert values.grad.abs().amax(dim=(1, 2, 3)).min() > 0


def test_the_shortcut_takes_every_second_pixel_and_pads_channels_with_zeros() -> None:
    block = resnet.Block(2, 5, 2).eval()
    nn.init.zeros_(block.second_norm.weight)  # only the shortcut is left
    planes = torch.rand(3, 2, 7, 8)
    shortcut = block(planes)
    assert torch.equal(shortcut[:, :2], planes[:, :, ::2, ::2])
    assert (shortcut[:, 2:] == 0.0).all()


def test_gradients_stay_channels_last_all_the_way() -> None:
    """A gradient in the other layout costs a quarter of the speed."""
    network = built(pictures(32, 32))
    module = move_to_placement(network.module, Placement("cpu", 1, "32-true"))
    seen: list[bool] = []

    def watch(_: nn.Module, __: Any, gradients: tuple[torch.Tensor, ...]) -> None:
        seen.extend(gradient.is_contiguous(memory_format=torch.channels_last) for gradient in gradients)

    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.register_full_backward_hook(watch)
    module(torch.zeros(4, 32, 32, 3, dtype=torch.uint8)).sum().backward()
    assert len(seen) == 7
    assert all(seen)


def test_width_multiplies_all_channels() -> None:
    module = built(pictures(32, 32), width=1.5).module
    wide = [part.out_channels for part in module.modules() if isinstance(part, nn.Conv2d)]
    assert wide == [24, 24, 24, 48, 48, 96, 96]


def test_grey_pictures_and_uneven_sides_will_do() -> None:
    for height, width in ((28, 28), (5, 9)):
        assert built(pictures(height, width, 1)).module.eval()(
            torch.zeros(2, height, width, 1, dtype=torch.uint8)
        ).shape == (2, 10)


def test_a_regression_gives_one_value_a_picture() -> None:
    data = pictures(16, 16)
    regression = Data("regression", {}, data.splits, data.source)
    for depth in (8, 18):
        if depth > 8:
            pytest.importorskip("transformers", reason="transformers is not installed; the extra `test` brings it")
        network = built(regression, depth=depth, width=0.25)
        assert network.module(torch.zeros(3, 16, 16, 3, dtype=torch.uint8)).shape == (3,)


@pytest.mark.parametrize(("depth", "smallest"), [(8, 4), (18, 8)])
def test_too_small_a_picture_is_told_the_smallest(depth: int, smallest: int) -> None:
    with pytest.raises(
        BenchError, match=f"{smallest - 1}×32 are too small.*smallest it takes is {smallest}×{smallest}"
    ):
        built(pictures(smallest - 1, 32), depth=depth)


def test_it_learns_64_digits_by_heart() -> None:
    whole = mnist.load(mnist.Options(data="sample"), Sources(offline=True))
    data = Data(whole.problem, whole.spec, {"train": Subset(whole.splits["train"], np.arange(64))}, whole.source)
    network = built(data, width=0.5)
    columns = encoded(network, data.splits["train"])
    options = TrainOptions(epochs=30, batch_size=32, learning_rate=1e-2)
    placement = Placement("cpu", 1, "32-true")
    native.train(network, data, classification, options, placement, lambda window: True, {"train": columns}.__getitem__)
    network.module.eval()
    with torch.no_grad():
        predictions = network.module(columns.columns["image"]).argmax(dim=1)
    assert (predictions == columns.columns["target"]).all()
