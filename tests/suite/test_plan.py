"""Claims about cells: which there are, what makes two of them one, and which share a training."""

from __future__ import annotations

import json
import random

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench_suite.suite.document import SuiteError
from bench_suite.suite.identity import changed, digest, resolve
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import MAX_CELLS, make_plan, name
from bench_suite.suite.spec import AXES, EVALUATE, train_options

SUITE = {
    "tasks": [{"use": "loans"}],
    "models": [{"use": "mlp", "hidden": [8]}],
    "train": {"epochs": 2},
    "probes": {"quality": {}},
}


@pytest.fixture
def plan(tmp_path):
    """The plan of a suite that is given as a mapping, or of SUITE with some of its sections in another way."""

    def plan(only=(), **sections):
        (tmp_path / "s.toml").write_text(tomli_w.dumps({**SUITE, **sections}))
        return make_plan(read_suite(str(tmp_path / "s.toml")), only)

    return plan


def ids(plan) -> list[str]:
    """Identities of the cells."""
    return [cell.id for cell in plan.cells]


def labels(plan, *axes: str) -> set[tuple]:
    """Values of some axes in each cell."""
    return {tuple(cell.labels.get(axis) for axis in axes) for cell in plan.cells}


SAME = {
    "a name": {"models": [{"use": "mlp", "hidden": [8], "name": "other"}]},
    "a task's name": {"tasks": [{"use": "loans", "name": "other"}]},
    "an explicit default of a model": {"models": [{"use": "mlp", "hidden": [8], "dropout": 0.0}]},
    "an explicit default of a task": {"tasks": [{"use": "loans", "data": "full"}]},
    "explicit defaults of training": {
        "train": {"epochs": 2, "learning_rate": 0.001, "optimizer": "adamw", "validation": 0.1}
    },
    "an explicit default of evaluation": {"evaluate": {"batch_size": 256}},
    "a model's own train": {"train": {}, "models": [{"use": "mlp", "hidden": [8], "train": {"epochs": 2}}]},
    "an axis of one value": {"train": {}, "matrix": {"train.epochs": [2]}},
    "an option as an axis": {"models": [{"use": "mlp"}], "matrix": {"models.mlp.hidden": [[8]]}},
    "explicit usual axes": {
        "matrix": {"seed": 0, "precision": "32-true", "device": "auto", "threads": "auto", "engine": "native"}
    },
    "options of a probe": {"probes": {"quality": {"resamples": 200}}},
    "another probe": {"probes": {"throughput": {}}},
    "a gate, a title and columns": {
        "title": "x",
        "gate": {"quality/accuracy": {"min": 0.1}},
        "report": {"sort": "quality/accuracy"},
    },
}
OTHER = {
    "an option of the model": {"models": [{"use": "mlp", "hidden": [9]}]},
    "another model": {"models": [{"use": "logistic_regression"}]},
    "an option of the task": {"tasks": [{"use": "loans", "groups": ["black"]}]},
    "epochs": {"train": {"epochs": 3}},
    "no training at all": {"train": {"epochs": 0}},
    "the seed": {"matrix": {"seed": 1}},
    "threads": {"matrix": {"threads": 1}},
    "the device": {"matrix": {"device": "cpu"}},
    "precision": {"matrix": {"precision": "bf16-mixed"}},
}


@pytest.mark.parametrize("change", SAME)
def test_an_identity_does_not_change_with(plan, change):
    assert ids(plan(**SAME[change])) == ids(plan())


@pytest.mark.parametrize("change", OTHER)
def test_an_identity_changes_with(plan, change):
    before, after = plan(), plan(**OTHER[change])
    assert set(ids(before)).isdisjoint(ids(after))
    assert {unit.id for unit in before.units}.isdisjoint(unit.id for unit in after.units)


def test_all_of_these_changes_give_different_identities(plan):
    assert len({ids(plan(**change))[0] for change in OTHER.values()}) == len(OTHER)


MINE = 'VERSION = 1\nMODALITIES = ("table",)\nPROBLEMS = ("classification",)\n\n\ndef build(data, options):\n    ...\n'


