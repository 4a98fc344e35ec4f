"""Any architecture of timm (Wightman 2019, doi 10.5281/zenodo.4414861), where that package is installed and loads.

No extra brings it: it depends on torchvision, and a torchvision that does not match the installed torch keeps
Transformers from loading. `bench doctor` says whether it loads.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench_suite.components.options import show
from bench_suite.contracts import BenchError, Data, Network
from bench_suite.training.images import UNBUNDLED, foreign_network, loaded, unfetched
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)  # whether there are convolutions to explain is the architecture's affair
IMPORTS = ("timm",)
BOUNDS = {"resize": (1, None)}


@dataclass(frozen=True)
class Options:
    architecture: str = "resnet18"
    "Name of the architecture, as `timm.list_models()` gives it; of pretrained ones with the tag of their weights."
    pretrained: bool = False
    "Start from published weights, and scale images as these expect; they are downloaded where they are not yet here."
    resize: int | None = None
    "Side, in pixels, that images are brought to before the network; none leaves them as they are."


def build(data: Data, options: Options) -> Network:
    """The network for the task's images, a last layer of its own for the task's classes.

    Raises `BenchError` where timm is missing or does not load, knows no such architecture, cannot get its weights, or
    where the architecture does not take images of this size.
    """
    label = f"timm's {show(options.architecture)}"
    (create,) = loaded("timm", ("create_model",), UNBUNDLED)
    try:
        body = create(options.architecture, pretrained=options.pretrained, num_classes=outputs_of(data))
    except OSError as error:
        raise BenchError(unfetched(label, error)) from error
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        what = "architecture with published weights" if options.pretrained else "architecture"
        raise BenchError(f"{label}: no such {what}, says timm ({error}); timm.list_models() lists them") from error
    published = None
    if options.pretrained:
        (configuration,) = loaded("timm.data", ("resolve_model_data_config",), UNBUNDLED)
        resolved = configuration(body)
        published = (resolved["mean"], resolved["std"])
    return foreign_network(data, body, label, options.resize, published)
