"""Matrices of all pairs of one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.contracts import Record
from bench_suite.reports.pairwise import as_document, as_markdown, as_text, matrices
from bench_suite.store.runs import Run

Make = Callable[..., Run]
MakeRecord = Callable[..., Record]
ACCURACY = ("quality/accuracy",)


def models(make_run: Make, record: MakeRecord, **shares: float) -> Run:
    return make_run(*(record(model=model, accuracy=share, seed=s) for model, share in shares.items() for s in range(2)))


def test_each_pair_has_its_difference_and_rows_that_tie_share_a_letter(make_run: Make, record: MakeRecord) -> None:
    (matrix,) = matrices(models(make_run, record, a=0.9, b=0.895, c=0.8), "model", ACCURACY)
    assert matrix.labels == ("a", "b", "c")
    assert matrix.letters == ("a", "a", "b")
    assert {pair: row.verdict for pair, row in matrix.rows.items()} == {
        (0, 1): "no difference found", (0, 2): "better", (1, 2): "better",
    }  # fmt: skip
    assert matrix.rows[0, 2].difference == pytest.approx(0.1)
    text = as_text([matrix], 80)
    assert text.splitlines()[0] == "imdb – imdb-25k: quality/accuracy ↑"
    assert "+0.100" in text
    assert "+0.005 ± " in text
    assert text.count(" *") >= 2
    assert max(map(len, text.splitlines())) <= 80


def test_a_matrix_that_is_too_wide_becomes_a_list(make_run: Make, record: MakeRecord) -> None:
    shown = matrices(models(make_run, record, **{f"model_{n}": 0.5 + 0.05 * n for n in range(7)}), "model", ACCURACY)
    text = as_text(shown, 60)
    assert "  1 − 7  +0.300" in text
    assert text.count(" better p<.001") == 21


def test_many_pairs_are_announced(make_run: Make, record: MakeRecord) -> None:
    texts: list[str] = []
    run = models(make_run, record, **{f"model_{n:02d}": 0.5 + 0.01 * n for n in range(15)})
    matrices(run, "model", ACCURACY, on_progress=texts.append)
    assert texts == ["imdb – imdb-25k: comparing 105 pairs by 1 metric"]
    matrices(models(make_run, record, a=0.9, b=0.8), "model", ACCURACY, on_progress=texts.append)
    assert len(texts) == 1


def test_rows_differ_in_one_axis_only(make_run: Make, record: MakeRecord) -> None:
    cells = [
        record(model=model, axes={"fraction": fraction}, accuracy=accuracy)
        for model, fraction, accuracy in (("a", 0.1, 0.6), ("a", 1.0, 0.9), ("b", 0.1, 0.5), ("b", 1.0, 0.8))
    ]
    run = make_run(*cells)
    of_models = matrices(run, "model", ACCURACY)
    assert [(matrix.heading, matrix.labels) for matrix in of_models] == [
        ("imdb – imdb-25k, fraction=0.1", ("a", "b")), ("imdb – imdb-25k, fraction=1.0", ("a", "b")),
    ]  # fmt: skip
    of_fractions = matrices(run, "fraction", ACCURACY)
    assert [(matrix.heading, matrix.labels) for matrix in of_fractions] == [
        ("imdb – imdb-25k, model=a", ("a (fraction=1.0)", "a (fraction=0.1)")),
        ("imdb – imdb-25k, model=b", ("b (fraction=1.0)", "b (fraction=0.1)")),
    ]  # fmt: skip


def test_a_model_without_an_axis_is_compared_with_each_of_its_values(make_run: Make, record: MakeRecord) -> None:
    """An estimator has no precision, for example."""
    plain = {"task": "imdb", "model": "trees", "seed": 0}
    networks = [record(model="net", axes={"precision": name}) for name in ("32-true", "bf16-mixed")]
    shown = matrices(make_run(*networks, record(model="trees", cell=plain, accuracy=0.8)), "model", ACCURACY)
    assert [matrix.heading.rpartition(", ")[2] for matrix in shown] == ["precision=32-true", "precision=bf16-mixed"]
    assert all(matrix.labels[1] == "trees" for matrix in shown)


def test_options_of_one_model_do_not_separate_it_from_the_others(make_run: Make, record: MakeRecord) -> None:
    widths = [record(model="net", axes={"models.net.hidden": size}, accuracy=0.8 + size / 1000) for size in (32, 64)]
    (matrix,) = matrices(make_run(*widths, record(model="trees", accuracy=0.7)), "model", ACCURACY)
    assert len(matrix.labels) == 3
    assert matrix.labels[2] == "trees"


@pytest.mark.parametrize(
    ("axis", "metric", "message"),
    [
        ("modle", (), 'has no such axis; did you mean "model"?'),
        ("seed", (), "has no such axis"),
        ("model", ("quality/acuracy",), 'no metric "quality/acuracy"; did you mean "quality/accuracy"?'),
        ("model", ("quality/accuracy?group",), "write key=value after the question mark"),
        ("engine", (), "no two results that differ in engine only"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    make_run: Make, record: MakeRecord, axis: str, metric: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ComparisonError) as caught:
        matrices(models(make_run, record, a=0.9, b=0.8), axis, metric)
    assert message in str(caught.value)


def test_a_smoke_run_is_refused(make_run: Make, record: MakeRecord) -> None:
    with pytest.raises(ComparisonError, match="smoke run"):
        matrices(make_run(record(smoke=True), smoke=True), "model")


def test_what_is_not_compared_has_its_reason(make_run: Make, record: MakeRecord) -> None:
    shown = matrices(models(make_run, record, a=0.9, b=0.8), "model", ("throughput/train",))
    assert "not compared: no interval over processes" in as_text(shown, 80)
    assert shown[0].letters == ("", "")


def test_markdown_and_json_have_interval_verdict_and_p(make_run: Make, record: MakeRecord) -> None:
    run = models(make_run, record, **{"a|b": 0.9, "c": 0.8})
    shown = matrices(run, "model", ACCURACY)
    text = as_markdown(shown)
    assert "a\\|b" in text
    assert "better p<.001" in text
    document: Any = json.loads(json.dumps(as_document(run, "model", shown)))
    (pair,) = document["matrices"][0]["pairs"]
    assert (pair["first"], pair["second"], pair["verdict"], pair["method"]) == ("a|b", "c", "better", "intervals")
    assert pair["interval"][0] < pair["difference"] < pair["interval"][1]
