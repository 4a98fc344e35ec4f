"""What the notes of a comparison say about the two runs as a whole."""

from __future__ import annotations

from bench_suite.comparison.compare import compare
from bench_suite.contracts import MetricRow


def test_a_metric_that_one_run_lacks_somewhere_only_is_listed_with_its_place(runs) -> None:
    def rows(*groups: str) -> tuple[MetricRow, ...]:
        return tuple(MetricRow("my/other", 1.0, "", "higher", kind="exact", at={"group": group}) for group in groups)

    base = runs.make(
        [(runs.cell(metrics=rows("a", "b")), None), (runs.cell(model="cnn", metrics=rows("a")), None)], gate={}
    )
    head = runs.make([(runs.cell(metrics=rows("a")), None), (runs.cell(model="cnn"), None)], gate={})
    notes = compare(base, head).notes
    assert "only base has my/other (group b) in loans, mlp, my/other (group a) in loans, cnn" in notes
    assert "only head has my/other (group b) in loans, mlp, my/other in loans, cnn" not in notes


def test_an_older_run_as_head_is_named_since_its_verdicts_are_turned_round(runs) -> None:
    older, newer = runs.of(0.9), runs.of(0.8, noise=3)
    assert newer.info["started"] > older.info["started"]
    note = "HEAD is older than BASE"
    assert [note in text for text in compare(newer, older).notes[:1]] == [True]
    assert not any(note in text for text in compare(older, newer).notes)
