"""Tuned: a classifier that was fine-tuned before: encoder, pooler and head as Transformers saved them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, Data
from bench_suite.pretrained.encoders import check_loaded, load_weights, read_config, set_dropout
from bench_suite.pretrained.weights import WeightFiles, transformers

ARCHITECTURE = "ForSequenceClassification"
"""End of the name, in config.json, of an architecture with a head for one class or one value of a text."""


class TunedClassifier(nn.Module):
    """A model of Transformers with the head that it was saved with; its outputs are in the order of the data."""

    def __init__(self, model: nn.Module, order: Sequence[int] | None) -> None:
        """Wrap a model.

        Args:
            model: of Transformers, for the classification of sequences.
            order: the model's output for each class of the data; None: one value, for a regression.
        """
        super().__init__()
        self.model = model
        self.scalar = order is None
        self.register_buffer("order", torch.tensor([] if order is None else list(order)), persistent=False)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts: `tokens` (k, L) int64, `lengths` (k,) int64."""
        model: Any = self.model
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(-1)
        inputs = {"input_ids": tokens, "attention_mask": inside.long()}
        if isinstance(getattr(model, "score", None), nn.Linear):
            # A causal model. It would look for the last token by the number of the padding, which may be in a text.
            vectors = getattr(model, model.base_model_prefix)(**inputs).last_hidden_state
            last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, vectors.shape[2])
            outputs = model.score(vectors.gather(1, last).squeeze(1)).float()
        else:
            outputs = model(**inputs).logits.float()
        return outputs.squeeze(-1) if self.scalar else outputs[:, self.order]

    def get_input_embeddings(self) -> Any:
        """Return the layer that turns token numbers into vectors; the method's name is that of Transformers."""
        model: Any = self.model
        return model.get_input_embeddings()


def tuned_classifier(
    files: WeightFiles,
    data: Data,
    dropout: float,
    attention_dropout: float,
    labels: Mapping[str, str] | None,
    model_types: Sequence[str] = (),
) -> tuple[TunedClassifier, int] | None:
    """Return a model with the head that it was saved with, float32; None if the folder has no head.

    Args:
        files: of the model.
        data: the task's data.
        dropout: of embeddings, layers and head, in training.
        attention_dropout: of attention weights, in training.
        labels: class of the data by label of the head; other labels belong to the class of the same name.
        model_types: architectures that are accepted (`model_type` of config.json); empty: any.

    Returns:
        The model, and the number of the file's tensors that it does not use.

    Raises:
        BenchError: the weights do not load, or the head's labels do not fit the data's classes.
    """
    library = transformers()
    config = read_config(files, model_types)
    names = [str(name) for name in getattr(config, "architectures", None) or ()]
    if names and not any(name.endswith(ARCHITECTURE) for name in names):
        return None
    if type(config) not in library.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return None
    set_dropout(config, dropout, attention_dropout)
    model, report = load_weights(files, config, library.AutoModelForSequenceClassification)
    base = f"{model.base_model_prefix}."
    head = {name for name, _ in model.named_parameters() if not name.startswith(base)}
    if head <= set(report["missing_keys"]):
        return None
    check_loaded(model, report, f"the weights of {files.origin}", unused=None)
    classifier = TunedClassifier(model.float(), _order(config, data, labels or {}, files.origin))
    return classifier, len(report["unexpected_keys"])


def _order(config: Any, data: Data, labels: Mapping[str, str], origin: str) -> list[int] | None:
    """Return the output of the head for each class of the data; None for a regression."""
    kind = getattr(config, "problem_type", None)
    count = int(config.num_labels)
    advice = "set load_head = false for a new head, which has to be trained"
    if data.problem != "classification":
        if count != 1 or kind not in (None, "regression"):
            raise BenchError(f"the head of {origin} has {count} outputs, and a regression needs one value: {advice}")
        if labels:
            raise BenchError("labels name classes, and the data of a regression have none: leave labels out")
        return None
    classes = [str(name) for name in data.spec["classes"]]
    if count == 1 or kind in ("regression", "multi_label_classification"):
        what = "one value" if count == 1 or kind == "regression" else "several labels at a time"
        raise BenchError(
            f"the head of {origin} predicts {what} for a text, and a text of the data has one of {len(classes)} "
            f"classes: {advice}"
        )
    own = [str(config.id2label[number]) for number in range(count)]
    for kind_of_name, stated, known in (("label", labels, own), ("class", labels.values(), classes)):
        for name in stated:
            if name not in known:
                where = f"the head of {origin}" if kind_of_name == "label" else "the data"
                raise BenchError(
                    f"labels: {where} has no {kind_of_name} {show(name)}{nearest(name, known)} "
                    f"(there are: {', '.join(known)})"
                )
    numbers = [_class_of(label, labels, classes) for label in own]
    if sorted(-1 if number is None else number for number in numbers) != list(range(len(classes))):
        example = ", ".join(f"{show(label)} = …" for label in own[:3]) + (", …" if len(own) > 3 else "")
        raise BenchError(
            f"the head of {origin} has the labels {', '.join(own)}, and the data have the classes "
            f"{', '.join(classes)}: state the class that each label stands for, labels = {{ {example} }}, or {advice}"
        )
    return [numbers.index(number) for number in range(len(classes))]


def _class_of(label: str, labels: Mapping[str, str], classes: Sequence[str]) -> int | None:
    """Return the number of the class that a label stands for; upper and lower case differ only if they have to."""
    name = labels.get(label, label)
    if name in classes:
        return classes.index(name)
    folded = [other.strip().casefold() for other in classes]
    same = name.strip().casefold()
    return folded.index(same) if folded.count(same) == 1 else None
