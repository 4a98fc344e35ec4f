"""Which split is trained on, chosen on and tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.labels import Labels
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.split_roles import drawn_rows, fold_facts, is_drawn, labelled_examples, split_roles
from bench_suite.data.split_rules import SplitRule

TABLE = pa.table({"a": [1, 2, 3, 4]})
LABELS = Labels("classification", ("p", "q"), {"train": np.array([0, 1, 0, 1])})
PARTS = {"train": "train", "validation": "dev", "test": "test"}


def test_splits_are_known_by_their_usual_names() -> None:
    notes: dict[str, Any] = {}
    roles = split_roles(OwnDataOptions(), ("training", "dev", "other"), "mine", notes)
    assert roles == {"train": "training", "validation": "dev"}
    assert notes == {"unused splits": "other"}


def test_the_only_split_is_trained_on() -> None:
    notes: dict[str, Any] = {}
    assert split_roles(OwnDataOptions(), ("all",), "mine", notes) == {"train": "all"}
    assert notes == {"train": "drawn from `all`, the only split"}


def test_a_split_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(DataInvalid, match='mine has no split `tets`; did you mean "test"'):
        split_roles(OwnDataOptions(test="tets"), ("train", "test"), "mine", {})
    with pytest.raises(DataInvalid, match=r"mine has no split called `train`.*out of: a, b"):
        split_roles(OwnDataOptions(), ("a", "b"), "mine", {})


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    targets = {"train": np.array([0, -1, 0, 1]), "test": np.array([-1, -1, -1, -1])}
    notes: dict[str, Any] = {}
    labels = Labels("classification", ("p", "q"), targets)
    tables, known = labelled_examples({"train": TABLE, "test": TABLE}, labels, PARTS, notes)
    assert tables["train"]["a"].to_pylist() == [1, 3, 4]
    assert known["train"].tolist() == [0, 0, 1]
    assert list(tables) == ["train"]
    assert notes == {
        "`test`": "not used: none of its 4 examples has a label", "examples left out, without a label": 1,
    }  # fmt: skip


def test_splits_are_drawn_if_the_data_have_only_one() -> None:
    one, both = {"train": TABLE}, {"train": TABLE, "test": TABLE}
    assert is_drawn(None, one, LABELS.targets, PARTS, "mine")
    assert not is_drawn(None, both, LABELS.targets, PARTS, "mine")
    with pytest.raises(DataInvalid, match='leave the files\' own out with test = ""'):
        is_drawn(SplitRule(test=0.2), both, LABELS.targets, PARTS, "mine")
    with pytest.raises(DataInvalid, match="only one example with a label"):
        is_drawn(None, one, {"train": np.array([0])}, PARTS, "mine")


def test_a_drawn_split_is_noted() -> None:
    def draw(rule: SplitRule, *_: Any) -> tuple[dict[str, np.ndarray], str]:
        assert rule.test == 0.2
        return {"test": np.array([0]), "train": np.array([1, 2, 3])}, "in words"

    notes: dict[str, Any] = {}
    ids = np.arange(4)
    drawn_rows(None, {"train": TABLE}, ids, LABELS.targets, LABELS, PARTS, "mine", notes, draw)
    drawn_rows(SplitRule(test=0.2), {"train": TABLE}, ids, LABELS.targets, LABELS, PARTS, "mine", notes, draw)
    assert notes == {"test": "1 of the 4 examples of `train`, drawn by content", "split": "in words"}


def test_folds_are_known_by_the_examples_in_any_order() -> None:
    ids, target = np.arange(4), np.array([0, 1, 0, 1])
    rule = SplitRule(folds=2)
    facts = fold_facts(1, rule, ids, target)
    assert (facts["fold"], facts["folds"], facts["examples"]) == (1, 2, 4)
    assert facts == fold_facts(1, rule, ids[::-1], target[::-1])
    assert fold_facts(None, SplitRule(test=0.2), ids, target) == {}
