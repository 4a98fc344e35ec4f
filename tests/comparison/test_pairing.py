"""Pairing: which cells of two runs are compared, why others are not, and how the two runs differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.pairing import Pair, Pairing, UncomparedCell, pair_runs
from bench_suite.contracts import ProbeRow, Record
from bench_suite.reports.comparison import as_text, what_next
from bench_suite.store.runs import Run, Store

HERE = {"hardware": {"cpu": "a processor", "usable_cores": 2}, "packages": {"torch": "2.6"}}
Make = Callable[..., Run]


def cell(seed: int = 0, model: str = "mlp", **changes: Any) -> Record:
    labels = {"task": "loans", "model": model, "seed": seed}
    options = {"train": {"epochs": 3, "decay": None}, "placement": {"device": "cpu", "threads": 1}}
    known = Record(
        "", "s", f"{model}{seed}", "", labels, options, "ok", data={"name": "loans", "fingerprint": "aaaaaaaaaa"}
    )
    return replace(known, **changes)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a run of these cells, each in this environment unless it states another."""
    store = Store(tmp_path / "results")

    def run(*cells: Record, environment: dict[str, Any] | None = HERE, **info: Any) -> Run:
        new_run = store.create("s", info)
        where = new_run.add_environment(environment) if environment is not None else ""
        with new_run.writer() as writer:
            for record in cells:
                writer.write(replace(record, run=new_run.name, environment=record.environment or where))
        return new_run

    return run


def uncompared(pairing: Pairing) -> list[tuple[str, str, str]]:
    return [(cell.reason_code, cell.where, cell.detail) for cell in pairing.uncompared]


# ── cells ───────────────────────────────────────────────────────────────────────────────────────


def test_cells_of_one_id_are_paired_and_grouped_by_all_but_their_seed(make: Make) -> None:
    base, head = make(cell(1), cell(0), cell(model="cnn")), make(cell(0), cell(model="cnn"), cell(1))
    pairing = pair_runs(base, head)
    assert [(group.where, len(group.pairs), group.same_hardware) for group in pairing.groups] == [
        ("loans, mlp", 2, True), ("loans, cnn", 1, True),
    ]  # fmt: skip
    for group in pairing.groups:
        for pair in group.pairs:
            assert isinstance(pair, Pair)
            assert (pair.base.id, pair.base.run, pair.head.run) == (pair.head.id, base.name, head.name)
    assert pairing.uncompared == ()


@pytest.mark.parametrize(
    ("base", "head", "code", "detail"),
    [
        ({}, {"status": "failed", "reason": "no memory"}, "failed", "failed: no memory"),
        ({}, {"status": "unavailable"}, "failed", "unavailable: no reason given"),
        ({"status": "failed"}, {"status": "failed", "reason": "again"}, "failed", "failed: again"),
        ({"status": "interrupted"}, {}, "failed in base", "interrupted: no reason given"),
        ({}, {"data": {"name": "moved", "fingerprint": "bbbbbbbbbb"}}, "other data", "loans aaaaaaaa → moved bbbbbbbb"),
        ({"data": {"fingerprint": "c"}}, {"data": {"name": "x"}}, "other data", "? c → x none"),
        ({}, {"options": {"train": {"epochs": 3}, "placement": {"device": "mps", "threads": 4}}}, "other placement",
         'placement.device "cpu" → "mps"; placement.threads 1 → 4'),
        ({}, {"options": {"train": {"epochs": 5, "decay": 0.1}}}, "other options",
         "train.decay unset → 0.1; train.epochs 3 → 5"),
    ],
)  # fmt: skip
def test_what_keeps_two_cells_of_one_id_apart_is_named(make: Make, base, head, code: str, detail: str) -> None:
    pairing = pair_runs(make(cell(**base)), make(cell(**head)))
    assert uncompared(pairing) == [(code, "loans, mlp, seed 0", detail)]
    assert pairing.groups == ()


def data(train: str = "t", test: str = "x", order: str = "1", **more: str) -> dict[str, Any]:
    names = {"train": train, "test": test, **more}
    prints = {name: {"examples": examples, "order": examples + order} for name, examples in names.items()}
    return {"name": "loans", "fingerprint": "".join(names.values()) + order, "fingerprints": prints}


