"""The facts of the probes of a run, by label."""

from __future__ import annotations

from collections.abc import Callable

from bench_suite.contracts import ProbeRow, Record
from bench_suite.reports.probe_facts import probe_facts
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_label_has_the_facts_of_what_it_uses_and_an_unknown_one_has_none(make_run: Make, record: Make_record) -> None:
    probes = {label: ProbeRow("ok", "k") for label in ("quality", "by_age", "mine", "elsewhere")}
    text = '[probes.by_age]\nuse = "fairness"\n[probes.mine]\nuse = "./mine.py"\n'
    facts = probe_facts(make_run(record(probes=probes), text=text))
    assert {*facts} == {"quality", "by_age"}
    assert "selection_rate" in facts["by_age"]["METRICS"]


def test_a_text_that_is_no_suite_leaves_the_labels(make_run: Make, record: Make_record) -> None:
    assert {*probe_facts(make_run(record(), text="this is [not TOML"))} == {"quality", "throughput"}
