"""Claims about the selection of cells: expressions like those of pytest's `-k`, and what failed or is missing."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import ProbeRow, Record
from bench_suite.execution.selection import (
    LAST_FAILED,
    LastResults,
    Word,
    failed_or_missing,
    filter_cells,
    format_selectors,
    has_failed,
    last_results,
    select,
    selectors_match,
    unmatched_words,
)
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError, parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import make_plan, name

TEXT = """
[[tasks]]
use = "loans"
[[tasks]]
use = "mnist"
name = "hand written"
data = "sample"
[[models]]
use = "mlp"
hidden = [4]
[[models]]
use = "logistic_regression"
name = "Linear"
[train]
epochs = 1
[matrix]
seed = [0, 1, 10]
threads = 1
"train.learning_rate" = [1e-3, 0.5]
[probes.quality]
resamples = 100
"""
PLAN = make_plan(suite_of(parse_document(TEXT, "s.toml"), "s", Path()))


def chosen(expression: str) -> list[str]:
    return [name(cell) for cell in select(PLAN, expression).cells]


def cells(wanted) -> list[str]:
    return [name(cell) for cell in PLAN.cells if wanted(cell.task.label, cell.model.label, cell.seed, cell.labels)]


MEANS = {
    "": lambda t, m, s, _: True,
    "mlp": lambda t, m, s, _: m == "mlp",
    "MLP": lambda t, m, s, _: m == "mlp",
    "linear": lambda t, m, s, _: m == "Linear",
    "loa": lambda t, m, s, _: t == "loans",
    "mlp and loans": lambda t, m, s, _: m == "mlp" and t == "loans",
    "not mlp": lambda t, m, s, _: m != "mlp",
    "not not mlp": lambda t, m, s, _: m == "mlp",
    "mlp or loans and seed=1": lambda t, m, s, _: m == "mlp" or (t == "loans" and s == 1),
    "(mlp or loans) and seed=1": lambda t, m, s, _: (m == "mlp" or t == "loans") and s == 1,
    "not (mlp or loans)": lambda t, m, s, _: m != "mlp" and t != "loans",
    '"hand written"': lambda t, m, s, _: t == "hand written",
    "'seed 1'": lambda t, m, s, _: s in (1, 10),
    "seed=1": lambda t, m, s, _: s == 1,
    "learning_rate=0.5": lambda t, m, s, labels: labels.get("train.learning_rate") == 0.5,
    "learning_rate=1e-3": lambda t, m, s, labels: labels.get("train.learning_rate") == 0.001,
    "train.learning_rate=5e-1": lambda t, m, s, labels: labels.get("train.learning_rate") == 0.5,
    "precision=32-true": lambda t, m, s, _: m == "mlp",
    "task=loans": lambda t, m, s, _: t == "loans",
}


@pytest.mark.parametrize("expression", MEANS)
def test_an_expression_chooses_what_it_says(expression):
    assert chosen(expression) == cells(MEANS[expression])


WORDS = {"mlp": "m", "loans": "t", "seed=1": "s"}
EXPRESSIONS = st.recursive(
    st.sampled_from([*WORDS]),
    lambda inner: st.one_of(
        inner.map(lambda e: f"not ({e})"), inner.map(lambda e: f"({e})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=8,
)  # fmt: skip


@given(EXPRESSIONS)
def test_operators_bind_as_in_python(expression):
    python = re.sub("|".join(WORDS), lambda word: WORDS[word[0]], expression)
    wanted = cells(lambda t, m, s, _: eval(python, {"t": t == "loans", "m": m == "mlp", "s": s == 1}))
    if wanted:
        assert chosen(expression) == wanted
    else:
        with pytest.raises(SuiteError, match="no cell of this suite matches"):
            select(PLAN, expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("mlp and", "a word is missing at the end"),
        ("and mlp", "a word is missing before and"),
        ("mlp cnn", 'expected "and", "or" or the end, not cnn'),
        ("(mlp", 'expected ")"'),
        ("mlp)", 'expected "and", "or" or the end, not )'),
        ("()", "a word is missing before )"),
        ("'mlp", "a quote that is not closed"),
        ("mlp AND loans", 'expected "and", "or" or the end, not AND'),
        ("(" * 100_000, "nested too deeply"),
        ("mpl", 'no cell of this suite matches; did you mean "mlp"?'),
        ("seed=2", "no cell of this suite matches"),
        ("mlp and not mlp", "no cell of this suite matches (the first is called: loans, mlp, seed 0"),
    ],
    ids=lambda text: text[:20],
)
def test_one_that_cannot_be_read_or_chooses_nothing_says_where_and_what_is_near(expression, message):
    with pytest.raises(SuiteError, match=re.escape(message)):
        select(PLAN, expression)


def test_words_that_match_nothing_are_warnings_with_the_nearest_spelling():
    assert list(unmatched_words(PLAN, "mlp or not mpl or sed=1")) == [
        '-k: no cell matches "mpl"; did you mean "mlp"?',
        '-k: no cell matches "sed=1"; did you mean "seed=1"?',
    ]
    assert list(unmatched_words(PLAN, " ")) == []


LABELS = {"task": "loans", "model": "mlp", "seed": 1, "train.learning_rate": 0.001, "deterministic": True}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("LOANS", True), ("seed 1", True), ("seed=1", True), ("seed=1.0", True), ("learning_rate=1e-3", True),
        ("deterministic=true", True), ("deterministic=1", False), ("rate=1e-3", False), ("seed=", False), ("2", False),
    ],
)  # fmt: skip
def test_a_word_matches_a_part_of_the_name_or_the_value_of_an_axis(word, expected):
    assert Word(word)(LABELS) is expected


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([], True),
        (["task=loans", "seed=1"], True),
        (["seed=0", "seed=1"], True),
        (["seed=0,1"], True),
        (["task=loans", "seed=0"], False),
        (["absent=1"], False),
        (["-k mlp and not seed=0"], True),
        (["-k mlp and seed=0"], False),
        (["-k mlp and"], False),
        (["--lf"], False),
    ],
)
def test_stored_selectors_match_the_labels_of_a_cell_or_not(selectors, expected):
    assert selectors_match(selectors, LABELS) is expected


def test_stored_selectors_are_shown_as_they_were_typed():
    assert format_selectors(["model=mlp", "-k not imdb", "--lf"]) == "--only model=mlp -k 'not imdb' --lf"


def test_a_part_of_a_plan_names_its_selector_and_has_no_empty_unit():
    part = filter_cells(PLAN, lambda cell: cell.model.label == "mlp" and cell.seed == 10, "-k x")
    assert {(cell.model.label, cell.seed) for cell in part.cells} == {("mlp", 10)}
    assert all(unit.cells for unit in part.units)
    assert part.only == ("-k x",)
    assert filter_cells(part, lambda cell: False, "--lf").only == ("-k x", "--lf")


# ── the last results ────────────────────────────────────────────────────────────────────────────

ONE, TWO, THREE = PLAN.cells[:3]
SMALL = replace(PLAN, units=PLAN.units[:3])
"A plan of these three cells."


def ended(cell, status="ok", probe="ok") -> Record:
    return Record("r", "s", cell.id, "", cell.labels, {}, status, probes={"quality": ProbeRow(probe, "k")})


def keep(store: Store, *records: Record, suite: str = "s", **info) -> str:
    """Store a run with these records, and return its name."""
    run = store.create(suite, info)
    with run.writer() as writer:
        for record in records:
            writer.write(record)
    time.sleep(0.002)  # the millisecond of their start distinguishes runs
    return run.name


@pytest.mark.parametrize(
    ("status", "probe", "expected"),
    [("ok", "ok", False), ("ok", "failed", True), ("failed", "skipped", True), ("unavailable", "ok", True),
     ("ok", "not applicable", False)],
)  # fmt: skip
def test_a_cell_has_failed_if_it_or_a_probe_did_not_end_well(status, probe, expected):
    assert has_failed(ended(ONE, status, probe)) is expected


def test_the_last_results_are_those_of_the_newest_runs_back_to_a_whole_one(tmp_path):
    store = Store(tmp_path)
    keep(store, ended(ONE, "failed"), ended(TWO, "failed"), ended(THREE))
    whole = keep(store, ended(ONE, "failed"), ended(TWO, "failed"))
    part = keep(store, ended(ONE), only=["-k x"])
    results = last_results(SMALL, store)
    assert results == LastResults((part, whole), frozenset([TWO.id]), frozenset([THREE.id]))


def test_runs_of_another_suite_or_under_other_overrides_and_smoke_runs_are_not_asked(tmp_path):
    store = Store(tmp_path)
    keep(store, ended(ONE, "failed"), suite="other")
    keep(store, ended(ONE, "failed"), overrides=["train.epochs=3"])
    smoke = keep(store, ended(TWO, "failed"), smoke=True)
    assert last_results(SMALL, store) == LastResults((), frozenset(), frozenset(cell.id for cell in SMALL.cells))
    assert last_results(SMALL, store, smoke=True).runs == (smoke,)
    assert last_results(SMALL, store, smoke=True).failed == {TWO.id}


def test_what_failed_or_is_missing_is_a_part_of_the_plan_that_names_the_others():
    part = failed_or_missing(SMALL, LastResults(("r",), frozenset([TWO.id]), frozenset([THREE.id])))
    assert {cell.id for cell in part.cells} == {TWO.id, THREE.id}
    assert part.passed == (ONE.id,)
    assert part.only == (LAST_FAILED,)
