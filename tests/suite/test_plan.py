"""Claims about plans: the cells that `--only` selects, and errors that depend on several cells."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.plan import MAX_CELLS


def labels(plan, *axes: str) -> set[tuple]:
    """Return the values of some axes in each cell."""
    return {tuple(cell.labels.get(axis) for axis in axes) for cell in plan.cells}


TWO = [{"use": "mlp"}, {"use": "logistic_regression"}]


def test_only_chooses_cells_by_label_and_several_are_all_of_them(plan):
    matrix = {"seed": [0, 1, 2]}
    assert labels(plan(models=TWO, matrix=matrix, only=["model=mlp", "seed=0,2"]), "model", "seed") == {
        ("mlp", 0),
        ("mlp", 2),
    }
    assert labels(plan(matrix=matrix, only=["seed=0", "seed=1"]), "seed") == {(0,), (1,)}


LISTED = """
from dataclasses import dataclass
NEEDS_BY = {"methods": {"cam": ("convolutions",), "window": ("images",)}}
METRICS = {}
@dataclass(frozen=True)
class Options:
    methods: tuple[str, ...] = ("plain",)
def probe(trained, options): ...
"""


def test_a_choice_that_fits_no_cell_is_an_error_where_it_is_written(plan, tmp_path):
    (tmp_path / "mine.py").write_text(LISTED)
    with pytest.raises(SuiteError, match=r'mine\.methods: "cam" applies to no cell of this suite: needs convolutions'):
        plan(probes={"mine": {"use": "./mine.py", "methods": ["cam", "plain"]}})


def test_a_class_is_looked_for_in_each_task_that_a_probe_is_applied_to(plan):
    tasks = [{"use": "loans"}, {"use": "breast_cancer"}]
    asked = {"quality": {}, "fairness": {"positive": "denied"}}
    with pytest.raises(SuiteError) as error:
        plan(tasks=tasks, probes=asked)
    (message,) = error.value.errors
    assert '"denied" is no class of breast_cancer (it has: malignant, benign)' in message
    assert 'to leave that task out: only = { task = ["loans"] }' in message
    asked["fairness"]["only"] = {"task": ["loans"]}
    assert len(plan(tasks=tasks, probes=asked).cells) == 2


def test_a_suite_of_too_many_cells_is_refused_before_they_are_made(plan):
    with pytest.raises(SuiteError, match="1,000,000 for loans, mlp"):
        plan(train={}, matrix={"seed": list(range(1000)), "train.epochs": list(range(1000))})
    with pytest.raises(SuiteError, match="more than 100,000 cells"):
        plan(train={}, matrix={"seed": list(range(1000)), "include": [{"train.epochs": list(range(1, 1001))}]})
    assert MAX_CELLS >= 10_000
