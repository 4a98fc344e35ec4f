"""timm: any architecture of that package (Wightman 2019, doi 10.5281/zenodo.4414861), if it is installed and loads.

No extra installs it: it depends on torchvision, and a torchvision that does not match the installed torch breaks
Transformers. `bench doctor` reports whether it loads.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench_suite.components.options import show
from bench_suite.contracts import BenchError, Data, Network
from bench_suite.training.images import INSTALL_ADVICE, external_network, import_names, weights_unavailable
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)  # convolutions depend on the architecture
IMPORTS = ("timm",)
BOUNDS = {"resize": (1, None)}


@dataclass(frozen=True)
class Options:
    architecture: str = "resnet18"
    "Name of the architecture in `timm.list_models()`; with the tag of its weights if it is pretrained."
    pretrained: bool = False
    "Start from published weights, and scale images as they expect; missing weights are downloaded."
    resize: int | None = None
    "Side, in pixels, to which images are resized before the network; none: no change."


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images, with a new last layer for the task's classes.

    Raises:
        BenchError: timm is missing or does not load, it has no such architecture, the weights cannot be fetched, or the
            architecture does not accept images of this size.
    """
    label = f"timm's {show(options.architecture)}"
    (create,) = import_names("timm", ("create_model",), INSTALL_ADVICE)
    try:
        body = create(options.architecture, pretrained=options.pretrained, num_classes=outputs_of(data))
    except OSError as error:
        raise BenchError(weights_unavailable(label, error)) from error
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        what = "architecture with published weights" if options.pretrained else "architecture"
        raise BenchError(f"{label}: no such {what}, says timm ({error}); timm.list_models() lists them") from error
    published = None
    if options.pretrained:
        (configuration,) = import_names("timm.data", ("resolve_model_data_config",), INSTALL_ADVICE)
        resolved = configuration(body)
        published = (resolved["mean"], resolved["std"])
    network = external_network(data, body, label, options.resize, published)
    if options.pretrained and getattr(body, "pretrained_cfg", {}).get("num_classes") != outputs_of(data):
        network.untrained = "the last layer"
    return network
