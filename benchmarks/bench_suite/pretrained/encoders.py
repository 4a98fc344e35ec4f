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
from bench_suite.pretrained.weights import WeightFiles, transformers

HIDDEN_DROPOUT = ("hidden_dropout_prob", "dropout", "embd_pdrop", "resid_pdrop", "hidden_dropout", "embedding_dropout")
"""Fields of a configuration that hold the dropout of embeddings and layers; their name depends on the architecture."""
HEAD_DROPOUT = ("classifier_dropout", "seq_classif_dropout", "classifier_dropout_prob", "cls_dropout")
"""Fields of a configuration that hold the dropout of a classification head."""
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "attention_dropout_prob")
"""Fields of a configuration that hold the dropout of attention weights."""

REFETCH_ADVICE = "  fetch the files again; config.json and the weights must belong to the same model"
"""Advice for weights that do not fit."""


def pretrained_encoder(
    files: WeightFiles, dropout: float, attention_dropout: float, model_types: Sequence[str] = ()
) -> tuple[nn.Module, int]:
    """Return a pretrained model without its head, float32, and the number of the file's tensors that it does not use.

    Args:
        files: of the model.
        dropout: of embeddings and layers, in training.
        attention_dropout: of attention weights, in training.
        model_types: architectures that are accepted (`model_type` of config.json); empty: any.

    Raises:
        BenchError: the architecture is unknown or not accepted, the weights do not fit it, or they are not finite.
    """
    config = read_config(files, model_types)
    set_dropout(config, dropout, attention_dropout)
    encoder, report = load_weights(files, config, transformers().AutoModel)
    remove_pooler(encoder)
    check_loaded(encoder, report, f"the weights of {files.origin}")
    return encoder.float(), len(report["unexpected_keys"])


def load_weights(files: WeightFiles, config: Any, auto_class: Any) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return a model with a folder's weights, and the report of Transformers on its tensors, for `check_loaded`.

    Args:
        files: of the model.
        config: its configuration, as `read_config` returned it.
        auto_class: class of Transformers that builds the model, such as `AutoModel`.

    Raises:
        BenchError: the weights cannot be read, or the architecture has no such form.
    """
    try:
        model, report = auto_class.from_pretrained(
            files.folder, config=config, local_files_only=True, output_loading_info=True, trust_remote_code=False,
            ignore_mismatched_sizes=True,  # `check_loaded` refuses them, with their names and sizes
        )  # fmt: skip
    except MemoryError:
        raise
    except Exception as error:  # the reader of a damaged file's format may raise anything
        reason = _summarise_error(error, files)
        raise BenchError(
            f"the weights of {files.origin} do not load as {config.model_type}: {reason}\n{REFETCH_ADVICE}"
        ) from error
    return model, report


def configured_encoder(
    model_type: str, fields: Mapping[str, Any], dropout: float, attention_dropout: float
) -> nn.Module:
    """Return a model without its head, from a configuration; PyTorch's global generator draws its weights.

    Args:
        model_type: the architecture's name in Transformers, such as `bert`.
        fields: of its configuration class; fields that are not stated keep their defaults.
        dropout: of embeddings and layers, in training.
        attention_dropout: of attention weights, in training.

    Raises:
        BenchError: Transformers has no such architecture or field, or sizes contradict one another.
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
        _refuse_encoder_decoder(config, model_type)
        set_dropout(config, dropout, attention_dropout)
        encoder = library.AutoModel.from_config(config)
    except (BenchError, MemoryError):
        raise
    except Exception as error:  # which exception contradictory sizes raise depends on the architecture
        raise BenchError(f"{model_type} cannot be made of {dict(fields)}: {_summarise_error(error)}") from error
    remove_pooler(encoder)
    return encoder.float()


def check_loaded(encoder: nn.Module, report: Mapping[str, Any], weights: str, unused: str | None = "pooler.") -> None:
    """Raise BenchError if tensors are missing, differ in size from config.json, or are not finite.

    Args:
        encoder: as it was loaded.
        report: loading information from `from_pretrained`.
        weights: name of the weights in messages.
        unused: part of the names of tensors that the model does not need; None: it needs all.
    """
    tensors = len(encoder.state_dict())
    config: Any = encoder.config
    unfit = f"{weights} do not fit its config.json ({config.model_type})"
    mismatched = sorted(
        entry for entry in report.get("mismatched_keys", ()) if unused is None or unused not in entry[0]
    )
    if mismatched:
        examples = [
            f"{name} ({_size(there)}, by config.json {_size(stated)})" for name, there, stated in mismatched[:3]
        ]
        raise BenchError(
            f"{unfit}: {len(mismatched)} of {tensors} tensors differ in size, such as {', '.join(examples)}\n"
            f"{REFETCH_ADVICE}"
        )
    missing = sorted(name for name in report["missing_keys"] if unused is None or unused not in name)
    if missing:
        raise BenchError(
            f"{unfit}: {len(missing)} of {tensors} tensors are not in the file, such as "
            f"{', '.join(missing[:3])}; they would begin at random\n{REFETCH_ADVICE}"
        )
    # Buffers are not checked: some are masks of minus infinity.
    broken = [name for name, weight in encoder.named_parameters() if not _is_finite(weight)]
    if broken:
        raise BenchError(
            f"{weights} hold NaN or infinite numbers, in {len(broken)} of {tensors} tensors, such as {broken[0]}\n"
            "  fetch the files again, or save the model from before its training diverged"
        )


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _is_finite(weight: torch.Tensor) -> bool:
    """Check the least and the greatest number only: 30 ms for MiniLM on one core; a check of each number takes 400."""
    return bool(torch.stack(weight.aminmax()).isfinite().all())


