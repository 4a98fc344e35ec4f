"""Metrics of several runs from stored predictions: paired with the mean of the runs, whatever the order of examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench_suite.comparison.base_runs.rescoring import difference_of_runs, in_one_order
from bench_suite.comparison.rescoring import Examples, Unpaired
from bench_suite.contracts import Predictions
from bench_suite.stats.paired import nested_difference

N = 300
TARGETS = np.arange(N) % 2


def predictions(correct: np.ndarray) -> Predictions:
    guesses = np.where(correct, TARGETS, 1 - TARGETS)
    scores = np.where(np.arange(2) == guesses[:, None], 0.9, 0.1).astype(np.float32)
    return Predictions("test", np.arange(N), {"targets": TARGETS, "predictions": guesses, "scores": scores})


def drawn(seed: int, seeds: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.random(N) < 0.8 for _ in range(seeds)]


def examples_of(bases: list[list[np.ndarray]], head: list[np.ndarray]) -> tuple[list[Examples], list]:
    of_head = tuple(map(predictions, head))
    examples = [Examples(tuple(map(predictions, base)), of_head) for base in bases]
    values = [[(mine.mean(), theirs.mean()) for mine, theirs in zip(base, head)] for base in bases]
    return examples, values


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_answers_are_paired_with_the_mean_of_the_runs(sign: float) -> None:
    bases, head = [drawn(run) for run in range(4)], drawn(9)
    examples, values = examples_of(bases, head)
    result = difference_of_runs("quality/accuracy", examples, values, sign)
    mean = np.mean(np.array(bases, float), axis=0)
    expected = nested_difference(sign * (np.array(head, float) - mean))
    assert result.method == "examples"
    assert result.difference == replace(expected, variance_per_loss=1 / (N * 3))
    parts = [nested_difference(np.array(base, float) - mean).variance for base in bases]
    assert result.explained == pytest.approx(sum(parts) / 3)


def test_a_metric_that_is_resampled_is_that_of_each_run_on_the_same_resamples() -> None:
    """Resampling a mean over examples gives what pairing its examples gives: balanced accuracy of equal classes."""
    bases, head = [drawn(run) for run in range(4)], drawn(9)
    examples, values = examples_of(bases, head)
    resampled = difference_of_runs("quality/balanced_accuracy", examples, values, 1.0)
    paired = difference_of_runs("quality/accuracy", examples, values, 1.0)
    assert resampled.method == "resampling"
    assert resampled.difference.value == pytest.approx(paired.difference.value)
    assert resampled.difference.examples == pytest.approx(paired.difference.examples, rel=0.2)
    assert resampled.explained == pytest.approx(paired.explained, rel=0.2)


def test_examples_in_another_order_are_matched() -> None:
    bases, head = [drawn(run) for run in range(3)], drawn(9)
    examples, values = examples_of(bases, head)
    order = np.random.default_rng(0).permutation(N)

    def shuffled(one: Predictions) -> Predictions:
        columns = {name: column[order] for name, column in one.columns.items()}
        return replace(one, ids=np.asarray(one.ids)[order], columns=columns)

    mixed = [
        replace(one, base=tuple(map(shuffled, one.base)), head=tuple(map(shuffled, one.head))) if number == 1 else one
        for number, one in enumerate(examples)
    ]
    straight = difference_of_runs("quality/accuracy", in_one_order(examples), values, 1.0)
    assert difference_of_runs("quality/accuracy", in_one_order(mixed), values, 1.0) == straight


def test_runs_on_other_examples_are_not_paired() -> None:
    examples, _ = examples_of([drawn(0), drawn(1)], drawn(2))
    short = [replace(one, ids=np.asarray(one.ids) + 1) for one in examples[1].base]
    with pytest.raises(Unpaired, match="the base runs were tested on different examples"):
        in_one_order([examples[0], replace(examples[1], base=tuple(short))])


def test_the_same_predictions_everywhere_have_no_variance() -> None:
    same = drawn(0)
    examples, values = examples_of([same, same], same)
    result = difference_of_runs("quality/accuracy", examples, values, 1.0)
    assert (result.method, result.difference.value, result.difference.variance) == ("same predictions", 0.0, 0.0)


def test_a_run_whose_predictions_do_not_give_its_value_is_not_paired() -> None:
    examples, values = examples_of([drawn(0), drawn(1)], drawn(2))
    values[1][2] = (0.1, values[1][2][1])
    with pytest.raises(Unpaired, match="stored predictions give a accuracy of"):
        difference_of_runs("quality/accuracy", examples, values, 1.0)
