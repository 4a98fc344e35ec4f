"""Suggestions: the known name that is closest to an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SYNONYMS: dict[str, str] = {
    "target": "label", "target_column": "label", "label_column": "label", "y": "label", "class": "label",
    "features": "inputs", "feature_columns": "inputs", "x": "inputs", "input": "inputs",
    "file": "path", "files": "path", "csv": "path", "filename": "path", "folder": "path", "data": "path",
    "paths": "path",
    "lr": "learning_rate", "batch": "batch_size", "num_epochs": "epochs", "n_epochs": "epochs",
    "optim": "optimizer", "class_weight": "class_weights", "early_stopping": "patience",
    "sensitive": "groups", "sensitive_features": "groups", "sensitive_attributes": "groups",
    "protected": "groups", "protected_attributes": "groups",
    "group": "by", "groups": "by", "group_by": "by", "groupby": "by", "groups_by": "by",
    "valid": "validation", "val": "validation", "dev": "validation", "k": "folds", "kfold": "folds",
    "n_splits": "folds", "seeds": "seed", "devices": "device", "test_size": "test", "stratified": "stratify",
}  # fmt: skip
"Words that other tools use for a key of a suite, by word."


def meant(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that other tools call so; None if none is."""
    name = SYNONYMS.get(word.lower(), "")
    return name if name and name in known else None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` if a known word is similar or begins with this one, else an empty string."""
    name = closest(word, known)
    return "" if name is None else f'; did you mean "{name}"?'


def misspelt(word: str, known: Iterable[str]) -> bool:
    """Return whether a word is so similar to a known one that it is a slip and hardly another name.

    `cdua` and `cudaa` are misspelt if `cuda` is known; `xpu` and `npu`, a letter away from `cpu`, are not.
    """
    names = tuple(known)
    return word not in names and bool(difflib.get_close_matches(word, names, n=1, cutoff=0.75))


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is similar to this one or begins with it; None if there is none.

    Args:
        word: the unknown word.
        known: all right ones.
        cutoff: the least ratio of `difflib`, from 0 to 1 for the same word.
    """
    lowered = {name.lower(): name for name in known}
    word = word.lower()
    matches = difflib.get_close_matches(word, lowered, n=1, cutoff=cutoff)
    if not matches and len(word) > 1:
        matches = [name for name in lowered if name.startswith(word)]
    return lowered[matches[0]] if matches else None
