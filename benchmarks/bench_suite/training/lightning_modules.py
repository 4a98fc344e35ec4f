"""Lightning modules: recognise a user's own `LightningModule` without importing Lightning, and connect it to raw data.

The classes of `lightning.pytorch` and of `pytorch_lightning` are two; each one runs in the `Trainer` of its package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Batch, BenchError, Data, Network, TrainOptions
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import image_only, standardisation_of

PACKAGES = {"lightning": "lightning.pytorch", "pytorch_lightning": "pytorch_lightning"}
"By the top-level module that defines a `LightningModule`: the package with its `Trainer`."


def package_of(module: Any) -> str | None:
    """Return the package whose `LightningModule` an object is, such as `pytorch_lightning`; None if it is none."""
    for base in type(module).__mro__:
        if base.__name__ == "LightningModule" and base.__module__.partition(".")[0] in PACKAGES:
            return PACKAGES[base.__module__.partition(".")[0]]
    return None


def overrides(module: Any, method: str) -> bool:
    """Return whether the class of a Lightning module defines a method itself, and does not inherit Lightning's."""
    for base in type(module).__mro__:
        if method in vars(base):
            return base.__module__.partition(".")[0] not in PACKAGES
    return False


class PlainInputs(nn.Module):
    """A user's Lightning module that was written for a batch `(x, y)`, behind the inputs of this program.

    `x` is what textbooks have: images as float32 planes (k, C, H, W) from 0 to 1, contiguous, or a table (k, d)
    float32, imputed and standardised by the train split. `y` has class numbers (k,) int64, or the standardised targets
    (k,) float32 of a regression.
    """

    def __init__(self, module: Any, spec: Mapping[str, Any], *, regression: bool) -> None:
        super().__init__()
        self.module = module
        self._regression = (float(spec["mean"]), float(spec["scale"])) if regression else None

    def forward(self, image: torch.Tensor | None = None, table: torch.Tensor | None = None) -> Any:
        """Return what the Lightning module's `forward` returns for images (k, H, W, C) or a table (k, d)."""
        return self.module(self.x(image, table))

    def x(self, image: torch.Tensor | None = None, table: torch.Tensor | None = None) -> torch.Tensor:
        """Return the `x` of images, uint8 or float on the scale 0..255, or of a table."""
        if image is None:
            assert table is not None
            return table
        planes = image.permute(0, 3, 1, 2).float() / 255.0
        # `contiguous` would keep the strides of grey pictures, which count as channels-last ones too.
        return planes.clone(memory_format=torch.contiguous_format)

    def pair(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Return `(x, y)` of a batch."""
        targets = batch.targets
        if self._regression is not None:
            mean, scale = self._regression
            targets = ((targets - mean) / scale).float()
        return self.x(**batch.inputs), targets

    def to(self, *args: Any, memory_format: torch.memory_format | None = None, **kwargs: Any) -> PlainInputs:
        """Move the module; it keeps its memory format, since textbooks' `x.view(k, -1)` fails after another one."""
        return super().to(*args, **kwargs) if args or kwargs else self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the Lightning module, which its own `training_step` calls."""
        self.module.compile(*args, **kwargs)


def network_of(module: Any, data: Data) -> Network:
    """Return the `Network` of a Lightning module that `build` returned itself.

    Raises:
        BenchError: the task has neither images nor a table, so that there is no natural `x`.
    """
    first = data.splits["train"].take(np.arange(1))
    plain = PlainInputs(module, data.spec, regression=data.problem == "regression")
    if "image" in first:
        return Network(plain, encode=image_only, collate=stack)
    if "table" in first:
        return Network(plain, encode=standardisation_of(data), collate=stack)
    raise BenchError(
        f"build returned the LightningModule {type(module).__name__} itself, and these examples have "
        f"{', '.join(name for name in first if name != 'target') or 'no inputs'}, from which no x can be made: return "
        "a Network with the module, and an encode and a collate that make numbers of them"
    )


def lightning_module_of(network: Network) -> Any:
    """Return the user's Lightning module in a network; None if there is none."""
    module = network.module.module if isinstance(network.module, PlainInputs) else network.module
    return module if package_of(module) is not None else None


def has_own_step(network: Network) -> bool:
    """Return whether a network is a Lightning module with a `training_step`, which computes its own loss."""
    module = lightning_module_of(network)
    return module is not None and overrides(module, "training_step")


def check_own_step(network: Network, options: TrainOptions) -> None:
    """Raise BenchError for training options that would have no effect, since a `training_step` computes the loss."""
    name = type(lightning_module_of(network)).__name__
    stated = {
        'class_weights = "balanced"': options.class_weights != "none",
        "label_smoothing": options.label_smoothing > 0.0,
        'augment = ["mixup"]': "mixup" in options.augment,
    }
    for option, is_set in stated.items():
        if is_set:
            raise BenchError(
                f"the training_step of {name} computes the loss, so {option} would have no effect: leave it out"
            )
    if network.loss is not None:
        raise BenchError(
            f"the model's file has a function loss, and the training_step of {name} computes another one: remove one "
            "of them"
        )
