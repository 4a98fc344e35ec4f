"""GPT-2: a causal transformer, as Transformers builds it, from scratch or pretrained, with a head on the last token.

Radford et al. 2019, "Language models are unsupervised multitask learners". Only the last token has seen the whole text,
so it stands for the text. `pretrained = "gpt2"` is the 124 M-parameter model of the hub. From scratch it is small, and
its byte-level tokens are fitted on the train split. GPT-2 knows no padding: positions after a text's end are masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import Data, Network
from bench_suite.pretrained import builder, weights
from bench_suite.pretrained.options import FinetuningOptions, check_sized

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "embeddings")
IMPORTS = ("transformers",)
IMPORTS_BY = {"lora": ("peft",)}
BOUNDS = {
    "max_length": (1, None),
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
    """Weights and tokenizer to begin with: a hub id, such as "gpt2" (looked for in $BENCH_DATA, the hub's cache, and on
    the hub), or a folder, written with ./, ~/ or / before it and relative to the suite's file. None: from scratch."""
    max_length: int | None = None
    "Tokens of a text that are read; none: 256, or as many as the model takes, if fewer."
    pooling: Literal["mean", "last"] = "last"
    "How a text becomes one vector: the mean of its tokens' vectors, or the vector of the last token."
    layers: int = 2
    "From scratch: layers."
    dimension: int = 128
    "From scratch: width of embeddings and layers."
    heads: int = 2
    "From scratch: heads of attention; they share `dimension` among them."
    feedforward: int = 512
    "From scratch: width of the hidden layer that follows attention in each layer."
    vocabulary: int = 8_000
    "From scratch: byte-level tokens of the tokenizer, which is fitted on the train split."


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
        "n_layer": options.layers,
        "n_embd": options.dimension,
        "n_head": options.heads,
        "n_inner": options.feedforward,
        "n_positions": options.max_length or builder.MAX_LENGTH,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return builder.build_network(data, options, "gpt2", sizes, "bpe", options.vocabulary)
