"""Generated splits: each example depends on its position alone, and is made when it is taken."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np

from bench_suite.data.generated import GeneratedSplit, generated_splits


def draw(size: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 1000, size)


def splits(size: int = 3, recipe: str = "a") -> dict[str, GeneratedSplit]:
    return generated_splits(partial(draw, size), "table", (recipe, size), classes=4, train=20)


def test_an_example_is_the_same_in_any_order_and_in_any_process() -> None:
    train = splits()["train"]
    rows = np.array([7, 0, 7])
    taken = train.take(rows)["table"]
    assert taken.shape == (3, 3)
    assert np.array_equal(taken[0], taken[2])
    assert not np.array_equal(taken[0], taken[1])
    assert np.array_equal(taken, pickle.loads(pickle.dumps(train)).take(rows)["table"])


def test_splits_share_no_example_and_ids_distinguish_recipes() -> None:
    both = splits()
    assert (len(both["train"]), len(both["test"])) == (20, 10)
    ids = np.concatenate([split.ids for split in both.values()])
    assert len(np.unique(ids)) == 30
    assert not np.isin(splits(recipe="b")["train"].ids, ids).any()
    rows = np.arange(10)
    assert not np.array_equal(both["train"].take(rows)["table"], both["test"].take(rows)["table"])


def test_targets_are_known_without_making_an_example() -> None:
    train = splits()["train"]
    assert not train.in_memory
    assert train.targets.tolist() == [0, 1, 2, 3] * 5
    assert train.take(np.array([5]))["target"].tolist() == [1]