def test_an_identity_changes_with_the_version_of_a_file_and_not_with_its_code(plan, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    models = [{"use": "./mine.py"}]
    first = ids(plan(models=models))
    (tmp_path / "mine.py").write_text(MINE + "# a remark\n")
    assert ids(plan(models=models)) == first
    (tmp_path / "mine.py").write_text(MINE.replace("VERSION = 1", "VERSION = 2"))
    assert ids(plan(models=models)) != first


def test_the_key_of_a_probe_changes_with_its_options_and_not_with_its_label_or_explicit_defaults(plan):
    key = plan().probe_keys["quality"]
    assert plan(probes={"a": {"use": "quality", "resamples": 1000}}).probe_keys["a"] == key
    assert plan(probes={"quality": {"resamples": 200}}).probe_keys["quality"] != key


def test_the_key_of_a_probe_changes_with_what_a_file_holds_that_its_options_name(plan, tmp_path):
    (tmp_path / "terms.toml").write_text("one")
    probes = {"fairness": {"terms": "./terms.toml"}}
    first = plan(probes=probes).probe_keys["fairness"]
    assert plan(probes=probes).probe_keys["fairness"] == first
    (tmp_path / "terms.toml").write_text("two")
    assert plan(probes=probes).probe_keys["fairness"] != first


def test_an_evaluate_axis_changes_the_identity_and_trains_once(plan):
    found = plan(matrix={"evaluate.batch_size": [1, 64, 256], "seed": [0, 1]})
    assert len(set(ids(found))) == 6
    assert sorted(len(unit.cells) for unit in found.units) == [3, 3]
    assert {unit.id for unit in found.units} == {unit.id for unit in plan(matrix={"seed": [0, 1]}).units}
    for unit in found.units:
        assert len({cell.seed for cell in unit.cells}) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_an_identity_does_not_depend_on_the_order_of_keys(plan, chance: random.Random):
    whole = {
        "tasks": [{"use": "loans", "groups": ["black"], "data": "full"}],
        "models": [{"use": "mlp", "hidden": [8], "dropout": 0.5, "name": "m", "train": {"epochs": 2, "batch_size": 8}}],
        "train": {"learning_rate": 0.1, "warmup": 0.2, "validation": 0.3},
        "matrix": {"seed": [0, 1], "precision": ["32-true", "bf16-mixed"], "evaluate.batch_size": [1, 2]},
        "probes": {"quality": {"resamples": 100}, "generalization": {}},
    }

    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in chance.sample(list(value), len(value))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert sorted(ids(plan(**shuffled(whole)))) == sorted(ids(plan(**whole)))


OPTIONS = {**train_options(), **EVALUATE}


@given(st.sets(st.sampled_from(sorted(OPTIONS))))
def test_stating_any_defaults_changes_nothing(names):
    stated = {option: OPTIONS[option].default for option in names}
    assert changed(OPTIONS, stated) == {}
    assert resolve(OPTIONS, stated) == resolve(OPTIONS, {})


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.tuples(st.integers())))
def test_a_digest_does_not_depend_on_order_and_lists_are_as_good_as_tuples(values):
    backwards = dict(reversed(values.items()))
    assert digest(values) == digest(backwards) == digest(json.loads(json.dumps(values)))


# ── which cells ─────────────────────────────────────────────────────────────────────────────────

TWO = [{"use": "mlp"}, {"use": "logistic_regression"}]


def test_axes_that_do_not_concern_a_model_do_not_multiply_its_cells(plan):
    found = plan(
        models=TWO,
        matrix={"precision": ["32-true", "bf16-mixed"], "train.epochs": [1, 2], "models.mlp.dropout": [0.0, 0.5]},
        train={},
    )
    assert [cell.model.label for cell in found.cells].count("mlp") == 8
    assert [cell.labels for cell in found.cells if cell.model.label == "logistic_regression"] == [
        {"task": "loans", "model": "logistic_regression", "engine": None, "precision": None, "seed": 0}
    ]


def test_seed_and_validation_concern_an_estimator_too(plan):
    found = plan(models=TWO[1:], matrix={"seed": [0, 1], "train.validation": [0.1, 0.2]})
    assert labels(found, "seed", "train.validation") == {(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)}


def test_an_axis_of_one_model_leaves_another_alone_even_where_labels_have_dots(plan):
    models = [{"use": "mlp", "name": "a"}, {"use": "mlp", "name": "a.b", "dropout": 0.5}]
    found = plan(models=models, matrix={"models.a.b.hidden": [[4], [8]], "models.a.hidden": [[2]]})
    assert {(cell.model.label, cell.options["model"]["hidden"]) for cell in found.cells} == {
        ("a", (2,)),
        ("a.b", (4,)),
        ("a.b", (8,)),
    }
    assert all({"hidden", "dropout"} < set(cell.options["model"]) for cell in found.cells)


