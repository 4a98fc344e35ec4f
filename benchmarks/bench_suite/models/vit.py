"""ViT: vision transformers (Dosovitskiy et al. 2021, arXiv 2010.11929), trained from scratch; a class of Transformers.

The defaults are for small pictures: a CIFAR image has 64 patches of 4×4 pixels, and there are 6 layers of width 192.
The paper's ViT-Base is `patch = 16, hidden = 768, layers = 12, heads = 12`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench_suite.contracts import BenchError, Data, Network
from bench_suite.training.images import TRANSFORMERS, image_network, import_names, shape_of
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("image",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients",)
IMPORTS = ("transformers",)
BOUNDS = {"patch": (1, None), "hidden": (1, None), "layers": (1, None), "heads": (1, None), "dropout": (0.0, 0.99)}


@dataclass(frozen=True)
class Options:
    patch: int = 4
    "Side, in pixels, of the square patches that are the tokens; it must divide both sides of the images."
    hidden: int = 192
    "Width of a token; the feed-forward layers are four times as wide."
    layers: int = 6
    "Transformer layers."
    heads: int = 3
    "Attention heads; their number must divide `hidden`."
    dropout: float = 0.0
    "Probability that a hidden unit is dropped, in training."


def check(options: Options) -> None:
    """Raise ValueError if `hidden` is not a multiple of `heads`."""
    if options.hidden % options.heads:
        raise ValueError(
            f"hidden = {options.hidden} cannot be shared by heads = {options.heads}: set a multiple of {options.heads}"
        )


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's images.

    Raises:
        BenchError: patches do not fill the images, heads do not divide `hidden`, or Transformers is missing.
    """
    try:
        check(options)
    except ValueError as error:
        raise BenchError(f"vit: {error}") from None
    height, width, channels = shape_of(data)
    if height % options.patch or width % options.patch:
        divisors = [side for side in range(1, min(height, width) + 1) if height % side == width % side == 0]
        raise BenchError(
            f"vit: patches of {options.patch}×{options.patch} do not fill images of {height}×{width}; "
            f"set patch to one of {', '.join(map(str, divisors))}"
        )
    configuration, network = import_names("transformers", ("ViTConfig", "ViTForImageClassification"), TRANSFORMERS)
    config = configuration(
        image_size=(height, width),
        patch_size=options.patch,
        num_channels=channels,
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.hidden,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.dropout,
        num_labels=outputs_of(data),
    )
    return image_network(data, network(config))