@pytest.mark.parametrize(
    ("base", "head", "changed", "reordered"),
    [
        (data(), data(), (), ()),
        (data(), data(order="2"), (), ("train", "test")),
        (data(), data(test="y"), ("test",), ()),
        (data(), data(test="y", order="2"), ("test",), ("train",)),
        (data(validation="v"), data(validation="v", test="y"), ("test",), ()),
        (data(**{"shift:a": "s"}), data(), ("shift:a",), ()),
    ],
)
def test_cells_that_learnt_from_the_same_examples_are_paired_whatever_their_order(
    make: Make, base, head, changed: tuple[str, ...], reordered: tuple[str, ...]
) -> None:
    pairing = pair_runs(make(cell(data=base)), make(cell(data=head)))
    (pair,) = pairing.groups[0].pairs
    assert (pair.changed_splits, pair.reordered_splits, pairing.uncompared) == (changed, reordered, ())


@pytest.mark.parametrize(
    ("base", "head", "end"),
    [
        (data(), data(train="u"), ": the examples of train differ"),
        (data(validation="v"), data(validation="w", train="u", test="y"),
         ": the examples of train and validation differ"),
        (data(), data(validation="v"), ": the examples of validation differ"),
        ({**data(), "fingerprints": {"train": {}}}, {**data(order="2"), "fingerprints": {"train": {}}},
         ": the examples of train differ"),
        ({**data(), "fingerprints": {}}, data(order="2"), ": base has no fingerprints of its splits, so the same "
         "examples in another order look different"),
        ({"name": "loans", "fingerprint": "tx1"}, {"name": "loans", "fingerprint": "tx2"}, ""),
    ],
)  # fmt: skip
def test_cells_that_learnt_from_other_examples_or_do_not_show_it_are_not_paired(make: Make, base, head, end) -> None:
    prints = [facts["fingerprint"][:8] for facts in (base, head)]
    detail = f"loans {prints[0]} → loans {prints[1]}{end}"
    pairing = pair_runs(make(cell(data=base)), make(cell(data=head)))
    assert uncompared(pairing) == [("other data", "loans, mlp, seed 0", detail)]


def test_a_run_of_an_earlier_version_is_paired_by_the_fingerprint_that_both_have(make: Make) -> None:
    older = {name: value for name, value in data().items() if name != "fingerprints"}
    for sides in ((older, data()), (data(), older), (older, older)):
        pairing = pair_runs(*(make(cell(data=side)) for side in sides))
        assert (len(pairing.groups), pairing.uncompared) == (1, ())


def test_another_order_is_noted_once_for_all_cells_of_a_task(make: Make) -> None:
    base, head = (make(*(cell(seed, data=data(order=order)) for seed in (0, 1))) for order in ("1", "2"))
    assert pair_runs(base, head).notes[1:] == (
        "the same examples of train and test in another order (loans): training read them in another order",
    )
    tests = {
        **data(order="2"),
        "fingerprints": {**data()["fingerprints"], "test": data(order="2")["fingerprints"]["test"]},
    }
    (note,) = pair_runs(base, make(cell(0, data=tests), cell(1, data=tests))).notes[1:]
    assert note == "the same examples of test in another order (loans)"


def test_options_that_only_one_side_has_are_no_difference(make: Make) -> None:
    more = cell(options={"train": {"epochs": 3, "new": 1}, "loss": {"smoothing": 0.1}, "flat": 3})
    bare = cell(options={"train": {"epochs": 3}, "flat": 4})
    assert pair_runs(make(more), make(bare)).uncompared == ()
    nothing = cell(data={})
    assert pair_runs(make(nothing), make(nothing)).uncompared == ()


def test_a_cell_whose_id_base_lacks_is_new_or_has_other_options(make: Make) -> None:
    changed = replace(cell(), id="other", options={"train": {"epochs": 9}})
    versions = replace(cell(1), id="newer")
    broken = cell(model="broken", status="failed")
    pairing = pair_runs(make(cell(), cell(1)), make(changed, versions, cell(model="cnn"), broken))
    assert uncompared(pairing) == [
        ("other options", "loans, mlp, seed 0", "train.epochs 3 → 9"),
        ("other options", "loans, mlp, seed 1", "a component's VERSION or file differs"),
        ("new", "loans, cnn, seed 0", "base has no such cell"),
        ("failed", "loans, broken, seed 0", "failed: no reason given; base has no such cell"),
    ]