def test_an_axis_of_one_task_leaves_another_alone_even_where_labels_have_dots(plan):
    tasks = [{"use": "loans", "name": "a"}, {"use": "loans", "name": "a.b"}, {"use": "diabetes", "name": "b"}]
    found = plan(tasks=tasks, matrix={"tasks.a.b.groups": [["black"], ["hispan"]], "tasks.a.groups": [[]]})
    assert labels(found, "task", "tasks.a.b.groups", "tasks.a.groups") == {
        ("a", None, ()), ("a.b", ("black",), None), ("a.b", ("hispan",), None), ("b", None, None),
    }  # fmt: skip
    assert {(cell.task.label, cell.options["task"]["groups"]) for cell in found.cells} == {
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
    found = plan(tasks=tasks, models=TWO, matrix={"exclude": [{"task": "loans", "precision": "32-true"}]})
    assert labels(found, "task", "model") == {("diabetes", "mlp"), ("loans", "logistic_regression")}, (
        "an estimator has no precision"
    )
    with pytest.raises(SuiteError, match="all of its cells are excluded"):
        plan(matrix={"exclude": [{"seed": 0}]})


def test_include_adds_cells_under_every_value_of_each_axis_that_it_does_not_name(plan):
    matrix = {"seed": [3, 4], "include": [{"seed": 9}, {"model": "mlp", "train.epochs": [5, 6]}]}
    found = plan(matrix=matrix, train={}, models=TWO)
    assert labels(found, "model", "seed", "train.epochs") == {
        ("mlp", 3, None), ("mlp", 4, None), ("mlp", 9, None),
        ("mlp", 3, 5), ("mlp", 3, 6), ("mlp", 4, 5), ("mlp", 4, 6),
        ("logistic_regression", 3, None), ("logistic_regression", 4, None), ("logistic_regression", 9, None),
    }  # fmt: skip


def test_include_brings_back_what_was_excluded_as_in_github_actions(plan):
    matrix = {"seed": [0, 1, 2], "exclude": [{"seed": [1, 2]}], "include": [{"seed": 2}]}
    assert labels(plan(matrix=matrix), "seed") == {(0,), (2,)}


def test_an_include_that_is_there_already_adds_nothing(plan):
    assert len(plan(matrix={"seed": [0, 1], "include": [{"seed": 1}]}).cells) == 2


def test_only_chooses_cells_by_label_and_several_are_all_of_them(plan):
    matrix = {"seed": [0, 1, 2]}
    assert labels(plan(models=TWO, matrix=matrix, only=["model=mlp", "seed=0,2"]), "model", "seed") == {
        ("mlp", 0),
        ("mlp", 2),
    }
    assert labels(plan(matrix=matrix, only=["seed=0", "seed=1"]), "seed") == {(0,), (1,)}


def test_only_of_a_probe_chooses_its_cells(plan):
    found = plan(matrix={"seed": [0, 1]}, probes={"quality": {}, "costly": {"use": "throughput", "only": {"seed": 0}}})
    assert {cell.seed: set(cell.probes) for cell in found.cells} == {0: {"quality", "costly"}, 1: {"quality"}}


def test_pairs_that_do_not_fit_are_left_out_with_the_reason(plan):
    found = plan(tasks=[{"use": "loans"}, {"use": "imdb"}], models=[{"use": "mlp"}, {"use": "bag_of_words"}])
    assert labels(found, "task", "model") == {("loans", "mlp"), ("imdb", "bag_of_words")}
    assert found.left_out == (
        ("loans", "bag_of_words", "takes text, the task is table"),
        ("imdb", "mlp", "takes image or table, the task is text"),
    )  # fmt: skip


def test_a_probe_whose_need_is_unmet_is_not_applicable_with_the_reason(plan, tmp_path):
    facts = 'NEEDS = ("gradients",)\nNEEDS_BY = {"method": {"cam": ("convolutions",)}}\nMETRICS = {}\n'
    options = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Options:\n    method: str = 'plain'\n"
    (tmp_path / "mine.py").write_text(facts + options + "def probe(trained, options): ...\n")
    found = plan(models=TWO, probes={"mine": {"use": "./mine.py"}})
    assert {cell.model.label: cell.probes["mine"] for cell in found.cells} == {
        "mlp": None,
        "logistic_regression": "needs gradients",
    }
    with pytest.raises(SuiteError, match="applies to no cell of this suite: needs convolutions"):
        plan(probes={"mine": {"use": "./mine.py", "method": "cam"}})


LISTED = """
from dataclasses import dataclass
NEEDS_BY = {"methods": {"cam": ("convolutions",), "window": ("images",)}}
METRICS = {}
@dataclass(frozen=True)
class Options:
    methods: tuple[str, ...] = ("plain",)
def probe(trained, options): ...
"""


def test_of_a_list_of_choices_those_that_fit_remain_and_the_others_have_their_reasons(plan, tmp_path):
    (tmp_path / "mine.py").write_text(LISTED)
    asked = {"use": "./mine.py", "methods": ["cam", "window", "plain"]}
    tasks = [{"use": "mnist", "data": "sample"}, {"use": "loans"}]
    found = plan(tasks=tasks, models=[{"use": "mlp"}, {"use": "cnn"}], probes={"mine": asked})
    assert {(cell.task.label, cell.model.label): (cell.probes["mine"], cell.unfit["mine"]) for cell in found.cells} == {
        ("mnist", "mlp"): (None, {"methods": {"cam": "needs convolutions"}}),
        ("mnist", "cnn"): (None, {}),
        ("loans", "mlp"): (None, {"methods": {"cam": "needs convolutions", "window": "needs images"}}),
    }


def test_a_probe_none_of_whose_choices_fits_does_not_apply(plan, tmp_path):
    (tmp_path / "mine.py").write_text(LISTED)
    asked = {"use": "./mine.py", "methods": ["cam", "window"]}
    tasks = [{"use": "mnist", "data": "sample"}, {"use": "loans"}]
    found = plan(tasks=tasks, models=[{"use": "mlp"}, {"use": "cnn"}], probes={"mine": asked})
    assert {(cell.task.label, cell.model.label): cell.probes["mine"] for cell in found.cells} == {
        ("mnist", "mlp"): None,
        ("mnist", "cnn"): None,
        ("loans", "mlp"): "needs convolutions and images",
    }


def test_a_choice_that_fits_no_cell_is_an_error_where_it_is_written(plan, tmp_path):
    (tmp_path / "mine.py").write_text(LISTED)
    with pytest.raises(SuiteError, match=r'mine\.methods: "cam" applies to no cell of this suite: needs convolutions'):
        plan(probes={"mine": {"use": "./mine.py", "methods": ["cam", "plain"]}})


def test_a_class_is_looked_for_in_each_task_that_a_probe_is_applied_to(plan):
    tasks = [{"use": "loans"}, {"use": "breast_cancer"}]
    asked = {"quality": {}, "fairness": {"positive": "denied"}}
    with pytest.raises(SuiteError) as error:
        plan(tasks=tasks, probes=asked)
    (said,) = error.value.errors
    assert '"denied" is no class of breast_cancer (it has: malignant, benign)' in said
    assert 'to leave that task out: only = { task = ["loans"] }' in said
    asked["fairness"]["only"] = {"task": ["loans"]}
    assert len(plan(tasks=tasks, probes=asked).cells) == 2


def test_groups_are_there_unless_the_suite_says_none(plan, tmp_path):
    (tmp_path / "mine.py").write_text('NEEDS = ("groups",)\nMETRICS = {}\ndef probe(trained, options): ...\n')
    probes = {"quality": {}, "mine": {"use": "./mine.py"}}
    assert plan(probes=probes).cells[0].probes["mine"] is None
    with pytest.raises(SuiteError, match="needs groups"):
        plan(probes=probes, tasks=[{"use": "loans", "groups": []}])


def test_a_suite_of_too_many_cells_is_refused_before_they_are_made(plan):
    with pytest.raises(SuiteError, match="1,000,000 for loans, mlp"):
        plan(train={}, matrix={"seed": list(range(1000)), "train.epochs": list(range(1000))})
    with pytest.raises(SuiteError, match="more than 100,000 cells"):
        plan(train={}, matrix={"seed": list(range(1000)), "include": [{"train.epochs": list(range(1, 1001))}]})
    assert MAX_CELLS >= 10_000


def test_options_of_a_cell_are_all_of_them_resolved(plan):
    (cell,) = plan(matrix={"train.batch_size": 8}).cells
    assert cell.options["train"] == {**{k: o.default for k, o in train_options().items()}, "epochs": 2, "batch_size": 8}
    assert cell.options["model"] == {"hidden": (8,), "dropout": 0.0, "pixels": "standardised", "output": "logits"}
    assert cell.options["evaluate"] == {"batch_size": 256}
    assert (cell.threads, cell.device, cell.precision) == tuple(
        AXES[a].default for a in ("threads", "device", "precision")
    )


def test_a_cell_in_words_names_only_what_is_unusual(plan):
    found = plan(matrix={"precision": ["32-true", "bf16-mixed"], "seed": 1})
    assert [name(cell) for cell in found.cells] == ["loans, mlp, seed 1", 'loans, mlp, precision "bf16-mixed", seed 1']


# ── training options that cannot hold ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("train", "error"),
    [
        ({"augment": ["flip"]}, "augment changes images, and loans has none"),
        ({"target": {"quality/acuracy": 0.9}}, 'no metric "acuracy"'),
        ({"target": {"quality/r2": 0.9}}, "r2 is of regression, and the task is classification"),
        ({"target": {"quality/accuracy": 97}}, "accuracy is never over 1, and 97 is asked for"),
        ({"target": {"log_loss": -1}}, "log_loss is never under 0, and -1 is asked for"),
        ({"target": {"throughput/accuracy": 0.9}}, 'as "quality/accuracy" or "accuracy", not of "throughput"'),
        ({"target": {"accuracy": 0.9, "macro_f1": 0.9}}, "target names one metric and its value, not 2"),
        ({"target": {"accuracy": 0.9}, "validation": 0}, "target decides on validation data"),
        ({"checkpoint": "ten minutes"}, 'is no time such as "10m"'),
        ({"checkpoint": "0s"}, 'is no time such as "10m"'),
        ({"label_smoothing": 1.5}, "0.99"),
    ],
)
def test_training_options_that_cannot_hold_are_faults_of_the_suite(plan, train, error):
    with pytest.raises(SuiteError) as raised:
        plan(train=train)
    assert error in str(raised.value)
    assert "s.toml" in str(raised.value)


