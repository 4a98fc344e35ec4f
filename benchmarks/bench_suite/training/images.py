"""Networks over images, whoever wrote them: fed from raw images, their logits taken out, their faults explained."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import BenchError, Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import image_only, outputs_of, pixels_of

MAX_SMALL_SIDE = 64
"Longest side, in pixels, of what counts as a small picture: networks made for 224 pixels get another stem for them."

TRANSFORMERS = "get it with: pip install 'bench-suite[pretrained]'"
"What to do where Transformers is missing."
INSTALL_ADVICE = (
    "no extra of bench-suite brings it, since a torchvision that does not match the installed torch keeps Transformers "
    "from loading; install a matching pair yourself, and see with `bench doctor` whether it loads"
)
"What to do where timm or torchvision is missing."

_UNLOADABLE = (ImportError, RuntimeError, OSError, AttributeError, ValueError)
"What importing a package raises that does not fit its neighbours: a missing symbol, an operator that is not there."


class ImageModule(nn.Module):
    """`body`, a network over planes (k, C, H, W) of mean 0 and deviation 1, made one over raw images (k, H, W, C)."""

    def __init__(self, pixels: nn.Module, body: nn.Module, *, scalar: bool) -> None:
        super().__init__()
        self.pixels = pixels
        self.body = body
        self.scalar = scalar

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of images (k, H, W, C), uint8 or float on the scale 0..255."""
        planes = self.pixels(image).permute(0, 3, 1, 2)  # a view: H, W, C in memory is what channels_last means
        outputs = self.body(planes)
        logits = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
        return logits.squeeze(-1) if self.scalar else logits


class ExternalNetwork(nn.Module):
    """A network made for colour pictures of one size: grey ones are given thrice, others resized, as it needs."""

    def __init__(self, network: nn.Module, side: int | None) -> None:
        super().__init__()
        self.network = network
        self.side = side

    def forward(self, planes: torch.Tensor) -> Any:
        """What the network returns for planes (k, 1 or 3, H, W), float32."""
        if self.side is not None and planes.shape[2:] != (self.side, self.side):
            planes = functional.interpolate(planes, (self.side, self.side), mode="bilinear", antialias=True)
        return self.network(planes.expand(-1, 3, -1, -1) if planes.shape[1] == 1 else planes)


class PublishedPixels(nn.Module):
    """Images (k, H, W, C) on the scale 0..255 to float32 as pretrained weights expect them: by published `mean` and
    `deviation` (3,) on the scale 0..1, whatever the task's own are. Grey images take the mean of the three."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], channels: int) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("deviation", deviation)):
            scaled = 255.0 * np.asarray(values, dtype=np.float64)
            scaled = scaled.mean(keepdims=True) if channels == 1 else scaled
            self.register_buffer(name, torch.tensor(scaled, dtype=torch.float32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The same shape, float32; differentiable where `image` is float."""
        return (image.float() - self.mean) / self.deviation


def image_network(data: Data, body: nn.Module, pixels: nn.Module | None = None) -> Network:
    """The `Network` of `body`, which takes planes (k, C, H, W) and returns a tensor (k, outputs) or holds it as
    `logits`. Without `pixels`, images are scaled by the mean and deviation of the training images."""
    module = ImageModule(pixels_of(data) if pixels is None else pixels, body, scalar=data.problem == "regression")
    return Network(module, encode=image_only, collate=stack)


def external_network(
    data: Data,
    body: nn.Module,
    label: str,
    side: int | None,
    published: tuple[Sequence[float], Sequence[float]] | None,
) -> Network:
    """The `Network` of another package's `body`; tried on two images first, since nobody says what sizes it takes.

    `label` names it in messages; `side`: pixels, that images are resized to; `published`: mean and deviation (3,) that
    pretrained weights expect. Raises `BenchError` where the task's images do not suit it.
    """
    height, width, channels = shape_of(data)
    if channels not in (1, 3):
        raise BenchError(f"{label} takes grey images or colour ones, and these have {channels} channels")
    pixels = None if published is None else PublishedPixels(*published, channels)
    network = image_network(data, ExternalNetwork(body, side), pixels)
    size = f"images of {height}×{width}" + ("" if side is None else f", resized to {side}×{side}")
    try:
        with torch.no_grad():
            said = network.module.eval()(torch.zeros(2, height, width, channels, dtype=torch.uint8))
    except (RuntimeError, ValueError, AssertionError, AttributeError, TypeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BenchError(
            f"{label} does not take {size} ({first}); set resize to the side it was made for, often 224"
        ) from error
    wanted = (2,) if data.problem == "regression" else (2, outputs_of(data))
    if said.shape != wanted:
        raise BenchError(f"{label} returns {tuple(said.shape)} for 2 images where {wanted} is expected: no classifier")
    network.module.train()
    return network


def shape_of(data: Data) -> tuple[int, int, int]:
    """Height, width and channels of the task's images."""
    height, width, channels = data.splits["train"].take(np.arange(1))["image"].shape[1:]
    return height, width, channels


def require_side(label: str, shape: tuple[int, int, int], smallest: int, why: str) -> None:
    """Raise `BenchError` where images (H, W, C) have a side of fewer than `smallest` pixels."""
    if min(shape[:2]) < smallest:
        raise BenchError(
            f"{label}: images of {shape[0]}×{shape[1]} are too small, since {why}; "
            f"the smallest it takes is {smallest}×{smallest}"
        )


def import_names(package: str, names: Sequence[str], remedy: str) -> list[Any]:
    """Attributes `names` of a package that may not be there, imported now; `remedy` says what to do without it.

    Raises `BenchError` where it is not installed, where it does not load, and where it lacks a name.
    """
    try:
        module = import_module(package)
    except ModuleNotFoundError as error:
        top = package.partition(".")[0]
        if error.name == top:
            raise BenchError(f"{top} is not installed; {remedy}") from error
        raise BenchError(f"{top} is installed and does not load ({_first_line(error)}); {remedy}") from error
    except _UNLOADABLE as error:
        raise BenchError(f"{package} is installed and does not load ({_first_line(error)}); {remedy}") from error
    try:
        return [getattr(module, name) for name in names]
    except _UNLOADABLE as error:  # packages that import their parts when these are asked for
        raise BenchError(f"{package} is installed and a part does not load ({_first_line(error)}); {remedy}") from error


def weights_unavailable(label: str, error: OSError) -> str:
    """What to say where published weights are neither on this machine nor to be downloaded."""
    return (
        f"{label}: its published weights are not on this machine and cannot be downloaded ({_first_line(error)}); "
        "run once where there is network, or set pretrained = false"
    )


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
