"""Items, repetitions and clusters of rows, and the hashes by which runs recognise them."""

import numpy as np
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.items import data_facts, examples_of, groups_of


def texts(*words: str) -> np.ndarray:
    return np.array(words, dtype=object)


def test_ids_depend_on_item_and_repetition_and_not_on_the_order_of_rows() -> None:
    items, repeats = texts("a", "a", "b", "b"), texts("1", "2", "1", "2")
    forward = examples_of(np.arange(4), items, repeats, None, whose="m")
    backward = examples_of(np.arange(4)[::-1], items, repeats, None, whose="m")
    assert forward.ids.tolist() == backward.ids.tolist()
    assert forward.rows.tolist() == backward.rows.tolist()
    assert (forward.items, forward.repetitions, forward.uneven) == (2, 2, False)
    assert forward.clusters is not None
    assert len(np.unique(forward.clusters)) == 2


def test_single_items_are_independent_unless_a_column_ties_them() -> None:
    items = texts("a", "b", "c")
    assert examples_of(np.arange(3), items, None, None, whose="m").clusters is None
    tied = examples_of(np.arange(3), items, None, texts("x", "x", "y"), whose="m")
    assert tied.clusters is not None
    assert len(np.unique(tied.clusters)) == 2


def test_what_occurs_twice_is_named_with_its_rows() -> None:
    with pytest.raises(BenchError, match="the item 'b' occurs more than once, in the rows 2 and 4"):
        examples_of(np.arange(4), texts("a", "b", "c", "b"), None, None, whose="task, model")


def test_groups_come_in_order_of_first_appearance() -> None:
    groups = dict(groups_of(texts("t", "t", "s", "t"), texts("n", "m", "m", "n")))
    assert {key: rows.tolist() for key, rows in groups.items()} == {
        ("t", "n"): [0, 3],
        ("t", "m"): [1],
        ("s", "m"): [2],
    }


def test_fingerprints_see_targets_and_examples_and_tell_order_apart() -> None:
    ids = np.array([3, 1, 2])
    first = data_facts("t", "files:x", ids, np.array([0, 1, 0]), problem="classification")
    turned = data_facts("t", "files:x", ids[::-1], np.array([0, 1, 0])[::-1], problem="classification")
    other = data_facts("t", "files:x", ids, np.array([0, 1, 1]), problem="classification")
    assert first["fingerprints"]["test"]["examples"] == turned["fingerprints"]["test"]["examples"]
    assert first["fingerprints"]["test"]["order"] != turned["fingerprints"]["test"]["order"]
    assert first["fingerprints"]["test"]["examples"] != other["fingerprints"]["test"]["examples"]
