"""Which split is trained on, chosen on and tested on: those of the data set, or rows that are drawn from train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.fingerprint import hash_of, row_hashes
from bench_suite.data.labels import Labels
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.split_rules import SplitRule

MAX_LISTED = 5
"Classes that a message lists."
USUAL_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing"),
}


def split_roles(options: OwnDataOptions, splits: tuple[str, ...], name: str, notes: dict[str, Any]) -> dict[str, str]:
    """Return the data set's own names of `train` and, if it has them, of `validation` and `test`."""
    stated = {role: getattr(options, role) for role in USUAL_NAMES}
    for role, split in stated.items():
        if split and split not in splits:
            listed = ", ".join(splits)
            raise DataInvalid(f"{name} has no split `{split}`{nearest(split, splits)} ({role} may be: {listed})")
    roles = {}
    for role, usual in USUAL_NAMES.items():
        free = [split for split in usual if split in splits and split not in stated.values()]
        split = stated[role] if stated[role] is not None else (free[0] if free else None)
        if split:
            roles[role] = split
    settings = [f'{role} = "{split}"' for role, split in stated.items() if split]
    if "train" not in roles and len(splits) == 1 and not settings:
        roles = {"train": splits[0]}
        notes["train"] = f"drawn from `{splits[0]}`, the only split"
    if "train" not in roles:
        beside = f" beside {' and '.join(settings)}" if settings else ""
        others = ", ".join(split for split in splits if split not in stated.values())
        hint = f'name the one to train on, train = "…", out of: {others}' if others else "leave that out"
        raise DataInvalid(f"{name} has no split called `train`{beside}: {hint}")
    if unused := [split for split in splits if split not in roles.values()]:
        notes["unused splits"] = ", ".join(unused)
    return roles


def labelled_examples(
    tables: Mapping[str, pa.Table], labels: Labels, parts: Mapping[str, str], notes: dict[str, Any]
) -> tuple[dict[str, pa.Table], dict[str, np.ndarray]]:
    """Return the examples with a label, and their targets; a split without any label is left out."""
    labelled, targets, dropped = {}, {}, 0
    for role, table in tables.items():
        known = labels.known(role)
        if len(known) and not known.any() and role != "train":
            notes[f"`{parts[role]}`"] = f"not used: none of its {len(known):,} examples has a label"
            continue
        if not len(known) and role != "train":
            notes[f"`{parts[role]}`"] = "not used: it has no examples"
            continue
        dropped += int((~known).sum())
        labelled[role] = table if known.all() else table.filter(pa.array(known))
        targets[role] = labels.targets[role][known]
    if dropped:
        notes["examples left out, without a label"] = dropped
    return labelled, targets


def check_shared_classes(
    labels: Labels, targets: Mapping[str, np.ndarray], parts: Mapping[str, str], name: str
) -> None:
    """Refuse a split of which no label is a class of train: its labels stand for nothing, or are written otherwise."""
    if labels.classes is None:
        return
    trained = {*targets["train"].tolist()}
    for role in ("validation", "test"):
        numbers = {*targets[role].tolist()} if role in targets else set()
        if numbers and not numbers & trained:
            there, here = (
                ", ".join(repr(labels.classes[number]) for number in sorted(one)[:MAX_LISTED])
                for one in (numbers, trained)
            )
            raise DataInvalid(
                f"{name}: not one label of `{parts[role]}` ({there}) is a class of train ({here}): write both in the "
                f'same way, or leave the split out if its labels stand for nothing: {role} = ""'
            )


def is_drawn(
    rule: SplitRule | None, tables: Mapping[str, pa.Table], targets: Mapping[str, np.ndarray],
    parts: Mapping[str, str], name: str,
) -> bool:  # fmt: skip
    """Return whether the splits are drawn from train; False if the data set's own splits stand.

    Raises:
        DataInvalid: The suite states a split, and the data set has a test split; or there are too few rows.
    """
    if rule is not None:
        others = [parts[role] for role in ("test", "validation") if role in tables]
        if others:
            off = ", ".join(f'{role} = ""' for role in ("test", "validation") if role in tables)
            raise DataInvalid(
                f"{name} has the split `{others[0]}`, and the suite states how to split: leave split out, or leave the "
                f"files' own out with {off}"
            )
    elif "test" in tables or "validation" in tables:
        return False
    if len(targets["train"]) < 2:
        raise DataInvalid(f"{name} has only one example with a label, so none is left to test on: add examples")
    return True


def drawn_rows(
    rule: SplitRule | None, tables: Mapping[str, pa.Table], ids: np.ndarray, targets: Mapping[str, np.ndarray],
    labels: Labels, parts: Mapping[str, str], name: str, notes: dict[str, Any],
    draw_rows: Callable[..., tuple[dict[str, np.ndarray], str]],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the rows of train that make each split, by `draw_rows`.

    Raises:
        DataInvalid: A split gets no row, or a column that the rule reads lacks a value.
    """
    classes = targets["train"] if labels.classes is not None else None
    rows, words = draw_rows(rule or SplitRule(test=0.2), tables["train"], ids, classes, name)
    if rule is None:
        total = len(targets["train"])
        notes["test"] = f"{len(rows['test']):,} of the {total:,} examples of `{parts['train']}`, drawn by content"
    else:
        notes["split"] = words
    return rows


def fold_facts(fold: int | None, rule: SplitRule | None, ids: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Return `Source.folds` of the examples before they are split; empty without folds."""
    if rule is None or not rule.folds:
        return {}
    return {
        "fold": fold, "folds": rule.folds, "repeats": rule.repeats, "examples": len(target),
        "fingerprint": hash_of(np.sort(row_hashes(ids, target))),
    }  # fmt: skip
