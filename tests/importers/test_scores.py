"""A table of scores: the published answers on GPQA Diamond, repetitions as clusters, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.run_power import Aim, MetricPower, run_powers
from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.example_scores import standard_error
from bench_suite.stats.paired import nested_difference, p_differs, unpaired_difference
from bench_suite.store.runs import Run, Store

NANO, MINI = "openai/gpt-5-nano-2025-08-07", "openai/gpt-5.4-mini-2026-03-17"
Read = Callable[..., list[ImportedCell]]


@pytest.fixture
def gpqa(data: Path) -> Path:
    return data / "gpqa_diamond_scores.csv.gz"


def test_gpqa_gives_the_published_answers_paired_and_unpaired(read: Read, gpqa: Path) -> None:
    """Difference 5.9 points [0.4, 11.3], p = 0.036; unpaired p = 0.15; standard error 0.0276 (evalconfidence)."""
    nano, mini = read("scores", gpqa)
    assert (nano.model, mini.model) == (NANO, MINI)
    assert nano.predictions is not None
    assert mini.predictions is not None
    values = [np.asarray(side.predictions["value/score"]) for side in (nano, mini)]
    clusters = np.asarray(nano.predictions["cluster"])
    assert np.array_equal(nano.predictions.ids, mini.predictions.ids)
    assert (len(clusters), len(np.unique(clusters)), nano.repetitions) == (990, 198, 5)
    assert values[0].mean() == pytest.approx(0.6758, abs=5e-5)
    errors = [standard_error(side, clusters) for side in values]
    assert errors[0] == pytest.approx(0.0276, abs=5e-5)
    assert standard_error(values[0], None) == pytest.approx(0.0149, abs=5e-5)
    paired = nested_difference(values[0] - values[1], clusters)
    assert paired.value == pytest.approx(0.0586, abs=5e-4)
    assert paired.interval() == pytest.approx((0.004, 0.113), abs=6e-4)
    assert p_differs(paired) == pytest.approx(0.0363, abs=5e-4)
    unpaired = unpaired_difference([values[0].mean() - values[1].mean()], [float(np.hypot(*errors))], 198)
    assert p_differs(unpaired) == pytest.approx(0.15, abs=5e-3)
    z = unpaired.value / unpaired.error
    assert 2 * NormalDist().cdf(-abs(z)) == pytest.approx(0.149, abs=5e-3)


def test_two_imports_of_one_name_are_compared_by_item(run_of: Callable[..., Run], gpqa: Path) -> None:
    base = run_of(gpqa, model_value=MINI, name="candidate")
    head = run_of(gpqa, model_value=NANO, name="candidate")
    (row,) = compare(base, head).rows
    assert (row.metric, row.method, row.sample_unit, row.examples) == ("scores/score", "examples", "clusters", 198)
    assert row.difference == pytest.approx(0.0586, abs=5e-4)
    assert row.interval == pytest.approx((0.004, 0.113), abs=6e-4)


def test_power_of_gpqa_asks_for_334_items(run_of: Callable[..., Run], gpqa: Path) -> None:
    (power,) = run_powers(run_of(gpqa), Aim(0.06))
    assert isinstance(power, MetricPower)
    assert power.wanted is not None
    assert (power.wanted.n, power.sample_unit, power.basis, power.now.n) == (334, "items", "two models", 198)


def test_the_record_has_no_seed_engine_or_seconds_and_says_why(run_of: Callable[..., Run], gpqa: Path) -> None:
    run = run_of(gpqa)
    record = run.records()[0]
    assert set(record.cell) == {"task", "model"}
    assert record.seconds == {}
    assert record.environment == ""
    assert Store(run.path.parent).newest("imported") is None, "an imported run is never resumed"
    assert set(run.info["imported"]["absent"]) == {"predictions", "environment", "training"}
    assert record.metrics[0].interval is not None
    assert record.metrics[0].interval.over == "clusters"


TABLES = {
    "an item twice": ("item,model,score\na,m,1\na,m,0\n", {}, "occurs more than once, in the rows 1 and 2.*--repeat"),
    "a repetition twice": ("item,model,score,epoch\na,m,1,1\na,m,0,1\n", {}, "the repetition '1' of the item 'a'"),
    "not a number": ("item,model,score\na,m,1\nb,m,NaN\n", {}, "has nan in row 2"),
    "a text": ("item,model,score\na,m,1\nb,m,high\n", {}, "has 'high' in row 2"),
    "no score": ("item,model,score\na,m,1\nb,m,\n", {}, "no value in 1 of 2 rows"),
    "out of range": ("item,model,score\na,m,1\nb,m,7\n", {"range": (0.0, 1.0)}, "has 7 in row 2, outside --range 0 1"),
    "no rows": ("item,model,score\n", {}, "there are no rows"),
    "no column": ("item,model,points\na,m,1\n", {}, "no column is called score.*--score"),
    "a model that is not there": ("item,model,score\na,m,1\n", {"model_value": "x"}, "no row has the model 'x'"),
    "one name for two models": ("item,model,score\na,m,1\na,n,1\n", {"name": "x"}, "several models one name"),
    "one column for two roles": ("item,model,score\na,m,1\n", {"model": "item"}, "is named by --item and by --model"),
    "a range that is none": ("item,model,score\na,m,1\n", {"range": (1.0, 0.0)}, "must be two numbers"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_would_be_counted_wrongly_is_refused(read: Read, tmp_path: Path, case: str) -> None:
    text, options, message = TABLES[case]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(BenchError, match=f"(?s){message}") as error:
        read("scores", path, **options)
    assert error.value.exit_status == 2


def test_a_table_in_another_encoding_is_read_if_it_is_stated(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("item,modèle,score\né,m,1\nb,m,0\n".encode("latin-1"))
    with pytest.raises(BenchError, match=r"(?i)utf-8|encoding"):
        read("scores", path, model="modèle")
    (cell,) = read("scores", path, model="modèle", encoding="latin-1")
    assert cell.model == "m"


def test_truth_values_several_scores_and_seeds_are_read(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("item\tmodel\tright\tpoints\tseed\na\tm\ttrue\t3\t0\nb\tm\tfalse\t4\t0\na\tm\ttrue\t5\t1\n")
    first, second = read("scores", path, score="right,points", seed="seed", better="lower")
    assert (first.axes, second.axes) == ({"seed": 0}, {"seed": 1})
    assert first.predictions is not None
    assert sorted(first.predictions["value/right"]) == [0.0, 1.0]
    assert first.better == {"right": "lower", "points": "lower"}


def test_a_huge_file_is_refused_before_it_is_read(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"item,model,score\n" + b"a,m,1\n" * 5_000_000)
        file.truncate(100_000_000_000)  # a sparse file
    with pytest.raises(BenchError, match=r"16,666,666,666 rows or more \(100,000,000,000 bytes\).*split it"):
        read("scores", path)
