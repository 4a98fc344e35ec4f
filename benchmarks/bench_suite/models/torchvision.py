"""torchvision: any classification architecture of that package (Maintainers 2016), if it is installed and loads.

No extra installs it: a torchvision that does not match the installed torch breaks Transformers. `bench doctor` reports
whether it loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from bench_suite.components.options import show
from bench_suite.contracts import BenchError, Data, Network
from bench_suite.training.images import INSTALL_ADVICE, external_network, import_names, weights_unavailable
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)  # convolutions depend on the architecture
IMPORTS = ("torchvision",)
BOUNDS = {"resize": (1, None)}


@dataclass(frozen=True)
class Options:
    architecture: str = "resnet18"
    "Name of the architecture in `torchvision.models.list_models(module=torchvision.models)`."
    pretrained: bool = False
    """Start from the package's best published weights (`DEFAULT`), and scale images as they expect; missing weights are
    downloaded."""
    resize: int | None = None
    "Side, in pixels, to which images are resized before the network; none: no change."


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images, with a new last layer for the task's classes.

    Raises:
        BenchError: torchvision is missing or does not load, it has no such architecture, the weights cannot be fetched,
            or the architecture does not accept images of this size.
    """
    label = f"torchvision's {show(options.architecture)}"
    get_model, get_weights = import_names("torchvision.models", ("get_model", "get_model_weights"), INSTALL_ADVICE)
    try:
        body = get_model(options.architecture, weights=None, num_classes=outputs_of(data))
        weights = get_weights(options.architecture).DEFAULT if options.pretrained else None
        published_weights = None if weights is None else weights.get_state_dict(progress=False)
        whole = published_weights is None or load_fitting_weights(body, published_weights, label)
    except OSError as error:
        raise BenchError(weights_unavailable(label, error)) from error
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = "architecture with published weights" if options.pretrained else "classification architecture"
        raise BenchError(
            f"{label}: no such {what}, says torchvision ({error}); torchvision.models.list_models() lists them"
        ) from error
    published = None
    if weights is not None:
        preset = weights.transforms()
        published = (preset.mean, preset.std)
    network = external_network(data, body, label, options.resize, published)
    if not whole:
        network.untrained = "the last layer"
    return network


def load_fitting_weights(body: nn.Module, weights: Any, label: str) -> bool:
    """Load the `weights` (tensors by name) that fit, and return whether all do; last layers may be for other classes.

    Raises:
        BenchError: fewer than half of the network's tensors fit.
    """
    own = body.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    if 2 * len(fitting) < len(own):
        raise BenchError(f"{label}: only {len(fitting)} of {len(own)} tensors fit the published weights")
    body.load_state_dict(fitting, strict=False)
    return len(fitting) == len(own)