def test_another_component_of_the_same_name_is_named(make: Make) -> None:
    """Both had a model called `mlp`; which component it was is in `run.json`, for runs that state it."""
    changed = replace(cell(), id="other", options={"train": {"epochs": 9}})
    before = {"components": {"task": {"loans": "loans"}, "model": {"mlp": "mlp"}}}
    after = {"components": {"task": {"loans": "loans"}, "model": {"mlp": "bag_of_words"}}}
    pairing = pair_runs(make(cell(), **before), make(changed, **after))
    assert uncompared(pairing) == [
        (
            "other options", "loans, mlp, seed 0",
            "the model `mlp` is another component: mlp → bag_of_words; train.epochs 3 → 9",
        )
    ]  # fmt: skip
    for base, head in ((before, {}), ({}, after), (before, before)):
        pairing = pair_runs(make(cell(), **base), make(changed, **head))
        assert uncompared(pairing) == [("other options", "loans, mlp, seed 0", "train.epochs 3 → 9")]


@pytest.mark.parametrize(
    ("info", "code", "detail"),
    [
        ({}, "missing", "head lacks it"),
        ({"only": ["task=loans"]}, "missing", "head lacks it, though it was asked for task=loans"),
        ({"only": ["model=cnn", "seed=0"]}, "left out", "head was asked for model=cnn seed=0"),
        ({"only": ["--lf"], "passed": ["mlp1"]}, "left out", "head was asked for --lf"),
        ({"only": ["--lf"], "passed": ["cnn0"]}, "missing", "head lacks it, though it was asked for --lf"),
        ({"only": ["--lf"], "passed": []}, "missing", "head lacks it, though it was asked for --lf"),
        ({"only": ["--lf", "seed=0"], "passed": []}, "left out", "head was asked for --lf seed=0"),
        ({"only": [], "passed": ["cnn0"]}, "missing", "head lacks it"),
    ],
)
def test_a_cell_that_head_lacks_is_missing_unless_head_was_asked_for_others(make: Make, info, code, detail) -> None:
    pairing = pair_runs(make(cell(0), cell(1)), make(cell(0), **info))
    assert uncompared(pairing) == [(code, "loans, mlp, seed 1", detail)]
    assert len(pairing.groups) == 1


def test_seeds_with_one_reason_are_one_entry(make: Make) -> None:
    base = make(cell(0), cell(1), cell(2), cell(3))
    lost = [cell(seed, status="failed", reason="no memory") for seed in (0, 1)]
    pairing = pair_runs(base, make(*lost, cell(2, status="failed", reason="no file"), cell(3)))
    assert uncompared(pairing) == [
        ("failed", "loans, mlp, seeds 0, 1", "failed: no memory"),
        ("failed", "loans, mlp, seed 2", "failed: no file"),
    ]


def test_a_probe_that_failed_is_listed_beside_its_compared_cell(make: Make) -> None:
    probes = {"quality": ProbeRow("failed", "k", "it raised"), "fairness": ProbeRow("ok", "k")}
    head = [cell(seed, probes=probes) for seed in (0, 1)]
    silent = cell(2, probes={"quality": ProbeRow("failed", "k")})
    dead = cell(3, status="failed", reason="no memory", probes=probes)
    pairing = pair_runs(make(*(cell(seed) for seed in range(4))), make(*head, silent, dead))
    assert pairing.uncompared == (
        UncomparedCell("failed", "loans, mlp, seed 3", "failed: no memory"),
        UncomparedCell("failed probe", "loans, mlp, seeds 0, 1", "it raised", "quality"),
        UncomparedCell("failed probe", "loans, mlp, seed 2", "no reason given", "quality"),
    )
    assert len(pairing.groups[0].pairs) == 3


def test_a_planned_cell_that_no_run_has_done_is_missing(make: Make) -> None:
    planned = {"mlp0": "loans, mlp, seed 0", "cnn0": "loans, cnn, seed 0"}
    pairing = pair_runs(make(cell()), make(cell(), planned=planned))
    assert pairing.uncompared == (UncomparedCell("missing", "loans, cnn, seed 0", "neither run has done it"),)


