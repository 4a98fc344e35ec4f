"""Builder: from the options that the models built on Transformers share to a network for a task's texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bench_suite.components.options import show
from bench_suite.contracts import BenchError, Data, Network
from bench_suite.data.encoded import stack
from bench_suite.pretrained import encoders, finetuning, tokenizing
from bench_suite.pretrained.classifier import Classifier, FeatureClassifier, Head, PooledEncoder
from bench_suite.pretrained.finetuning import Features, Precision
from bench_suite.pretrained.options import FinetuningOptions
from bench_suite.pretrained.tokenizing import Kind, TextTokenizer
from bench_suite.pretrained.tuned import TunedClassifier, tuned_classifier
from bench_suite.pretrained.weights import find, transformers
from bench_suite.training import devices
from bench_suite.training.inputs import outputs_of
from bench_suite.training.precision import fastest_precision

MAX_LENGTH = 256
"Tokens that are read of a text if `max_length` is not stated; fewer if the encoder has fewer positions."


def build_network(
    data: Data,
    options: FinetuningOptions,
    model_type: str,
    sizes: Mapping[str, Any],
    kind: Kind,
    vocabulary: int,
) -> Network:
    """Return a network of one architecture: on a pretrained encoder if the options name one, else from scratch.

    Args and errors are those of `pretrained_network` and `configured_network`.
    """
    if options.pretrained is not None:
        return pretrained_network(data, options, (model_type,))
    return configured_network(data, options, model_type, sizes, kind, vocabulary)


def pretrained_network(data: Data, options: FinetuningOptions, model_types: tuple[str, ...] = ()) -> Network:
    """Return a network on a pretrained encoder.

    Args:
        data: the task's data, with the column `text`.
        options: with `pretrained`.
        model_types: architectures that are accepted (`model_type` of config.json); empty: any.

    Raises:
        DataUnavailable: the weights are not on this machine and cannot be fetched.
        BenchError: they do not load, or do not fit their tokenizer or the options; or a package is missing.
    """
    assert options.pretrained is not None
    transformers()
    files = find(options.pretrained)
    dropout = (options.dropout, options.attention_dropout)
    notes: dict[str, Any] = {
        "pretrained": files.name,
        "origin": files.origin,
        "weights": files.digest,
        **({"revision": files.revision} if files.revision else {}),
    }
    loads_head = options.load_head and not options.freeze
    tuned = tuned_classifier(files, data, *dropout, options.labels, model_types) if loads_head else None
    if tuned is None and options.labels is not None:
        raise BenchError(f"labels are for a head that is loaded, and {files.origin} has none: leave labels out")
    model, unused = tuned or encoders.pretrained_encoder(files, *dropout, model_types)
    reading = (options.max_length or MAX_LENGTH, options.keep)
    tokenizer = tokenizing.numbered_tokens(data, *reading) or tokenizing.pretrained_tokenizer(files, *reading)
    if unused:
        notes["tensors of the file without a place"] = unused
    if isinstance(model, TunedClassifier):
        return _adapt(options, tokenizer, model, {**notes, "head": "loaded with the weights"})
    return _assemble(data, options, tokenizer, model, notes, untrained="the head")


def _adapt(
    options: FinetuningOptions, tokenizer: TextTokenizer, classifier: TunedClassifier, notes: Mapping[str, Any]
) -> Network:
    """Return the network of a classifier that is loaded with its head, which states pooling and head itself."""
    defaults = type(options)()
    for option in ("pooling", "head"):
        if (value := getattr(options, option)) != getattr(defaults, option):
            raise BenchError(
                f"{option} = {show(value)} is for a new head, and {notes['origin']} has one of its own: leave "
                f"{option} out, or set load_head = false"
            )
    model: Any = classifier.model
    tokenizer, notes = _fit_length(options, tokenizer, model, notes)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.padding  # some architectures refuse a batch without it
    if options.lora is not None:
        finetuning.add_lora(getattr(model, model.base_model_prefix), options.lora)
    return Network(classifier, tokenizer, tokenizer.collate, tokenizer.encoding, padded="tokens", notes=notes)


def configured_network(
    data: Data, options: FinetuningOptions, model_type: str, sizes: Mapping[str, Any], kind: Kind, vocabulary: int
) -> Network:
    """Return a network on an encoder that is trained from scratch; its tokenizer is fitted on the train split.

    Args:
        data: the task's data, with the column `text`.
        options: without `pretrained`.
        model_type: the architecture's name in Transformers.
        sizes: fields of its configuration; the vocabulary's size and the padding's token number are added.
        kind: of tokenizer.
        vocabulary: tokens that the tokenizer has, unless the texts consist of token numbers.

    Raises:
        BenchError: the configuration is not valid, or a package is missing.
    """
    transformers()
    reading = (options.max_length or MAX_LENGTH, options.keep)
    tokenizer = tokenizing.numbered_tokens(data, *reading) or tokenizing.fit_tokenizer(data, kind, vocabulary, *reading)
    fields = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.padding, **sizes}
    encoder = encoders.configured_encoder(model_type, fields, options.dropout, options.attention_dropout)
    return _assemble(data, options, tokenizer, encoder, {"architecture": model_type, "tokens": len(tokenizer)})


def _fit_length(
    options: FinetuningOptions, tokenizer: TextTokenizer, encoder: nn.Module, notes: Mapping[str, Any]
) -> tuple[TextTokenizer, Mapping[str, Any]]:
    """Return the tokenizer with the length that the encoder can read, and the notes with that length if it is new."""
    if options.max_length is None:
        tokenizer = replace(tokenizer, max_length=min(MAX_LENGTH, encoders.max_positions(encoder) or MAX_LENGTH))
        notes = {**notes, "max_length": tokenizer.max_length}
    encoders.check_fit(encoder, len(tokenizer), tokenizer.max_length, options.pretrained or "from scratch")
    return tokenizer, notes


def _assemble(
    data: Data,
    options: FinetuningOptions,
    tokenizer: TextTokenizer,
    encoder: nn.Module,
    notes: Mapping[str, Any],
    untrained: str | None = None,
) -> Network:
    """Join tokenizer, encoder, pooling and a new head as the options state."""
    tokenizer, notes = _fit_length(options, tokenizer, encoder, notes)
    pooled = PooledEncoder(encoder, options.pooling)
    head = Head(pooled.width, outputs_of(data), options.head, options.dropout)
    if options.freeze:
        finetuning.freeze(pooled)
        precision = _faster_precision() if options.frozen_precision == "auto" else options.frozen_precision
        features = Features(tokenizer, pooled, precision)
        notes = {**notes, "frozen_precision": precision}
        return Network(
            FeatureClassifier(head, pooled.width),
            features,
            stack,
            features.encoding,
            frozen=pooled,
            notes=notes,
            untrained=untrained,
        )
    if options.lora is not None:
        finetuning.add_lora(encoder, options.lora)
    classifier = Classifier(pooled, head)
    return Network(
        classifier, tokenizer, tokenizer.collate, tokenizer.encoding, padded="tokens", notes=notes, untrained=untrained
    )


def _faster_precision() -> Precision:
    """Return the faster precision, measured on this machine's device with PyTorch's present number of threads."""
    precision = fastest_precision("cuda" if devices.is_available("cuda") else "cpu", torch.get_num_threads())
    return "bf16-mixed" if precision == "bf16-mixed" else "32-true"