def remove_pooler(encoder: nn.Module) -> None:
    """Remove the layer that some architectures put on the first token, since the classifier does the pooling.

    Otherwise it would be computed in vain and would hold weights without a gradient.
    """
    if isinstance(getattr(encoder, "pooler", None), nn.Module):
        encoder.pooler = None  # type: ignore[assignment]  # BERT and similar models test for None


def width(encoder: nn.Module) -> int:
    """Return the length of the vector that an encoder gives for a token."""
    config: Any = encoder.config
    return int(config.hidden_size)


def max_positions(encoder: nn.Module) -> int | None:
    """Return the greatest number of tokens that an encoder has positions for; None if there is no limit."""
    config: Any = encoder.config
    count = getattr(config, "max_position_embeddings", None)
    if not isinstance(count, int) or count <= 0:
        return None
    # RoBERTa and similar models count positions from the padding's number + 1.
    shifted = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text")
    return count - 2 if shifted else count


def check_fit(encoder: nn.Module, tokens: int, max_length: int, label: str) -> None:
    """Raise BenchError if an encoder cannot read texts of `max_length` tokens out of `tokens` different ones.

    Args:
        encoder: of Transformers.
        tokens: size of the tokenizer's vocabulary.
        max_length: tokens of the longest text.
        label: name of the model in messages.
    """
    rows = int(encoder.get_input_embeddings().weight.shape[0])  # type: ignore[operator]  # a module, says nn.Module
    if tokens > rows:
        raise BenchError(
            f"{label}: its tokenizer has {tokens} tokens and its embedding {rows} rows, so they belong to different "
            "models: fetch both from the same one"
        )
    limit = max_positions(encoder)
    if limit is not None and max_length > limit:
        raise BenchError(
            f"{label}: max_length = {max_length} is beyond the {limit} tokens that it can read; set max_length to "
            f"{limit} or less"
        )


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def read_config(files: WeightFiles, model_types: Sequence[str]) -> Any:
    """Return the configuration in a folder of weights.

    Args:
        files: of the model.
        model_types: architectures that are accepted (`model_type` of config.json); empty: any.

    Raises:
        BenchError: it cannot be read, or its architecture is unknown or not accepted.
    """
    library = transformers()
    try:
        stated = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
        kind = stated["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "it names no model_type" if isinstance(error, KeyError) else first_line(error, files.folder)
        raise BenchError(f"config.json of {files.origin} is no configuration of Transformers: {reason}") from error
    if model_types and kind not in model_types:
        raise BenchError(
            f"{files.origin} holds a model of the architecture {show(kind)}, not {' or '.join(model_types)}: write "
            'use = "auto", which accepts any architecture'
        )
    try:
        config = library.AutoConfig.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # which exception a field of a wrong type raises depends on the architecture
        newer = "a newer Transformers may know it; code in a model's repository is not run"
        advice = "correct the file, or fetch it again" if kind in library.CONFIG_MAPPING else newer
        raise BenchError(
            f"Transformers {library.__version__} cannot read config.json of {files.origin} (model_type "
            f"{show(kind)}): {_summarise_error(error, files)}\n  {advice}"
        ) from error
    _refuse_encoder_decoder(config, files.origin)
    return config


def _refuse_encoder_decoder(config: Any, label: str) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise BenchError(
            f"{label} is an encoder and a decoder ({config.model_type}), and only models without a second half are "
            "supported: choose BERT, RoBERTa, ELECTRA, DistilBERT, GPT-2 or a similar one"
        )


def set_dropout(config: Any, dropout: float, attention_dropout: float) -> None:
    """Set the dropout under each architecture's own names, and turn off the key-value cache of generation."""
    for fields, chance in ((HIDDEN_DROPOUT + HEAD_DROPOUT, dropout), (ATTENTION_DROPOUT, attention_dropout)):
        for field in fields:
            if isinstance(getattr(config, field, None), int | float):
                setattr(config, field, chance)
    if hasattr(config, "use_cache"):
        config.use_cache = False


def _summarise_error(error: BaseException, files: WeightFiles | None = None) -> str:
    """Return the first informative line of an error, without the folder's path.

    A line that ends in a colon is a heading, and is skipped.
    """
    text = str(error) if files is None else str(error).replace(str(files.folder), files.name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if not line.endswith(":")), lines[0] if lines else type(error).__name__)
    return f"it knows no {first}" if isinstance(error, KeyError) else first


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's parameters."""
    return next(module.parameters()).device
