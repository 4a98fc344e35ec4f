"""Claims about the context of a run: data by cell, probes that are missing, and the key of weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bench_suite
from bench_suite.contracts import Placement
from bench_suite.execution.context import placement_of, weights_key

PLACEMENT = Placement("cpu", 1, "32-true")
SOURCES = {"task": "t", "model": "m", "model.pretrained": "w"}


def test_data_are_loaded_once_for_the_cells_of_a_task(context, monkeypatch):
    first, second, other = context.plan.cells
    data = context.load(first)
    assert context.load(second) is data
    assert context.load(other) is data
    validation = {**first.options, "train": {**first.options["train"], "validation": 0.5}}
    halved = context.load(replace(first, options=validation))
    assert len(halved.splits["validation"]) == pytest.approx(len(halved.splits["train"]), abs=5)
    assert context.load(first) is not data, "only the newest data are kept"


def test_a_fraction_of_the_training_split_is_a_part_of_it(context):
    cell = context.plan.cells[0]
    whole, half = context.load(cell), context.load(replace(cell, fraction=0.5))
    assert len(half.splits["train"]) == pytest.approx(len(whole.splits["train"]) / 2, abs=1)
    assert set(half.splits["train"].ids) < set(whole.splits["train"].ids)
    assert np.array_equal(half.splits["test"].ids, whole.splits["test"].ids)


def test_a_smoke_run_leaves_64_examples_of_each_fraction(suite, tmp_path):
    """A twentieth of 64 examples may contain only one class, from which a model can learn nothing."""
    suite(smoke=True)
    text = (tmp_path / "suite.toml").read_text().replace("seed = [0, 1]", "fraction = [0.05, 1.0]")
    (tmp_path / "suite.toml").write_text(text)
    outcome = bench_suite.run("suite.toml", smoke=True)
    assert [(record.status, record.data["train"]) for record in outcome.records] == [("ok", 64)] * 2


def test_a_smoke_run_of_a_pretrained_model_takes_fewer_examples(context):
    cell = context.plan.cells[0]
    context.smoke = True
    assert len(context.load(cell).splits["train"]) == 64
    pretrained = replace(cell, options={**cell.options, "model": {"pretrained": "some/encoder"}})
    assert {name: len(split) for name, split in context.load(pretrained).splits.items()}.items() >= {
        ("train", 16), ("test", 16),
    }  # fmt: skip


def test_probes_are_missing_unless_they_are_done(context):
    first, second, _ = context.plan.cells
    context.done = {first.id: frozenset(["quality", "gone"]), second.id: frozenset(["quality", "generalization"])}
    assert [context.missing(cell) for cell in context.plan.cells] == [
        ["generalization"], [], ["quality", "generalization"],
    ]  # fmt: skip


def test_weights_have_one_key_for_each_thing_that_decides_them(context):
    first, second, other = context.plan.cells
    key = weights_key(first, "f", PLACEMENT, SOURCES, "c", smoke=False)
    assert weights_key(second, "f", PLACEMENT, SOURCES, "c", smoke=False) == key, (
        "the cells of a unit share their training"
    )
    others = [
        weights_key(other, "f", PLACEMENT, SOURCES, "c", smoke=False),
        weights_key(replace(first, unit="u"), "f", PLACEMENT, SOURCES, "c", smoke=False),
        weights_key(first, "other data", PLACEMENT, SOURCES, "c", smoke=False),
        weights_key(first, "f", PLACEMENT, {**SOURCES, "model.pretrained": "other weights"}, "c", smoke=False),
        weights_key(first, "f", PLACEMENT, {**SOURCES, "model": "another file"}, "c", smoke=False),
        weights_key(first, "f", PLACEMENT, SOURCES, "other code", smoke=False),
        weights_key(first, "f", PLACEMENT, SOURCES, "c", smoke=True),
        weights_key(first, "f", replace(PLACEMENT, threads=2), SOURCES, "c", smoke=False),
        weights_key(first, "f", replace(PLACEMENT, device="cuda"), SOURCES, "c", smoke=False),
        weights_key(first, "f", replace(PLACEMENT, precision="bf16-mixed"), SOURCES, "c", smoke=False),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_weights_have_another_key_under_another_version_of_pytorch(context, monkeypatch):
    cell = context.plan.cells[0]
    key = weights_key(cell, "f", PLACEMENT, SOURCES, "c", smoke=False)
    monkeypatch.setattr("torch.__version__", "0.0")
    assert weights_key(cell, "f", PLACEMENT, SOURCES, "c", smoke=False) != key


def test_the_placement_is_that_of_the_cells_axes(context):
    cell = context.plan.cells[0]
    assert placement_of(cell, 1) == PLACEMENT
    train = {**cell.options, "train": {**cell.options["train"], "deterministic": True}}
    assert placement_of(replace(cell, threads=2, options=train), 1) == Placement("cpu", 2, "32-true", True)
