"""The options that models built on Transformers share: how texts are read, pooled and classified, and what is trained.

A model's `Options` inherits from `FinetuningOptions`. It states a field again if its default, its choices or its help
differ; the field keeps its position. A plan reads the options without importing this module, and imports it to check
them, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class FinetuningOptions:
    """Options of a fine-tuned encoder for texts; the bounds are facts of each model."""

    pretrained: str | None = None
    """Weights and tokenizer to begin with: a hub id (looked for in $BENCH_DATA, the hub's cache, an installed package,
    and on the hub), or a folder, written with ./, ~/ or / before it and relative to the suite's file. None: from
    scratch."""
    max_length: int | None = None
    "Tokens of a text that are read, special ones included; none: 256, or as many as the model takes, if fewer."
    keep: Literal["first", "last", "ends"] = "ends"
    "Which tokens of a longer text: the first, the last, or half from each end."
    freeze: bool = False
    "Train the head only: the encoder's pooled features are computed once, and cached."
    frozen_precision: Literal["32-true", "bf16-mixed", "auto"] = "32-true"
    """Precision of the encoder under `freeze`, where the axis `precision` does not reach: `bf16-mixed` is 3 times as
    fast on a processor with bfloat16 and slower without, and moves features by about 1 %; `auto`: the faster here."""
    lora: int | None = None
    "Rank of low-rank additions to each linear layer, which are trained instead of the encoder (extra `lora`)."
    pooling: Literal["mean", "cls", "last"] = "mean"
    "How a text becomes one vector: the mean of its tokens' vectors, or the vector of the first ([CLS]) or last token."
    head: int | None = None
    "Width of a hidden layer with tanh before the output; none: a linear layer alone."
    dropout: float = 0.1
    "Chance that a number is left out in embeddings, layers and head, in training."
    attention_dropout: float = 0.0
    "Chance that an attention weight is left out, in training. Above 0 a processor has no fused kernel for it."
    load_head: bool = True
    """Load the classification head, with its pooler, that the weights were saved with, if there is one; false: a new
    head. Under `freeze` the head is always new."""
    labels: Mapping[str, str] | None = None
    """Class of the data for each label of a loaded head, such as { LABEL_0 = "negative", LABEL_1 = "positive" }; labels
    that are not stated belong to the class of the same name."""


def check_options(options: FinetuningOptions, scratch: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise ValueError if options contradict one another.

    Args:
        options: of the model.
        scratch: value and default, by name, of the options that only a model trained from scratch has.
    """
    if options.pretrained is None and (options.freeze or options.lora is not None):
        option = "freeze = true" if options.freeze else f"lora = {options.lora}"
        raise ValueError(f"{option} needs `pretrained`: random initial weights have to be trained")
    if options.freeze and options.lora is not None:
        raise ValueError("freeze = true trains nothing of the encoder and lora trains a part of it: choose one of them")
    if options.labels is not None and (options.pretrained is None or options.freeze or not options.load_head):
        raise ValueError("labels are for a head that is loaded: set `pretrained`, without freeze and load_head = false")
    if options.pretrained is not None:
        changed = sorted(name for name, (value, default) in scratch.items() if value != default)
        if changed:
            raise ValueError(
                f"{changed[0]} is for a model trained from scratch, and `pretrained` states its own: leave out one of "
                "the two"
            )
        from bench_suite.pretrained.weights import name_error

        if (error := name_error(options.pretrained)) is not None:
            raise ValueError(error)


def check_sized(options: Any, defaults: Any, scratch: tuple[str, ...]) -> None:
    """Raise ValueError as `check_options` does, or if `dimension` is no multiple of `heads`.

    Args:
        options: of a model with the sizes `dimension` and `heads` of its own.
        defaults: the same options at their defaults.
        scratch: names of the options that only a model trained from scratch has.
    """
    check_options(options, {name: (getattr(options, name), getattr(defaults, name)) for name in scratch})
    if options.dimension % options.heads:
        raise ValueError(f"dimension = {options.dimension} cannot be shared among heads = {options.heads}")
