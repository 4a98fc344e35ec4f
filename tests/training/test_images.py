"""Image networks: scaling of pixels, networks of other packages, and messages if one does not load or fit."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.training.images import (
    ExternalNetwork,
    ImageModule,
    PublishedPixels,
    external_network,
    image_network,
    import_names,
    require_side,
    shape_of,
    weights_unavailable,
)


def pictures(channels: int = 3, problem: str = "classification") -> Data:
    image = np.arange(2 * 4 * 6 * channels, dtype=np.uint8).reshape(2, 4, 6, channels)
    split = MemorySplit(np.arange(2), {"image": image, "target": np.arange(2)})
    return Data(problem, {"classes": ("a", "b", "c")}, {"train": split}, Source("generated", "pictures", "0"))


class Means(nn.Module):
    """One output for each channel: its mean."""

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        return planes.mean(dim=(2, 3))


class Sized(Means):
    """The same for pictures of one size only."""

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        assert planes.shape[2:] == (8, 8), "Input height doesn't match\nmore"
        return super().forward(planes)


def test_images_become_planes_and_a_regression_gives_one_value_each() -> None:
    image = torch.tensor([[[[1, 10], [3, 20]]]], dtype=torch.uint8)  # (1, 1, 2, 2): two pixels of two channels
    pixels = PublishedPixels([0.0, 0.0], [1 / 255, 1 / 255], 2)
    assert ImageModule(pixels, Means(), scalar=False)(image).tolist() == [[2.0, 15.0]]
    assert ImageModule(pixels, nn.Sequential(Means(), nn.Linear(2, 1)), scalar=True)(image).shape == (1,)


def test_the_logits_of_an_output_object_are_taken() -> None:
    class Outputs(nn.Module):
        def forward(self, planes: torch.Tensor) -> Any:
            return type("Output", (), {"logits": planes.mean(dim=(2, 3)) + 1.0})()

    module = ImageModule(nn.Identity(), Outputs(), scalar=False)
    assert module(torch.ones(1, 2, 2, 3)).tolist() == [[2.0, 2.0, 2.0]]


def test_published_pixels_have_the_means_of_the_weights_and_one_mean_for_grey_images() -> None:
    image = torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)
    scaled = PublishedPixels([0.5, 0.25, 0.2], [0.5, 0.5, 0.1], 3)(image)
    assert torch.allclose(scaled, torch.tensor([[[[1.0, -0.5, 0.0]]]]), atol=1e-6)
    grey = PublishedPixels([0.6, 0.3, 0.0], [0.2, 0.3, 0.4], 1)
    assert torch.allclose(grey(torch.full((1, 1, 1, 1), 153.0)), torch.tensor((0.6 - 0.3) / 0.3), atol=1e-6)


def test_grey_pictures_get_three_channels_and_others_are_resized() -> None:
    planes = torch.rand(2, 1, 4, 6)
    network = ExternalNetwork(nn.Identity(), None)
    assert torch.equal(network(planes), planes.repeat(1, 3, 1, 1))
    assert ExternalNetwork(nn.Identity(), 8)(torch.rand(2, 3, 4, 6)).shape == (2, 3, 8, 8)
    square = torch.rand(1, 3, 8, 8)
    assert torch.equal(ExternalNetwork(nn.Identity(), 8)(square), square)


def test_an_image_network_scales_by_the_training_images_and_encodes_bytes() -> None:
    data = pictures()
    network = image_network(data, Means())
    raw = data.splits["train"].take(np.arange(2))
    assert network.encode(raw)["image"].dtype == np.uint8
    assert network.module(torch.from_numpy(raw["image"])).mean(dim=0).tolist() == pytest.approx([0.0] * 3, abs=1e-5)


def test_a_module_of_another_package_is_tried_and_ready_to_be_trained() -> None:
    network = external_network(pictures(), Means(), "theirs", None, None)
    assert network.module.training
    assert external_network(pictures(1), Sized(), "theirs", 8, None).module.body.side == 8


@pytest.mark.parametrize(
    ("data", "body", "message"),
    [
        (pictures(4), Means(), "theirs takes grey or colour images, but these have 4 channels"),
        (pictures(), nn.Identity(), r"theirs returns (2, 3, 4, 6) for 2 images, not (2, 3); choose a classifier"),
        (pictures(problem="regression"), Means(), r"theirs returns (2, 3) for 2 images, not (2,); choose a classifier"),
        (
            pictures(),
            Sized(),
            "theirs does not take images of 4×6 (Input height doesn't match); "
            "set resize to the side that it expects, often 224",
        ),
    ],
)
def test_a_module_that_does_not_fit_is_refused_with_the_reason(data: Data, body: nn.Module, message: str) -> None:
    with pytest.raises(BenchError) as raised:
        external_network(data, body, "theirs", None, None)
    assert str(raised.value) == message


def test_the_size_after_resizing_is_part_of_the_message() -> None:
    with pytest.raises(BenchError, match=r"does not take images of 4×6, resized to 7×7 \("):
        external_network(pictures(), Sized(), "theirs", 7, None)


def test_the_shape_of_the_images_and_the_smallest_side() -> None:
    assert shape_of(pictures()) == (4, 6, 3)
    require_side("net", (4, 6, 3), 4, "it halves twice")
    with pytest.raises(BenchError) as raised:
        require_side("net", (4, 6, 3), 5, "it halves twice")
    assert str(raised.value) == "net: images of 4×6 are too small, since it halves twice; the smallest it takes is 5×5"


def test_names_of_a_package_are_imported() -> None:
    assert import_names("json", ["dumps", "loads"], "get it") == [json.dumps, json.loads]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "mypackage is not installed; get it"),
        ("import absent_package", "mypackage is installed and does not load (ModuleNotFoundError: No module named "),
        ("raise RuntimeError('operator torch::x\\nmore')", "does not load (RuntimeError: operator torch::x); get it"),
        ("", "mypackage is installed and a part does not load (AttributeError: "),
    ],
)
def test_a_package_that_is_absent_or_broken_is_one_message(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, source: str | None, message: str
) -> None:
    if source is not None:
        (tmp_path / "mypackage.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError) as raised:
        import_names("mypackage", ["Name"], "get it")
    assert message in str(raised.value)
    sys.modules.pop("mypackage", None)


def test_weights_that_cannot_be_had_say_what_to_do() -> None:
    assert weights_unavailable("net", OSError("no route\nto host")) == (
        "net: its published weights are not on this machine and cannot be downloaded (OSError: no route); "
        "run once with network access, or set pretrained = false"
    )
