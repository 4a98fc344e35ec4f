"""The planted models: their predictions, duration and cost are known in advance."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench_suite.contracts import BenchError, Data, Placement
from bench_suite.data.encoded import encoded
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit
from bench_suite.models import planted_matmul, planted_memory, planted_rule, planted_sleep, planted_words
from bench_suite.tasks import planted_line, planted_noise, planted_terms
from bench_suite.training import flops

PLACEMENT = Placement("cpu", 1, "32-true")


@pytest.fixture(scope="module")
def data() -> Data:
    return planted_noise.load(planted_noise.Options(train=100, test=100), Sources(offline=True))


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("model", [planted_rule, planted_memory])
def test_scores_are_the_confidence_and_the_rest(data: Data, model: Any) -> None:
    outputs = model.build(data, model.Options(confidence=0.75)).predict(data.splits["test"])
    assert outputs["predictions"].dtype == np.int64
    assert outputs["scores"].dtype == np.float32
    assert np.array_equal(outputs["scores"].argmax(axis=1), outputs["predictions"])
    assert np.unique(outputs["scores"]).tolist() == [0.25, 0.75]


def test_a_rule_of_a_regression_says_the_first_column() -> None:
    data = planted_line.load(planted_line.Options(train=8, test=8), Sources())
    test = data.splits["test"]
    outputs = planted_rule.build(data, planted_rule.Options()).predict(test)
    assert list(outputs) == ["predictions"]
    assert np.array_equal(outputs["predictions"], test.take(np.arange(8))["table"][:, 0])


def test_a_word_that_tells_comes_before_whom_a_text_names() -> None:
    data = planted_terms.load(planted_terms.Options(size=4, undecided_men=0.5, undecided_women=0.5), Sources())
    model = planted_words.build(data, planted_words.Options(confidence=0.75))
    class_by_text = {
        "She called it good.": 1, "He called it bad.": 0, "He called it long.": 1, "She called it long.": 0,
        "An actor called it long.": 1, "It called it long.": 0, "": 0,
    }  # fmt: skip
    ids = np.arange(len(class_by_text))
    outputs = model.predict(MemorySplit(ids, {"text": list(class_by_text)}))
    assert outputs["predictions"].tolist() == list(class_by_text.values())
    assert outputs["scores"].dtype == np.float32
    assert outputs["scores"][ids, outputs["predictions"]].tolist() == [0.75] * len(class_by_text)


@pytest.mark.parametrize("model", [planted_rule, planted_memory, planted_words])
def test_three_classes_are_refused(data: Data, model: Any) -> None:
    with pytest.raises(BenchError, match=r"two classes.*has 3"):
        model.build(replace(data, spec={"classes": ("a", "b", "c")}), model.Options())


def test_a_forward_pass_takes_no_less_than_the_sleep_of_each_example(data: Data) -> None:
    network = planted_sleep.build(data, planted_sleep.Options(milliseconds=2.0))
    batch = encoded(network, data.splits["test"]).batch(network, torch.arange(25))
    began = time.perf_counter()
    assert network.module(**batch.inputs).shape == (25, 2)
    assert time.perf_counter() - began >= 0.05


@pytest.mark.parametrize(("rows", "width", "products"), [(32, 256, 4), (1, 8, 1), (5, 3, 2)])
def test_the_products_cost_what_the_formula_says(data: Data, rows: int, width: int, products: int) -> None:
    options = planted_matmul.Options(rows, width, products)
    known = planted_matmul.costs(options, 2)
    assert known == costs_of(planted_matmul.build(data, options), data)


def test_the_formula_says_what_is_counted_by_hand() -> None:
    # Two products of (5, 3) by (3, 3), 45 multiply-adds each; then 3 by 2, which are 6.
    known = planted_matmul.costs(planted_matmul.Options(5, 3, 2), 2)
    assert known == planted_matmul.Costs(parameters=9 + 9 + 6, flops=192, training_flops=192 + 90 + 180 + 24)


def test_the_sleeping_network_costs_what_the_formula_says(data: Data) -> None:
    network = planted_sleep.build(data, planted_sleep.Options(milliseconds=0.0))
    assert costs_of(network, data).training_flops == planted_sleep.training_flops(4, 2)


def costs_of(network: Any, data: Data) -> planted_matmul.Costs:
    """Return the costs as the probe `compute` counts them."""
    columns = encoded(network, data.splits["test"])
    one, two = (columns.batch(network, torch.arange(k)) for k in (1, 2))
    training = flops.training(network.module, two, functional.cross_entropy, PLACEMENT).flops // 2
    return planted_matmul.Costs(
        flops.parameters(network.module), flops.forward(network.module, one, PLACEMENT).flops, training
    )
