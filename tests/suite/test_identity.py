"""Claims about identities: which changes of a suite keep the cell, and which keep the training."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench_suite.suite.identity import changed, digest, resolve
from bench_suite.suite.spec import EVALUATE, train_options


def ids(plan) -> list[str]:
    """Return the identities of the cells."""
    return [cell.id for cell in plan.cells]


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
    suite = {
        "tasks": [{"use": "imdb"}],
        "models": [{"use": "bag_of_words"}],
        "probes": {"fairness": {"terms": "./terms.toml"}},
    }
    first = plan(**suite).probe_keys["fairness"]
    assert plan(**suite).probe_keys["fairness"] == first
    (tmp_path / "terms.toml").write_text("two")
    assert plan(**suite).probe_keys["fairness"] != first


def test_an_evaluate_axis_changes_the_identity_and_trains_once(plan):
    planned = plan(matrix={"evaluate.batch_size": [1, 64, 256], "seed": [0, 1]})
    assert len(set(ids(planned))) == 6
    assert sorted(len(unit.cells) for unit in planned.units) == [3, 3]
    assert {unit.id for unit in planned.units} == {unit.id for unit in plan(matrix={"seed": [0, 1]}).units}
    for unit in planned.units:
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


def test_the_key_of_a_probe_changes_with_a_task_that_its_options_name(plan, tmp_path):
    task = 'MODALITY = "table"\nPROBLEM = "classification"\n\n\ndef load(options, sources): ...\n'
    (tmp_path / "other.py").write_text(task)
    probes = {"ood": {"against": ["./other.py"]}}
    first = plan(probes=probes).probe_keys["ood"]
    assert plan(probes=probes).probe_keys["ood"] == first
    (tmp_path / "other.py").write_text(task + "# changed\n")
    assert plan(probes=probes).probe_keys["ood"] != first
