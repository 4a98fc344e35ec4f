"""How a run ended: counts, and cells and probes without a result, by reason."""

from collections.abc import Callable

from bench_suite.contracts import ProbeRow, Record
from bench_suite.reports.failures import cell_failures, cell_names, outcome, probe_failures
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_the_outcome_counts_cells_by_status_and_those_that_did_not_run(make_run: Make, record: Make_record) -> None:
    records = [record(), record(seed=1, status="failed", reason="x"), record(seed=2, status="failed", reason="y")]
    run = make_run(*records, cells=5)
    assert outcome(run, records) == "1 of 5 cells succeeded, 2 failed, 2 not run."
    assert outcome(run, []) == "None of the 5 cells has been recorded."


def test_cells_with_one_reason_are_together_and_named_as_one_if_all_of_a_model_failed(record: Make_record) -> None:
    records = [
        record(seed=0, status="failed", reason="x"), record(seed=1, status="failed", reason="x"),
        record(model="b", seed=0, status="failed", reason="y"), record(model="b", seed=1),
    ]  # fmt: skip
    failures = cell_failures(records)
    assert [(one.reason, cell_names(one.cells, records)) for one in failures] == [
        ("x", "imdb, minilm"),
        ("y", "imdb, b, seed 0"),
    ]


def test_more_than_five_names_are_counted(record: Make_record) -> None:
    records = [record(model=f"m{number}", status="failed", reason="x") for number in range(7)]
    assert cell_names(records, records).endswith("imdb, m3, seed 0; and 3 more")


def test_a_probe_without_a_result_counts_only_in_a_cell_that_ended_well(record: Make_record) -> None:
    probes = {"fair": ProbeRow("failed", "k", "KeyError")}
    records = [record(probes=probes), record(model="b", probes=probes, status="failed", reason="x")]
    [failure] = probe_failures(records)
    assert (failure.probe, failure.status, failure.reason, len(failure.cells)) == ("fair", "failed", "KeyError", 1)
