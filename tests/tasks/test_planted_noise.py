"""Planted noise: the number of wrong labels, and the accuracy that a rule and a memorising model reach."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Data, DataInvalid, TrainOptions
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import planted_memory, planted_rule
from bench_suite.tasks import planted_noise


@pytest.fixture(scope="module")
def data() -> Data:
    return planted_noise.load(planted_noise.Options(), Sources(offline=True))


@pytest.mark.parametrize(("split", "share"), [("train", 0.1), ("test", 0.1), ("shift:noisier", 0.3)])
def test_of_each_class_exactly_the_stated_share_bears_the_others_label(data: Data, split: str, share: float) -> None:
    raw = data.splits[split].take(np.arange(len(data.splits[split])))
    true = (raw["table"][:, 0] > 0).astype(int)
    for number in (0, 1):
        assert (true == number).sum() == len(true) // 2
        assert (raw["target"] != true)[true == number].mean() == share


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.25, 0.5])
def test_the_rule_is_right_on_all_but_the_flipped_and_a_memory_on_all_that_it_saw(flipped: float) -> None:
    data = prepare(planted_noise.load(planted_noise.Options(flipped=flipped), Sources()), 0.1)
    rule = planted_rule.build(data, planted_rule.Options())
    memory = planted_memory.build(data, planted_memory.Options())
    memory.fit(data, TrainOptions(), lambda window: True)
    results = {}
    for name, model in (("rule", rule), ("memory", memory)):
        for split in ("train", "test"):
            truth = data.splits[split].take(np.arange(len(data.splits[split])))["target"]
            results[name, split] = accuracy(truth, model.predict(data.splits[split])["predictions"])
    assert results["rule", "test"] == results["memory", "test"] == 1 - flipped
    assert results["memory", "train"] == 1


def test_no_example_stands_in_two_splits_and_each_load_gives_the_same(data: Data) -> None:
    assert planted_noise.load(planted_noise.Options(data="sample"), Sources()).source == data.source
    sizes = {name: len(split) for name, split in prepare(data, 0.1).splits.items()}
    assert sizes == {"train": 900, "validation": 100, "test": 2000, "shift:noisier": 2000}
    with pytest.raises(DataInvalid, match="no group `age`"):
        planted_noise.load(planted_noise.Options(groups=("age",)), Sources())


def test_shares_that_are_no_counts_are_refused_before_a_cell_is_spent() -> None:
    with pytest.raises(ValueError, match=r"in each class, flipped = 0\.1234 of 500 examples is not a whole number"):
        planted_noise.check(planted_noise.Options(flipped=0.1234))
    with pytest.raises(ValueError, match=r"shifted = 0\.3001 of 1000"):
        planted_noise.check(planted_noise.Options(shifted=0.3001))
    with pytest.raises(ValueError, match="train = 1001 cannot be halved"):
        planted_noise.check(planted_noise.Options(train=1001))