# ── hardware and notes ──────────────────────────────────────────────────────────────────────────


def test_only_a_known_machine_is_the_same_machine(make: Make) -> None:
    gpus = {"hardware": {**HERE["hardware"], "gpu": [{"name": "G"}, {}]}}
    for base, head, same in (
        (HERE, HERE, True), (HERE, gpus, False), (gpus, gpus, True), ({}, {}, False), (None, None, False),
        ({"hardware": {"usable_cores": 2}}, {"hardware": {"usable_cores": 2}}, False),
        ({"hardware": {"cpu": "a"}}, {"hardware": {"cpu": "a"}}, True),
    ):  # fmt: skip
        (group,) = pair_runs(make(cell(), environment=base), make(cell(), environment=head)).groups
        assert group.same_hardware is same


def test_one_seed_on_another_machine_makes_the_hardware_of_its_group_another(make: Make) -> None:
    there = {"hardware": {"cpu": "another"}}
    head = make(cell(0), cell(1))
    where = head.add_environment(there)
    with head.writer() as writer:
        writer.write(replace(cell(1), run=head.name, environment=where))
    base = make(cell(0), cell(1))
    assert [group.same_hardware for group in pair_runs(base, head).groups] == [False]
    (note,) = [note for note in pair_runs(base, head).notes if note.startswith("hardware")]
    before, _, after = note.removesuffix(": timings are not compared").partition(" → ")
    assert before == "hardware: a processor, 2 cores"
    assert sorted(after.split("; ")) == ["a processor, 2 cores", "another, ? cores"]


def test_runs_that_agree_have_one_note_on_their_code(make: Make) -> None:
    info = {"git": {"commit": "0123456789"}, "version": "0.1", "gate": {"a": {}}, "overrides": ["a=1"]}
    assert pair_runs(make(cell(), **info), make(cell(), **info)).notes == ("code: 0123456 on both sides",)
    assert pair_runs(make(cell()), make(cell())).notes == ("code: no commit known on both sides",)


def test_all_that_differs_between_two_runs_is_noted(make: Make) -> None:
    base = make(
        cell(),
        git={"commit": "0123456789", "dirty": True, "changes": "c0ffee"},
        version="0.1",
        overrides=["a=1", "b=2"],
    )
    there = {
        "packages": {"torch": "2.7", "bench-suite": "9", "extra": "1"}, "python": {"version": "3.12"},
        "threads": {"OMP_NUM_THREADS": "1"},
    }  # fmt: skip
    head = make(
        cell(),
        environment=there,
        git=None,
        resumed_git=[{"commit": "fedcba9876", "dirty": True}, {"commit": "abcdef0123"}],
        version="0.2",
        gate={"q/x": {"min": 1}},
    )
    assert pair_runs(base, head).notes == (
        "code: 0123456 with uncommitted changes c0ffee → no commit known, resumed with fedcba9 with uncommitted "
        "changes, abcdef0",
        "bench-suite 0.1 → 0.2",
        "OMP_NUM_THREADS none → 1",
        "extra none → 1",
        "python none → 3.12",
        "torch 2.6 → 2.7",
        "hardware: a processor, 2 cores → not known: timings are not compared",
        "--set: a=1 b=2 → none",
    )


def test_cells_that_a_suite_no_longer_contains_are_counted(make: Make) -> None:
    base = make(cell(0), cell(1), cell(2), planned={"mlp0": "loans, mlp, seed 0"})
    head = make(cell(0), cell(1), planned={"mlp0": "loans, mlp, seed 0"})
    assert pair_runs(base, head).notes[1:] == (
        "base has 2 cells that its suite no longer contains: ignored",
        "head has 1 cell that its suite no longer contains: ignored",
    )


# ── stored runs ─────────────────────────────────────────────────────────────────────────────────


