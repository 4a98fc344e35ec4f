"""Images: adapt networks of this and other packages to raw images, and explain why one does not load or fit."""

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
"Longest side, in pixels, of a small picture: networks for 224 pixels get another stem for it."

TRANSFORMERS = "get it with: pip install 'bench-suite[pretrained]'"
"Advice if Transformers is missing."
INSTALL_ADVICE = (
    "no extra of bench-suite installs it, since a torchvision that does not match the installed torch breaks "
    "Transformers; install a matching pair yourself, and check with `bench doctor` that it loads"
)
"Advice if timm or torchvision is missing."

_UNLOADABLE = (ImportError, RuntimeError, OSError, AttributeError, ValueError)
"Exceptions from the import of a package that does not match its dependencies: a missing symbol or operator."


class ImageModule(nn.Module):
    """A network over raw images (k, H, W, C): `pixels` scales them for `body`, which reads planes (k, C, H, W)."""

    def __init__(self, pixels: nn.Module, body: nn.Module, *, scalar: bool) -> None:
        super().__init__()
        self.pixels = pixels
        self.body = body
        self.scalar = scalar

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of images (k, H, W, C), uint8 or float on the scale 0..255."""
        planes = self.pixels(image).permute(0, 3, 1, 2)  # a view: channels_last is H, W, C in memory
        outputs = self.body(planes)
        logits = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
        return logits.squeeze(-1) if self.scalar else logits


class ExternalNetwork(nn.Module):
    """A network for colour pictures of one size: grey pictures are repeated in three channels, others are resized."""

    def __init__(self, network: nn.Module, side: int | None) -> None:
        super().__init__()
        self.network = network
        self.side = side

    def forward(self, planes: torch.Tensor) -> Any:
        """Return the network's output for planes (k, 1 or 3, H, W), float32."""
        if self.side is not None and planes.shape[2:] != (self.side, self.side):
            planes = functional.interpolate(planes, (self.side, self.side), mode="bilinear", antialias=True)
        return self.network(planes.expand(-1, 3, -1, -1) if planes.shape[1] == 1 else planes)


class PublishedPixels(nn.Module):
    """Scaling of images (k, H, W, C) on the scale 0..255 to float32 as pretrained weights expect it.

    It uses the published `mean` and `deviation` (3,) on the scale 0..1, not those of the task. Grey images use the mean
    of the three channels.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], channels: int) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("deviation", deviation)):
            scaled = 255.0 * np.asarray(values, dtype=np.float64)
            scaled = scaled.mean(keepdims=True) if channels == 1 else scaled
            self.register_buffer(name, torch.tensor(scaled, dtype=torch.float32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the same shape, float32; differentiable if `image` is float."""
        return (image.float() - self.mean) / self.deviation


def image_network(data: Data, body: nn.Module, pixels: nn.Module | None = None) -> Network:
    """Return the `Network` of a module over images.

    Args:
        data: the task's data, with the column `image`.
        body: module that takes planes (k, C, H, W) and returns a tensor (k, outputs), or an object with it as `logits`.
        pixels: scaling of the images; None: by the mean and standard deviation of the training images.
    """
    module = ImageModule(pixels_of(data) if pixels is None else pixels, body, scalar=data.problem == "regression")
    return Network(module, encode=image_only, collate=stack)


def external_network(
    data: Data,
    body: nn.Module,
    label: str,
    side: int | None,
    published: tuple[Sequence[float], Sequence[float]] | None,
) -> Network:
    """Return the `Network` of another package's module.

    A trial on two images shows whether it fits, since packages do not state the sizes that a module accepts.

    Args:
        data: the task's data, with the column `image`.
        body: module that takes planes (k, 3, H, W).
        label: its name in messages.
        side: pixels that images are resized to; None: no change.
        published: mean and standard deviation (3,) that pretrained weights expect; None: those of the training images.

    Raises:
        BenchError: the module does not accept the task's images, or does not return an output for each class.
    """
    height, width, channels = shape_of(data)
    if channels not in (1, 3):
        raise BenchError(f"{label} takes grey or colour images, but these have {channels} channels")
    pixels = None if published is None else PublishedPixels(*published, channels)
    network = image_network(data, ExternalNetwork(body, side), pixels)
    size = f"images of {height}×{width}" + ("" if side is None else f", resized to {side}×{side}")
    try:
        with torch.no_grad():
            outputs = network.module.eval()(torch.zeros(2, height, width, channels, dtype=torch.uint8))
    except (RuntimeError, ValueError, AssertionError, AttributeError, TypeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BenchError(
            f"{label} does not take {size} ({first}); set resize to the side that it expects, often 224"
        ) from error
    expected = (2,) if data.problem == "regression" else (2, outputs_of(data))
    if outputs.shape != expected:
        raise BenchError(f"{label} returns {tuple(outputs.shape)} for 2 images, not {expected}; choose a classifier")
    network.module.train()
    return network


def shape_of(data: Data) -> tuple[int, int, int]:
    """Return height, width and channels of the task's images."""
    height, width, channels = data.splits["train"].take(np.arange(1))["image"].shape[1:]
    return height, width, channels


def require_side(label: str, shape: tuple[int, int, int], smallest: int, why: str) -> None:
    """Raise BenchError if images (H, W, C) have a side of fewer than `smallest` pixels; `why` is the reason."""
    if min(shape[:2]) < smallest:
        raise BenchError(
            f"{label}: images of {shape[0]}×{shape[1]} are too small, since {why}; "
            f"the smallest it takes is {smallest}×{smallest}"
        )


def import_names(package: str, names: Sequence[str], remedy: str) -> list[Any]:
    """Import an optional package and return its attributes `names`; `remedy` is advice if that fails.

    Raises:
        BenchError: the package is not installed, does not load, or lacks a name.
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
    except _UNLOADABLE as error:  # some packages import their parts on access
        raise BenchError(f"{package} is installed and a part does not load ({_first_line(error)}); {remedy}") from error


def weights_unavailable(label: str, error: OSError) -> str:
    """Return the message for published weights that are not on this machine and cannot be downloaded."""
    return (
        f"{label}: its published weights are not on this machine and cannot be downloaded ({_first_line(error)}); "
        "run once with network access, or set pretrained = false"
    )


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
