"""The positive class: a name becomes a number of the spec, or is refused."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import BenchError, Data, Source
from bench_suite.data.positive import with_positive
from bench_suite.data.splits import MemorySplit


def data_of(*classes: str) -> Data:
    split = MemorySplit(np.arange(2), {"table": np.zeros((2, 1)), "target": np.array([0, 1])})
    return Data("classification", {"classes": classes}, {"train": split}, Source("generated", "churn", "0"))


def test_the_name_of_the_positive_class_becomes_its_number() -> None:
    assert with_positive(data_of("malignant", "benign"), "malignant", "lumps").spec["positive"] == 0
    assert with_positive(data_of("malignant", "benign"), "benign", "lumps").spec["positive"] == 1
    assert "positive" not in with_positive(data_of("malignant", "benign"), None, "lumps").spec


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("no", "yes"), '"Yes" is no class of churn; did you mean "yes"?'),
        (("a", "b", "c"), "positive is for two classes, and churn has 3"),
    ],
)
def test_a_name_that_is_no_class_or_several_classes_are_refused(classes: tuple[str, ...], message: str) -> None:
    with pytest.raises(BenchError) as raised:
        with_positive(data_of(*classes), "Yes", "churn")
    assert message in str(raised.value)
