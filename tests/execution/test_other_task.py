"""Another task beside the data of a cell: whose options it gets, and when the model cannot read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench_suite.components.discovery import default_options, find
from bench_suite.contracts import BenchError
from bench_suite.execution.model_training import build
from bench_suite.execution.other_task import difference, with_test_of
from bench_suite.tasks import planted_columns, planted_gaussians, planted_noise


@pytest.fixture
def loans(context):
    cell = context.plan.cells[0]
    return cell, context.load(cell), context.sources


@pytest.mark.parametrize(("task", "data", "expected"), [
    ("mnist", "sample", "sample"), ("mnist", "full", "full"), ("fashion_mnist", "sample", "full"),
    ("mnist", None, "full"),
])  # fmt: skip
def test_the_option_data_is_shared_if_the_other_task_has_that_choice(task, data, expected):
    options = default_options(find("tasks", task, Path()), {} if data is None else {"data": data})
    assert options.data == expected


def test_the_cells_own_task_and_another_modality_are_refused(loans):
    cell, data, sources = loans
    with pytest.raises(BenchError, match="it is the task that the model was trained on"):
        with_test_of("loans", cell, data, sources)
    with pytest.raises(BenchError, match="its examples are images, and the model takes tables"):
        with_test_of("digits", cell, data, sources)
    with pytest.raises(BenchError, match="other columns"):
        with_test_of("planted_noise", cell, data, sources)


def test_inputs_must_have_the_same_shape_and_columns():
    def data(task, **options):
        return task.load(task.Options(**options), None)

    noise, gaussians = data(planted_noise), data(planted_gaussians)
    assert difference(noise, gaussians) == "", "both have the columns sign, noise 1, noise 2 and noise 3"
    assert "other columns" in difference(noise, data(planted_columns))


def test_train_spec_and_threshold_stay_and_the_test_split_is_the_other_ones(context):
    cell = context.plan.cells[0]
    noise = planted_noise.load(planted_noise.Options(train=40, test=20), None)
    data = with_test_of("planted_gaussians", cell, noise, None)
    assert set(data.splits) == {"train", "test"}
    assert data.splits["train"] is noise.splits["train"]
    assert len(data.splits["test"]) == 2000
    assert data.spec is noise.spec
    assert data.source.name == "planted_gaussians"


def test_a_trained_cell_predicts_the_other_task_and_stores_nothing(context):
    from bench_suite.contracts import Placement

    cell = context.plan.cells[0]
    noise = planted_noise.load(planted_noise.Options(train=40, test=20), None)
    trained = build(cell, noise, Placement("cpu", 1, "32-true"), 0, cell.options["train"])
    stored: list[str] = []
    trained.keep = lambda split, predictions: stored.append(split)
    own = trained.predictions("test")
    other = trained.on_task("planted_gaussians")
    assert len(other.predictions("test")) == 2000
    assert stored == ["test"]
    assert trained.predictions("test") is own
    assert len(other.encoded("test")) == 2000
    first, second = (part.encoded("train").take(torch.arange(3))["table"] for part in (other, trained))
    assert torch.equal(first, second)
