"""The question of each probe, from its file and from the suite's text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from bench_suite.components import discovery
from bench_suite.contracts import ProbeRow, Question, Record
from bench_suite.reports.html.questions import HEADINGS, OTHER, SHORT, questions_of
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_every_question_has_a_heading_and_a_short_name() -> None:
    assert set(HEADINGS) == set(SHORT) == {*get_args(Question), OTHER}


def test_every_probe_of_the_program_states_a_question() -> None:
    names = discovery.builtin("probes")
    assert len(names) > 10
    facts = {name: discovery.find("probes", name, Path()).facts.get("QUESTION") for name in names}
    assert {name: question for name, question in facts.items() if question not in get_args(Question)} == {}


def test_a_probe_is_found_by_its_name_and_a_label_by_what_it_uses(make_run: Make, record: Make_record) -> None:
    probes = {"fairness": ProbeRow("ok", "k"), "by_age": ProbeRow("ok", "k"), "mine": ProbeRow("ok", "k")}
    text = '[probes.by_age]\nuse = "fairness"\n[probes.mine]\nuse = "./mine.py"\n'
    run = make_run(record(probes=probes), text=text)
    assert questions_of(run) == {"fairness": "groups", "by_age": "groups"}


def test_a_probe_of_another_program_and_a_text_that_is_no_suite_have_no_question(
    make_run: Make, record: Make_record
) -> None:
    run = make_run(record(probes={"from_elsewhere": ProbeRow("ok", "k")}), text="this is not TOML [")
    assert questions_of(run) == {}
    assert questions_of(make_run(record(), text="probes = 3")) == {"quality": "quality", "throughput": "cost"}