def test_label_smoothing_of_a_regression_is_a_fault(plan):
    with pytest.raises(SuiteError, match="label_smoothing is for classes, and diabetes is regression"):
        plan(tasks=[{"use": "diabetes"}], train={"label_smoothing": 0.1})


def test_fraction_and_compile_are_axes_and_their_defaults_leave_identities_alone(plan):
    plain = plan()
    assert ids(plan(matrix={"fraction": 1.0, "compile": False})) == ids(plain)
    made = plan(matrix={"fraction": [0.1, 1.0], "compile": [False, True]})
    assert labels(made, "fraction", "compile") == {(0.1, False), (1.0, False), (0.1, True), (1.0, True)}
    assert ids(plain)[0] in ids(made)
    with pytest.raises(SuiteError, match="fraction"):
        plan(matrix={"fraction": [0.0]})


def test_an_estimator_is_trained_on_fractions_and_never_compiled(plan):
    made = plan(
        models=[{"use": "logistic_regression"}, {"use": "mlp"}], matrix={"fraction": [0.5], "compile": [False, True]}
    )
    assert labels(made, "model", "fraction", "compile") == {
        ("logistic_regression", 0.5, None),
        ("mlp", 0.5, False),
        ("mlp", 0.5, True),
    }


def test_probes_of_fractions_and_targets_apply_where_the_suite_has_them(plan):
    probes = {"quality": {}, "learning_curve": {}, "target": {}}
    with pytest.raises(SuiteError, match="applies to no cell of this suite: needs fraction"):
        plan(probes=probes)
    models = [{"use": "mlp", "train": {"target": {"accuracy": 0.9}}}, {"use": "logistic_regression"}]
    made = plan(probes=probes, models=models, matrix={"fraction": [0.5, 1.0]})
    reasons = {(cell.labels["model"], label): why for cell in made.cells for label, why in cell.probes.items()}
    assert reasons["mlp", "target"] is None
    assert reasons["logistic_regression", "target"] == "needs target"
    assert reasons["logistic_regression", "learning_curve"] is None
