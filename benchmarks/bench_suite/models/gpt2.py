"""GPT-2: a causal transformer, as Transformers builds it, from scratch or pretrained, with a head on the last token.

Radford et al. 2019, "Language models are unsupervised multitask learners". Only the last token has seen the whole text,
so it stands for the text. `pretrained = "gpt2"` is the 124 M-parameter model of the hub. From scratch it is small, and
its byte-level tokens are fitted on the train split. GPT-2 knows no padding: positions after a text's end are masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import Data, Network
from bench_suite.pretrained import builder
from bench_suite.pretrained.builder import recipe_of
from bench_suite.pretrained.weights import fetch as fetch_weights

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
class Options:
    pretrained: str | None = None
    """Weights and tokenizer to begin with: a hub id, such as "gpt2" (looked for in $BENCH_DATA, the hub's cache, and on
    the hub), or a folder, written with ./, ~/ or / before it and relative to the suite's file. None: from scratch."""
    max_length: int | None = None
    "Tokens of a text that are read; none: 256, or as many as the model takes, if fewer."
    keep: Literal["first", "last", "ends"] = "ends"
    "Which tokens of a longer text: the first, the last, or half from each end."
    freeze: bool = False
    "Train the head only: the encoder's pooled features are computed once, and cached."
    frozen_precision: Literal["32-true", "bf16-mixed", "auto"] = "32-true"
    """Precision of the encoder under `freeze`, where the axis `precision` does not reach: `bf16-mixed` is 3 times as
    fast on a processor with bfloat16 and slower without, and moves features by about 1 %; `auto`: the faster here."""
    lora: int | None = None
    "Rank of low-rank additions to each linear layer, which are trained instead of the encoder (extra `lora`)."
    pooling: Literal["mean", "last"] = "last"
    "What stands for a text: the mean of its tokens' vectors, or the vector of the last token."
    head: int | None = None
    "Width of a hidden layer with tanh before the output; none: a linear layer alone."
    dropout: float = 0.1
    "Chance that a number is left out in embeddings, layers and head, in training."
    attention_dropout: float = 0.0
    "Chance that an attention weight is left out, in training. Above 0 a processor has no fused kernel for it."
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
"""Options that only a model trained from scratch has."""


def check(options: Options) -> None:
    """Raise ValueError where options do not go together."""
    builder.check_sized(options, Options(), SCRATCH)


def fetch(options: Options, sources: Sources) -> str | None:
    """Get weights and tokenizer onto this machine, and say where they came from; None where there are none to get."""
    return fetch_weights(options.pretrained, offline=sources.is_offline, progress=sources.progress)


def build(data: Data, options: Options) -> Network:
    """The network for the task's texts.

    Raises:
        DataUnavailable: nobody here has the weights; the message holds the command that gets them.
        BenchError: they do not fit, have no tokenizer, or a package is missing.
    """
    if options.pretrained is not None:
        return builder.pretrained_network(data, recipe_of(options), ("gpt2",))
    fields = {
        "n_layer": options.layers,
        "n_embd": options.dimension,
        "n_head": options.heads,
        "n_inner": options.feedforward,
        "n_positions": options.max_length or builder.LONGEST,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return builder.configured_network(data, recipe_of(options), "gpt2", fields, "bpe", options.vocabulary)
