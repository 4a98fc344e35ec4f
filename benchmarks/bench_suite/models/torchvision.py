"""Any classification architecture of torchvision (Maintainers 2016), where that package is installed and loads.

No extra brings it: a torchvision that does not match the installed torch keeps Transformers from loading.
`bench doctor` says whether it loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from bench_suite.components.options import show
from bench_suite.contracts import BenchError, Data, Network
from bench_suite.training.images import UNBUNDLED, foreign_network, loaded, unfetched
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)  # whether there are convolutions to explain is the architecture's affair
IMPORTS = ("torchvision",)
BOUNDS = {"resize": (1, None)}


@dataclass(frozen=True)
class Options:
    architecture: str = "resnet18"
    "Name of the architecture, as `torchvision.models.list_models(module=torchvision.models)` gives it."
    pretrained: bool = False
    """Start from the package's best published weights (`DEFAULT`), and scale images as these expect; they are
    downloaded where they are not yet here."""
    resize: int | None = None
    "Side, in pixels, that images are brought to before the network; none leaves them as they are."


def build(data: Data, options: Options) -> Network:
    """The network for the task's images, a last layer of its own for the task's classes.

    Raises `BenchError` where torchvision is missing or does not load, knows no such architecture, cannot get its
    weights, or where the architecture does not take images of this size.
    """
    label = f"torchvision's {show(options.architecture)}"
    get_model, get_weights = loaded("torchvision.models", ("get_model", "get_model_weights"), UNBUNDLED)
    try:
        body = get_model(options.architecture, weights=None, num_classes=outputs_of(data))
        weights = get_weights(options.architecture).DEFAULT if options.pretrained else None
        if weights is not None:
            start_from(body, weights.get_state_dict(progress=False), label)
    except OSError as error:
        raise BenchError(unfetched(label, error)) from error
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = "architecture with published weights" if options.pretrained else "classification architecture"
        raise BenchError(
            f"{label}: no such {what}, says torchvision ({error}); torchvision.models.list_models() lists them"
        ) from error
    published = None
    if weights is not None:
        preset = weights.transforms()
        published = (preset.mean, preset.std)
    return foreign_network(data, body, label, options.resize, published)


def start_from(body: nn.Module, weights: Any, label: str) -> None:
    """Load those of `weights` (tensors by name) that fit: all but the last layers, made for other classes.

    Raises `BenchError` where not even half of the network's tensors are among them.
    """
    own = body.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    if 2 * len(fitting) < len(own):
        raise BenchError(f"{label}: of {len(own)} tensors only {len(fitting)} fit the published weights")
    body.load_state_dict(fitting, strict=False)
