"""Assembling: from the options that the models built on Transformers share to a network for a task's texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack
from bench_suite.pretrained import encoders, finetuning, tokenizing
from bench_suite.pretrained.classifier import Classifier, Head, Pooled, Pooling, Probe
from bench_suite.pretrained.finetuning import Features, Precision
from bench_suite.pretrained.tokenizing import Kind, Tokenized
from bench_suite.pretrained.weights import find, misnamed, transformers
from bench_suite.training.inputs import outputs_of
from bench_suite.training.precision import fastest
from bench_suite.training.vocabulary import Keep

LONGEST = 256
"Tokens of a text that are read where nothing is said."


@dataclass(frozen=True)
class Recipe:
    """How texts are read, pooled and classified, and what of the encoder is trained."""

    pretrained: str | None
    max_length: int | None
    "Tokens of a text that are read, special ones included; None: `LONGEST`, or as many as the encoder has places for."
    keep: Keep
    freeze: bool
    frozen_precision: Precision | Literal["auto"]
    lora: int | None
    pooling: Pooling
    head: int | None
    dropout: float
    attention_dropout: float


def recipe_of(options: Any) -> Recipe:
    """The recipe of a model's `Options`, which have fields of the same names."""
    return Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})


def check(recipe: Recipe, scratch: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise ValueError where options do not go together.

    Args:
        recipe: what the suite states.
        scratch: options that only a model trained from scratch has: by name their value and their default.
    """
    if recipe.pretrained is None and (recipe.freeze or recipe.lora is not None):
        option = "freeze = true" if recipe.freeze else f"lora = {recipe.lora}"
        raise ValueError(f"{option} needs `pretrained`: weights that begin at random have to be trained")
    if recipe.freeze and recipe.lora is not None:
        raise ValueError("freeze = true trains nothing of the encoder and lora a part of it: choose one of them")
    if recipe.pretrained is not None:
        stated = sorted(name for name, (value, default) in scratch.items() if value != default)
        if stated:
            raise ValueError(f"{stated[0]} is for a model trained from scratch; `pretrained` brings its own")
    if recipe.pretrained is not None and (error := misnamed(recipe.pretrained)) is not None:
        raise ValueError(error)


def check_sized(options: Any, plain: Any, scratch: tuple[str, ...]) -> None:
    """`check` for a model whose sizes are options of its own; raise ValueError where its heads do not fit either.

    Args:
        options: of the model, with `dimension` and `heads`.
        plain: the same at their defaults.
        scratch: names of those that only a model trained from scratch has.
    """
    check(recipe_of(options), {name: (getattr(options, name), getattr(plain, name)) for name in scratch})
    if options.dimension % options.heads:
        raise ValueError(f"dimension = {options.dimension} cannot be shared among heads = {options.heads}")


def pretrained_network(data: Data, recipe: Recipe, model_types: tuple[str, ...] = ()) -> Network:
    """A network on a pretrained encoder; raises DataUnavailable or BenchError where it cannot be had.

    Args:
        data: whose texts it is for.
        recipe: with `pretrained`.
        model_types: kinds of architecture that are meant; empty: any.
    """
    assert recipe.pretrained is not None
    transformers()
    found = find(recipe.pretrained)
    encoder, unused = encoders.pretrained_encoder(found, recipe.dropout, recipe.attention_dropout, model_types)
    tokenized = tokenizing.pretrained_tokenizer(found, recipe.max_length or LONGEST, recipe.keep)
    loaded = {
        "pretrained": found.name,
        "origin": found.origin,
        "weights": found.digest,
        **({"revision": found.revision} if found.revision else {}),
        **({"tensors of the file without a place": unused} if unused else {}),
    }
    return _network(data, recipe, tokenized, encoder, loaded)


def configured_network(
    data: Data, recipe: Recipe, model_type: str, sizes: Mapping[str, Any], kind: Kind, vocabulary: int
) -> Network:
    """A network on an encoder that is trained from scratch, its tokenizer fitted on the train split.

    Args:
        data: whose texts it is for.
        recipe: without `pretrained`.
        model_type: the architecture's name in Transformers.
        sizes: fields of its configuration; size of the vocabulary and the number for padding are added.
        kind: of tokenizer.
        vocabulary: tokens that it shall have.
    """
    transformers()
    tokenized = tokenizing.fitted_tokenizer(data, kind, vocabulary, recipe.max_length or LONGEST, recipe.keep)
    stated = {"vocab_size": len(tokenized), "pad_token_id": tokenized.padding, **sizes}
    encoder = encoders.configured_encoder(model_type, stated, recipe.dropout, recipe.attention_dropout)
    return _network(data, recipe, tokenized, encoder, {"architecture": model_type, "tokens": len(tokenized)})


def _network(
    data: Data, recipe: Recipe, tokenized: Tokenized, encoder: nn.Module, loaded: Mapping[str, Any]
) -> Network:
    """Tokenizer, encoder, pooling and head put together as the recipe says."""
    if recipe.max_length is None:
        tokenized = replace(tokenized, max_length=min(LONGEST, encoders.positions(encoder) or LONGEST))
        loaded = {**loaded, "max_length": tokenized.max_length}
    encoders.check_fit(encoder, len(tokenized), tokenized.max_length, recipe.pretrained or "from scratch")
    pooled = Pooled(encoder, recipe.pooling)
    head = Head(pooled.width, outputs_of(data), recipe.head, recipe.dropout)
    if recipe.freeze:
        finetuning.freeze(pooled)
        chosen = recipe.frozen_precision
        precision = _faster() if chosen == "auto" else chosen
        notes = {**loaded, "frozen_precision": precision}
        features = Features(tokenized, pooled, precision)
        return Network(Probe(head, pooled.width), features, stack, features.encoding, frozen=pooled, notes=notes)
    if recipe.lora is not None:
        finetuning.add_lora(encoder, recipe.lora)
    module = Classifier(pooled, head)
    return Network(module, tokenized, tokenized.collate, tokenized.encoding, padded="tokens", notes=loaded)


def _faster() -> Precision:
    """What `auto` stands for: the precision that is faster on the device that this machine has, and its threads."""
    found = fastest("cuda" if torch.cuda.is_available() else "cpu", torch.get_num_threads())
    return "bf16-mixed" if found == "bf16-mixed" else "32-true"
