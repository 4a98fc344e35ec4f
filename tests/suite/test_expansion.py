"""Claims about the expansion: the cells that axes, `exclude` and `include` produce for each pair of task and model."""

from __future__ import annotations

import pytest

from bench_suite.contracts import COMPILE_MODES
from bench_suite.suite.document import SuiteError
from bench_suite.suite.spec import AXES, train_options


def ids(plan) -> list[str]:
    """Return the identities of the cells."""
    return [cell.id for cell in plan.cells]


def labels(plan, *axes: str) -> set[tuple]:
    """Return the values of some axes in each cell."""
    return {tuple(cell.labels.get(axis) for axis in axes) for cell in plan.cells}


TWO = [{"use": "mlp"}, {"use": "logistic_regression"}]


def test_axes_that_do_not_concern_a_model_do_not_multiply_its_cells(plan):
    planned = plan(
        models=TWO,
        matrix={"precision": ["32-true", "bf16-mixed"], "train.epochs": [1, 2], "models.mlp.dropout": [0.0, 0.5]},
        train={},
    )
    assert [cell.model.label for cell in planned.cells].count("mlp") == 8
    assert [cell.labels for cell in planned.cells if cell.model.label == "logistic_regression"] == [
        {"task": "loans", "model": "logistic_regression", "engine": None, "precision": None, "seed": 0}
    ]


def test_seed_and_validation_concern_an_estimator_too(plan):
    planned = plan(models=TWO[1:], matrix={"seed": [0, 1], "train.validation": [0.1, 0.2]})
    assert labels(planned, "seed", "train.validation") == {(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)}


def test_an_axis_of_one_model_leaves_another_alone_even_where_labels_have_dots(plan):
    models = [{"use": "mlp", "name": "a"}, {"use": "mlp", "name": "a.b", "dropout": 0.5}]
    planned = plan(models=models, matrix={"models.a.b.hidden": [[4], [8]], "models.a.hidden": [[2]]})
    assert {(cell.model.label, cell.options["model"]["hidden"]) for cell in planned.cells} == {
        ("a", (2,)),
        ("a.b", (4,)),
        ("a.b", (8,)),
    }
    assert all({"hidden", "dropout"} < set(cell.options["model"]) for cell in planned.cells)


def test_an_axis_of_one_task_leaves_another_alone_even_where_labels_have_dots(plan):
    tasks = [{"use": "loans", "name": "a"}, {"use": "loans", "name": "a.b"}, {"use": "diabetes", "name": "b"}]
    planned = plan(tasks=tasks, matrix={"tasks.a.b.groups": [["black"], ["hispan"]], "tasks.a.groups": [[]]})
    assert labels(planned, "task", "tasks.a.b.groups", "tasks.a.groups") == {
        ("a", None, ()), ("a.b", ("black",), None), ("a.b", ("hispan",), None), ("b", None, None),
    }  # fmt: skip
    assert {(cell.task.label, cell.options["task"]["groups"]) for cell in planned.cells} == {
        ("a", ()), ("a.b", ("black",)), ("a.b", ("hispan",)), ("b", None),
    }  # fmt: skip


def test_exclude_leaves_out_the_cells_that_have_one_of_each_axis_values(plan):
    matrix = {
        "seed": [0, 1],
        "precision": ["32-true", "bf16-mixed"],
        "exclude": [{"precision": "bf16-mixed", "seed": [1, 5]}, {"seed": 0, "precision": "32-true"}],
    }
    assert labels(plan(matrix=matrix), "seed", "precision") == {(0, "bf16-mixed"), (1, "32-true")}


def test_exclude_knows_axes_by_their_usual_value_where_the_matrix_does_not_vary_them(plan):
    tasks = [{"use": "loans"}, {"use": "diabetes"}]
    planned = plan(tasks=tasks, models=TWO, matrix={"exclude": [{"task": "loans", "precision": "32-true"}]})
    assert labels(planned, "task", "model") == {("diabetes", "mlp"), ("loans", "logistic_regression")}, (
        "an estimator has no precision"
    )
    with pytest.raises(SuiteError, match="all of its cells are excluded"):
        plan(matrix={"exclude": [{"seed": 0}]})