def test_odd_cells_are_listed_as_what_they_are_and_never_counted_as_fine(runs) -> None:
    good = runs.predictions(0.9)
    names = ("same", "broke", "unbroke", "data", "place", "gone")
    base = {name: runs.cell(model=name) for name in names}
    head = {name: record for name, record in base.items() if name != "gone"} | {"new": runs.cell(model="new")}
    base["unbroke"] = replace(base["unbroke"], status="failed", reason="no memory")
    head["broke"] = replace(head["broke"], status="failed", reason="a loss that is no number")
    head["data"] = replace(head["data"], data={"name": "loans", "fingerprint": "bbbbbbbbbb"})
    head["place"] = replace(
        head["place"], options={**runs.cell().options, "placement": {"device": "cpu", "threads": 4}}
    )
    other = replace(runs.cell(model="tuned"), options={"train": {"epochs": 3}})
    base["tuned"], head["tuned"] = other, replace(other, id="another", options={"train": {"epochs": 5}})
    sides = [runs.make([(r, good if r.status == "ok" else None) for r in side.values()]) for side in (base, head)]
    comparison = compare(*sides)
    assert {(cell.reason_code, cell.where.split(",")[1].strip(), cell.detail) for cell in comparison.uncompared} == {
        ("failed", "broke", "failed: a loss that is no number"),
        ("failed in base", "unbroke", "failed: no memory"),
        ("other data", "data", "loans aaaaaaaa → loans bbbbbbbb"),
        ("other placement", "place", "placement.threads 1 → 4"),
        ("other options", "tuned", "train.epochs 3 → 5"),
        ("new", "new", "base has no such cell"),
        ("missing", "gone", "head lacks it"),
    }
    assert runs.gated_row(comparison).where == "loans, same"
    assert comparison.status == 3
    assert all(
        f"{cell.reason_code}: {cell.where}\n    {cell.detail}" in as_text(comparison) for cell in comparison.uncompared
    )


@pytest.mark.parametrize("odd", ["new", "missing", "left out"])
def test_a_cell_that_head_lacks_ends_with_4_unless_it_was_left_out_on_purpose(runs, odd: str) -> None:
    one = [(runs.cell(), runs.predictions(0.9))]
    two = [*one, (runs.cell(model="cnn"), runs.predictions(0.9))]
    base, head = (one, two) if odd == "new" else (two, one)
    only = ["model=mlp"] if odd == "left out" else []
    comparison = compare(runs.make(base), runs.make(head, only=only))
    assert [cell.reason_code for cell in comparison.uncompared] == [odd]
    assert comparison.status == (4 if odd == "missing" else 0)
    if odd == "new":
        strict = {"undecided": "warn", "new": "fail"}
        assert compare(runs.make(base), runs.make(head, gate_options=strict)).status == 1
        assert ("loans, cnn, seed 0", "compared", "skipped") in [case[:3] for case in runs.junit_cases(comparison)]


@pytest.mark.parametrize(
    ("only", "why"),
    [
        (["task=loans"], "missing"),
        (["task=loans", "-k cnn and seed=0"], "missing"),
        (["model=mlp", "model=cnn"], "missing"),
        (["model=mlp,cnn"], "missing"),
        (["task=loans", "-k not cnn"], "left out"),
        (["seed=1"], "left out"),
        (["--lf"], "left out"),  # of a run that does not record its selection of cells
    ],
)
def test_a_cell_that_head_was_asked_for_is_missing_and_not_left_out(runs, only: list[str], why: str) -> None:
    one = [(runs.cell(), runs.predictions(0.9))]
    comparison = compare(runs.make([*one, (runs.cell(model="cnn"), runs.predictions(0.9))]), runs.make(one, only=only))
    assert ([cell.reason_code for cell in comparison.uncompared], comparison.status) == (
        [why],
        4 if why == "missing" else 0,
    )
    kind = "error" if why == "missing" else "skipped"
    assert ("loans, cnn, seed 0", "compared", kind) in [case[:3] for case in runs.junit_cases(comparison)]


