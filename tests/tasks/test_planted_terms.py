"""Planted terms: the label of an exact share of texts depends on the group they name, in both splits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.probes.fairness.counterfactuals import swapper, words_of
from bench_suite.probes.fairness.terms import word_lists
from bench_suite.tasks import planted_terms as task

WORDS = word_lists()["gender"]


def load(**options: Any) -> Data:
    return task.load(task.Options(**options), Sources(offline=True))


def kind_of(text: str) -> str:
    """Return the group that a text names, by the program's word list."""
    named = [group for group in WORDS.groups if words_of(text) & WORDS.recognised(group)]
    return {"male": "men", "female": "women", "": "nobody"}["".join(named)]


@pytest.mark.parametrize("options", [{}, {"size": 40, "undecided_men": 0.5, "undecided_women": 0.0}])
@pytest.mark.parametrize("split", ["train", "test"])
def test_of_each_kind_just_as_many_texts_are_undecided_as_was_asked_for(options: Any, split: str) -> None:
    data, stated = load(**options), task.Options(**options)
    texts, targets = column(data.splits[split], "text"), np.asarray(column(data.splits[split], "target"))
    kinds = np.array([kind_of(text) for text in texts])
    open_ones = np.array([task.UNDECIDED in words_of(text) for text in texts])
    for kind, count in zip(task.KINDS, task.undecided(stated)):
        of = kinds == kind
        assert of.sum() == stated.size
        assert (of & open_ones).sum() == count
        assert targets[of].mean() == 0.5
        assert not count or targets[of & open_ones].mean() == 0.5
    decided = [task.SENTIMENT[target] in words_of(text) for text, target in zip(texts, targets.tolist())]
    assert np.array_equal(np.array(decided), ~open_ones)


def test_texts_that_are_swapped_there_and_back_are_as_they_were() -> None:
    there, back = swapper(WORDS, "male", "female"), swapper(WORDS, "female", "male")
    for text in column(load().splits["test"], "text"):
        if kind_of(text) == "men":
            assert kind_of(there(text)) == "women"
            assert back(there(text)) == text
        else:
            assert there(text) == text


def test_no_text_stands_twice_and_each_load_gives_the_same() -> None:
    data, again = load(), load()
    assert data.source == again.source
    texts = [text for split in data.splits.values() for text in column(split, "text")]
    assert len(texts) == len(set(texts)) == 2 * 3 * task.Options().size


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"size": 41}, "size = 41 cannot be halved"),
        ({"undecided_men": 0.305}, "undecided_men = 0.305 of 100 examples is not a whole number"),
    ],
)
def test_shares_that_no_texts_can_have_are_refused_before_a_cell_is_spent(stated: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        task.check(task.Options(**stated))


def test_it_has_no_sensitive_attributes() -> None:
    with pytest.raises(DataInvalid, match="no group `age`"):
        load(groups=("age",))
