"""Token classification: targets and predictions are sequences, through loss, metrics, intervals and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def test_a_tagger_that_sees_the_word_before_tags_every_word(walk: Any, metric: Callable[..., float]) -> None:
    record = walk("token_classification").record(model="window")
    assert metric(record, "quality/token_accuracy") > 0.99
    assert metric(record, "quality/sentence_accuracy") > 0.95


def test_one_that_sees_single_words_errs_on_the_ambiguous_ones_only(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("token_classification")
    record = walked.record(model="word")
    assert metric(record, "quality/token_accuracy") < metric(walked.record(model="window"), "quality/token_accuracy")
    stored = walked.run.read_predictions(next(a for a in record.artifacts if a.name == "predictions/test"))
    for predictions, targets in zip(stored["predictions"], stored["targets"]):
        assert set(np.asarray(targets)[predictions != targets]) <= {1, 2}  # nouns and verbs share two words


def test_stored_predictions_have_one_tag_a_word_and_give_the_metric_again(
    walk: Any, metric: Callable[..., float]
) -> None:
    walked = walk("token_classification")
    for record in walked.records:
        stored = walked.run.read_predictions(next(a for a in record.artifacts if a.name == "predictions/test"))
        assert [len(row) for row in stored["predictions"]] == [len(row) for row in stored["targets"]]
        right = np.concatenate(list(stored["predictions"])) == np.concatenate(list(stored["targets"]))
        assert metric(record, "quality/token_accuracy") == right.mean()


def test_the_interval_is_over_sentences(walk: Any) -> None:
    row = next(
        m for m in walk("token_classification").record(model="word").metrics if m.name.endswith("token_accuracy")
    )
    assert row.n == 200
    assert row.interval.over == "examples"
    assert row.interval.low < row.value < row.interval.high