@pytest.mark.parametrize(("head", "why"), [(("mlp", "cnn"), "new"), (("mlp",), "missing")])
def test_a_cell_that_was_planned_and_never_done_is_not_fine_even_if_neither_run_has_it(runs, head, why) -> None:
    planned = {"mlp0": "loans, mlp, seed 0", "cnn0": "loans, cnn, seed 0"}
    cells = {model: (runs.cell(model=model), runs.predictions(0.9)) for model in ("mlp", "cnn")}
    killed = runs.make([cells["mlp"]], planned=planned)
    comparison = compare(killed, runs.make([cells[model] for model in head], planned=planned))
    assert [(cell.reason_code, cell.where) for cell in comparison.uncompared] == [(why, "loans, cnn, seed 0")]
    assert comparison.status == {"new": 0, "missing": 4}[why]
    assert {"new": "baseline set", "missing": "--resume"}[why] in what_next(comparison)
    assert next(row.verdict for row in comparison.rows if row.gated) == "not worse than the tolerance"


def test_cells_that_a_resumed_suite_no_longer_asks_for_are_left_aside(runs) -> None:
    now = {"new": "loans, mlp, seed 0"}
    older, newer = runs.cell(), replace(runs.cell(), id="new", options={"train": {"epochs": 5}})
    head = runs.make([(older, runs.predictions(0.5)), (newer, runs.predictions(0.9))], planned=now)
    base = runs.make([(older, runs.predictions(0.9)), (newer, runs.predictions(0.9))], planned=now)
    comparison = compare(base, head)
    assert (runs.gated_row(comparison).verdict, runs.gated_row(comparison).seeds, comparison.status) == (
        "not worse than the tolerance",
        1,
        0,
    )
    assert "head has 1 cell that its suite no longer contains: ignored" in comparison.notes


def test_other_versions_hardware_and_code_are_named(runs) -> None:
    there = {"hardware": {"cpu": "another", "usable_cores": 8, "gpu": [{"name": "G"}]}, "packages": {"torch": "2.7"}}
    head = runs.make([(runs.cell(), runs.predictions(0.9))], there, git={"commit": "abcdef0123", "dirty": True})
    notes = compare(runs.of(0.9), head).notes
    assert "code: 0123456 → abcdef0 with uncommitted changes" in notes
    changed = [{"commit": "0123456789", "dirty": True, "changes": digest} for digest in ("aaaaaaaa", "bbbbbbbb")]
    sides = [runs.of(0.9, git=git) for git in changed]
    note = "code: 0123456 with uncommitted changes aaaaaaaa → 0123456 with uncommitted changes bbbbbbbb"
    assert note in compare(*sides).notes
    assert "torch 2.6 → 2.7" in notes
    assert "hardware: a processor, 2 cores → another, 8 cores, G: timings are not compared" in notes


def test_all_versions_and_commits_of_a_run_that_was_resumed_are_named(runs) -> None:
    head = runs.of(0.9, 0.9)
    older = head.add_environment({**runs.environment, "packages": {"torch": "2.0"}})
    with head.writer() as writer:
        writer.write(replace(head.records()[0], environment=older))
    head.update({"resumed_git": [{"commit": "fedcba9876", "dirty": False}]})
    notes = compare(runs.of(0.9, 0.9), head).notes
    assert "torch 2.6 → 2.0, 2.6" in notes
    assert "code: 0123456 → 0123456, resumed with fedcba9" in notes


def test_files_that_changed_are_named_with_the_models_that_they_belong_to(make: Make) -> None:
    old = {"task": "t1", "model": "m1", "model.pretrained": "3f2a1b2c99", "problem": "p"}
    new = {**old, "model.pretrained": "41d0aa1177"}
    base = make(*(cell(seed, model, sources=old) for model in ("mlp", "cnn") for seed in (0, 1)))
    head = make(*(cell(seed, model, sources=new) for model in ("mlp", "cnn") for seed in (0, 1)))
    pairing = pair_runs(base, head)
    assert [len(group.pairs) for group in pairing.groups] == [2, 2]
    assert [note for note in pairing.notes if "changed" in note] == [
        "the pretrained weights changed (mlp, cnn): 3f2a1b2c → 41d0aa11"
    ]
    assert not [note for note in pair_runs(base, make(cell(0))).notes if "changed" in note], "older records have none"
    with_option = {**old, "task": "t2", "model.weights": "77"}
    notes = pair_runs(base, make(cell(0, sources=with_option))).notes
    assert "the file of the task changed (loans): t1 → t2" in notes
    assert "the files of the option model.weights changed (mlp): none → 77" in notes