def test_include_adds_cells_under_every_value_of_each_axis_that_it_does_not_name(plan):
    matrix = {"seed": [3, 4], "include": [{"seed": 9}, {"model": "mlp", "train.epochs": [5, 6]}]}
    planned = plan(matrix=matrix, train={}, models=TWO)
    assert labels(planned, "model", "seed", "train.epochs") == {
        ("mlp", 3, None), ("mlp", 4, None), ("mlp", 9, None),
        ("mlp", 3, 5), ("mlp", 3, 6), ("mlp", 4, 5), ("mlp", 4, 6),
        ("logistic_regression", 3, None), ("logistic_regression", 4, None), ("logistic_regression", 9, None),
    }  # fmt: skip


def test_include_brings_back_what_was_excluded_as_in_github_actions(plan):
    matrix = {"seed": [0, 1, 2], "exclude": [{"seed": [1, 2]}], "include": [{"seed": 2}]}
    assert labels(plan(matrix=matrix), "seed") == {(0,), (2,)}


def test_an_include_that_is_there_already_adds_nothing(plan):
    assert len(plan(matrix={"seed": [0, 1], "include": [{"seed": 1}]}).cells) == 2


def test_only_of_a_probe_chooses_its_cells(plan):
    planned = plan(
        matrix={"seed": [0, 1]}, probes={"quality": {}, "costly": {"use": "throughput", "only": {"seed": 0}}}
    )
    assert {cell.seed: set(cell.probes) for cell in planned.cells} == {0: {"quality", "costly"}, 1: {"quality"}}


def test_pairs_that_do_not_fit_are_left_out_with_the_reason(plan):
    planned = plan(tasks=[{"use": "loans"}, {"use": "imdb"}], models=[{"use": "mlp"}, {"use": "bag_of_words"}])
    assert labels(planned, "task", "model") == {("loans", "mlp"), ("imdb", "bag_of_words")}
    assert planned.left_out == (
        ("loans", "bag_of_words", "takes text, the task is table"),
        ("imdb", "mlp", "takes image or table, the task is text"),
    )  # fmt: skip


def test_options_of_a_cell_are_all_of_them_resolved(plan):
    (cell,) = plan(matrix={"train.batch_size": 8}).cells
    assert cell.options["train"] == {**{k: o.default for k, o in train_options().items()}, "epochs": 2, "batch_size": 8}
    assert cell.options["model"] == {"hidden": (8,), "dropout": 0.0, "pixels": "standardised", "output": "logits"}
    assert cell.options["evaluate"] == {"batch_size": 256, "threshold": "none"}
    assert (cell.threads, cell.device, cell.precision) == tuple(
        AXES[a].default for a in ("threads", "device", "precision")
    )


def test_fraction_and_compile_are_axes_and_their_defaults_leave_identities_alone(plan):
    plain = plan()
    assert ids(plan(matrix={"fraction": 1.0, "compile": False})) == ids(plain)
    planned = plan(matrix={"fraction": [0.1, 1.0], "compile": [False, True]})
    assert labels(planned, "fraction", "compile") == {(0.1, False), (1.0, False), (0.1, True), (1.0, True)}
    assert ids(plain)[0] in ids(planned)
    modes = plan(matrix={"compile": [False, True, *COMPILE_MODES]})
    assert len(set(ids(modes))) == 2 + len(COMPILE_MODES)
    assert set(ids(plan(matrix={"compile": [False, True]}))) <= set(ids(modes))
    with pytest.raises(SuiteError, match=r"compile.*fastest"):
        plan(matrix={"compile": "fastest"})
    with pytest.raises(SuiteError, match="fraction"):
        plan(matrix={"fraction": [0.0]})


def test_devices_are_an_axis_of_networks_and_one_device_has_no_strategy(plan):
    plain = plan()
    assert ids(plan(matrix={"devices": 1, "strategy": ["ddp", "fsdp"]})) == ids(plain)
    planned = plan(
        models=[{"use": "logistic_regression"}, {"use": "mlp"}],
        matrix={"devices": [1, 2], "strategy": ["ddp", "fsdp"]},
    )
    assert labels(planned, "model", "devices", "strategy") == {
        ("logistic_regression", None, None),
        ("mlp", 1, None),
        ("mlp", 2, "ddp"),
        ("mlp", 2, "fsdp"),
    }
    assert len(planned.cells) == 4


def test_an_estimator_is_trained_on_fractions_and_never_compiled(plan):
    planned = plan(
        models=[{"use": "logistic_regression"}, {"use": "mlp"}], matrix={"fraction": [0.5], "compile": [False, True]}
    )
    assert labels(planned, "model", "fraction", "compile") == {
        ("logistic_regression", 0.5, None),
        ("mlp", 0.5, False),
        ("mlp", 0.5, True),
    }
