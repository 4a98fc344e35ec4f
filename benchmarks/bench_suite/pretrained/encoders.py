"""Encoders: Transformers' own architecture classes, with pretrained weights or from a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench_suite.components.options import show
from bench_suite.contracts import BenchError
from bench_suite.data.hub import first_line
from bench_suite.pretrained.weights import Found, transformers

HIDDEN_DROPOUT = ("hidden_dropout_prob", "dropout", "embd_pdrop", "resid_pdrop", "hidden_dropout", "embedding_dropout")
"""Fields of configurations that hold the dropout of embeddings and layers, by architecture."""
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "attention_dropout_prob")
"""Fields of configurations that hold the dropout of attention weights."""

ANEW = "  fetch the files anew; config.json and weights must be of one and the same model"
"""What to do about weights that do not fit."""


def pretrained_encoder(
    found: Found, dropout: float, attention_dropout: float, model_types: Sequence[str] = ()
) -> tuple[nn.Module, int]:
    """A pretrained model without its head, float32, and how many of the file's tensors it has no place for.

    Args:
        found: its files.
        dropout: of embeddings and layers, in training.
        attention_dropout: of attention weights, in training.
        model_types: kinds of architecture (`model_type` of config.json) that are meant; empty: any.

    Raises:
        BenchError: the architecture is another one or unknown, the weights do not fit it, or they are not finite.
    """
    library = transformers()
    config = _read_config(found, model_types)
    _set_dropout(config, dropout, attention_dropout)
    try:
        encoder, report = library.AutoModel.from_pretrained(
            found.folder, config=config, local_files_only=True, output_loading_info=True, trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are refused below, with their names and sizes
        )  # fmt: skip
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise what their format's reader raises, all kinds
        raise BenchError(
            f"the weights of {found.origin} do not load as {config.model_type}: {_reason(error, found)}\n{ANEW}"
        ) from error
    without_pooler(encoder)
    _check_loaded(encoder, report, f"the weights of {found.origin}")
    return encoder.float(), len(report["unexpected_keys"])


def configured_encoder(
    model_type: str, fields: Mapping[str, Any], dropout: float, attention_dropout: float
) -> nn.Module:
    """A model without its head, from a configuration, its weights drawn from PyTorch's global generator.

    Args:
        model_type: the architecture's name in Transformers, such as `bert`.
        fields: of its configuration class; the others stay at their defaults.
        dropout: of embeddings and layers, in training.
        attention_dropout: of attention weights, in training.

    Raises:
        BenchError: there is no such architecture or field, or sizes that do not go together.
    """
    library = transformers()
    try:
        defaults = library.AutoConfig.for_model(model_type)
    except (ValueError, KeyError):
        raise BenchError(
            f"Transformers {library.__version__} has no architecture {show(model_type)}: `model_type` is its name in "
            "config.json, such as bert, distilbert, roberta, electra or gpt2"
        ) from None
    known = set(defaults.to_dict()) | set(getattr(defaults, "attribute_map", {}))
    unknown = sorted(set(fields) - known)
    if unknown:
        raise BenchError(
            f"the configuration of {model_type} has no field {show(unknown[0])}; see {type(defaults).__name__}"
        )
    try:
        config = library.AutoConfig.for_model(model_type, **fields)
        _not_encoder_decoder(config, model_type)
        _set_dropout(config, dropout, attention_dropout)
        encoder = library.AutoModel.from_config(config)
    except (BenchError, MemoryError):
        raise
    except Exception as error:  # sizes that do not go together raise whatever meets them first
        raise BenchError(f"{model_type} cannot be made of {dict(fields)}: {_reason(error)}") from error
    without_pooler(encoder)
    return encoder.float()


def _check_loaded(encoder: nn.Module, report: Mapping[str, Any], weights: str) -> None:
    """Raise BenchError where tensors are missing, have other sizes than config.json says, or are not finite.

    Args:
        encoder: as it was loaded.
        report: what `from_pretrained` says of it.
        weights: what they are called in messages.
    """
    tensors = len(encoder.state_dict())
    config: Any = encoder.config
    unfit = f"{weights} do not fit its config.json ({config.model_type})"
    unlike = sorted(entry for entry in report.get("mismatched_keys", ()) if "pooler." not in entry[0])
    if unlike:
        shown = [f"{name} ({_size(there)}, by config.json {_size(stated)})" for name, there, stated in unlike[:3]]
        raise BenchError(
            f"{unfit}: {len(unlike)} of {tensors} tensors differ in size, such as {', '.join(shown)}\n{ANEW}"
        )
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name)
    if missing:
        raise BenchError(
            f"{unfit}: {len(missing)} of {tensors} tensors are not in the file, such as "
            f"{', '.join(missing[:3])}; they would begin at random\n{ANEW}"
        )
    # Not buffers, of which some are masks of minus infinity.
    broken = [name for name, weight in encoder.named_parameters() if not _is_finite(weight)]
    if broken:
        raise BenchError(
            f"{weights} hold NaN or infinite numbers, in {len(broken)} of {tensors} tensors, such as {broken[0]}\n"
            "  fetch the files anew, or save the model from before its training diverged"
        )


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _is_finite(weight: torch.Tensor) -> bool:
    """By the least and the greatest number: 30 ms for all of MiniLM on one core, where asking each takes 400."""
    return bool(torch.stack(weight.aminmax()).isfinite().all())


def without_pooler(encoder: nn.Module) -> None:
    """Leave out the layer that some architectures put on the first token: pooling is the classifier's.

    It would otherwise be computed for nothing, and hold weights that have no gradient.
    """
    if isinstance(getattr(encoder, "pooler", None), nn.Module):
        encoder.pooler = None  # type: ignore[assignment]  # BERT and its like ask whether it is None


def width(encoder: nn.Module) -> int:
    """Numbers in the vector that an encoder gives for a token."""
    config: Any = encoder.config
    return int(config.hidden_size)


def positions(encoder: nn.Module) -> int | None:
    """Most tokens that an encoder can tell apart by their place; None where there is no such limit."""
    config: Any = encoder.config
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    # RoBERTa and its like begin to count after the padding's own number.
    shifted = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text")
    return most - 2 if shifted else most


def check_fit(encoder: nn.Module, tokens: int, max_length: int, named: str) -> None:
    """Raise BenchError where texts of `max_length` of `tokens` different tokens cannot be given to an encoder."""
    rows = int(encoder.get_input_embeddings().weight.shape[0])  # type: ignore[operator]  # a module, says nn.Module
    if tokens > rows:
        raise BenchError(
            f"{named}: its tokenizer has {tokens} tokens and its embedding {rows} rows; they are not of one model"
        )
    most = positions(encoder)
    if most is not None and max_length > most:
        raise BenchError(
            f"{named}: max_length = {max_length} is beyond the {most} tokens that it can read: set max_length = {most}"
        )


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def _read_config(found: Found, model_types: Sequence[str]) -> Any:
    library = transformers()
    try:
        stated = json.loads((found.folder / "config.json").read_text(encoding="utf-8"))
        kind = stated["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "it names no model_type" if isinstance(error, KeyError) else first_line(error, found.folder)
        raise BenchError(f"config.json of {found.origin} is not one of Transformers: {reason}") from error
    if model_types and kind not in model_types:
        raise BenchError(
            f"{found.origin} holds a model of the kind {show(kind)}, not {' or '.join(model_types)}: write "
            'use = "auto", which takes any architecture'
        )
    try:
        config = library.AutoConfig.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # fields of a wrong kind raise whatever meets them first
        newer = "a newer Transformers may know it; code that a model brings is not run"
        advice = "set it right, or fetch the file anew" if kind in library.CONFIG_MAPPING else newer
        raise BenchError(
            f"Transformers {library.__version__} does not read config.json of {found.origin} (model_type "
            f"{show(kind)}): {_reason(error, found)}\n  {advice}"
        ) from error
    _not_encoder_decoder(config, found.origin)
    return config


def _not_encoder_decoder(config: Any, named: str) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise BenchError(
            f"{named} is an encoder and a decoder ({config.model_type}), which read and write; one that reads only is "
            "asked for: BERT, RoBERTa, ELECTRA, DistilBERT, GPT-2 and their like"
        )


def _set_dropout(config: Any, dropout: float, attention_dropout: float) -> None:
    """Whatever the architecture calls them; and no cache of keys and values, which only generating needs."""
    for fields, chance in ((HIDDEN_DROPOUT, dropout), (ATTENTION_DROPOUT, attention_dropout)):
        for field in fields:
            if isinstance(getattr(config, field, None), int | float):
                setattr(config, field, chance)
    if hasattr(config, "use_cache"):
        config.use_cache = False


def _reason(error: BaseException, found: Found | None = None) -> str:
    """The first line that says something, without the folder's path; a line that ends in a colon only announces."""
    text = str(error) if found is None else str(error).replace(str(found.folder), found.name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if not line.endswith(":")), lines[0] if lines else type(error).__name__)
    return f"it knows no {said}" if isinstance(error, KeyError) else said


def device_of(module: nn.Module) -> torch.device:
    """Where a module's parameters lie."""
    return next(module.parameters()).device
