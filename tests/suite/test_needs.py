"""Claims about needs: when a probe applies to a cell, and the reason if it does not."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError

TWO = [{"use": "mlp"}, {"use": "logistic_regression"}]


def test_a_probe_whose_need_is_unmet_is_not_applicable_with_the_reason(plan, tmp_path):
    facts = 'NEEDS = ("gradients",)\nNEEDS_BY = {"method": {"cam": ("convolutions",)}}\nMETRICS = {}\n'
    options = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Options:\n    method: str = 'plain'\n"
    (tmp_path / "mine.py").write_text(facts + options + "def probe(trained, options): ...\n")
    planned = plan(models=TWO, probes={"mine": {"use": "./mine.py"}})
    assert {cell.model.label: cell.probes["mine"] for cell in planned.cells} == {
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
    planned = plan(tasks=tasks, models=[{"use": "mlp"}, {"use": "cnn"}], probes={"mine": asked})
    assert {
        (cell.task.label, cell.model.label): (cell.probes["mine"], cell.unfit["mine"]) for cell in planned.cells
    } == {
        ("mnist", "mlp"): (None, {"methods": {"cam": "needs convolutions"}}),
        ("mnist", "cnn"): (None, {}),
        ("loans", "mlp"): (None, {"methods": {"cam": "needs convolutions", "window": "needs images"}}),
    }


def test_a_probe_none_of_whose_choices_fits_does_not_apply(plan, tmp_path):
    (tmp_path / "mine.py").write_text(LISTED)
    asked = {"use": "./mine.py", "methods": ["cam", "window"]}
    tasks = [{"use": "mnist", "data": "sample"}, {"use": "loans"}]
    planned = plan(tasks=tasks, models=[{"use": "mlp"}, {"use": "cnn"}], probes={"mine": asked})
    assert {(cell.task.label, cell.model.label): cell.probes["mine"] for cell in planned.cells} == {
        ("mnist", "mlp"): None,
        ("mnist", "cnn"): None,
        ("loans", "mlp"): "needs convolutions and images",
    }


def test_groups_are_there_unless_the_suite_says_none(plan, tmp_path):
    (tmp_path / "mine.py").write_text('NEEDS = ("groups",)\nMETRICS = {}\ndef probe(trained, options): ...\n')
    probes = {"quality": {}, "mine": {"use": "./mine.py"}}
    assert plan(probes=probes).cells[0].probes["mine"] is None
    with pytest.raises(SuiteError, match="needs groups"):
        plan(probes=probes, tasks=[{"use": "loans", "groups": []}])


def test_probes_of_fractions_and_targets_apply_where_the_suite_has_them(plan):
    probes = {"quality": {}, "learning_curve": {}, "target": {}}
    with pytest.raises(SuiteError, match="applies to no cell of this suite: needs fraction"):
        plan(probes=probes)
    models = [{"use": "mlp", "train": {"target": {"accuracy": 0.9}}}, {"use": "logistic_regression"}]
    planned = plan(probes=probes, models=models, matrix={"fraction": [0.5, 1.0]})
    reasons = {(cell.labels["model"], label): why for cell in planned.cells for label, why in cell.probes.items()}
    assert reasons["mlp", "target"] is None
    assert reasons["logistic_regression", "target"] == "needs target"
    assert reasons["logistic_regression", "learning_curve"] is None


def test_auto_meets_the_need_of_cuda_only_if_the_engine_may_compute_there(plan, tmp_path):
    (tmp_path / "mine.py").write_text('NEEDS = ("cuda",)\nMETRICS = {}\ndef probe(trained, options): ...\n')
    facts = (
        'ACCEPTS = ("epochs",)\nPRECISIONS = ("32-true",)\nDEVICES = ("cpu",)\nCOMPILE = False\nDETERMINISTIC = False\n'
    )
    (tmp_path / "loop.py").write_text(f"{facts}def train(): ...\n")
    planned = plan(probes={"mine": {"use": "./mine.py"}}, matrix={"engine": ["native", "./loop.py"]})
    assert {cell.labels["engine"]: cell.probes["mine"] for cell in planned.cells} == {
        "native": None, "./loop.py": "needs cuda",
    }  # fmt: skip


def test_a_need_is_dropped_if_an_option_names_a_task_of_the_cells_modality(plan):
    tasks = [{"use": "mnist", "data": "sample"}, {"use": "loans"}, {"use": "planted_noise"}]
    planned = plan(tasks=tasks, models=[{"use": "mlp"}], probes={"ood": {"against": ["digits"]}})
    assert {cell.task.label: cell.probes["ood"] for cell in planned.cells} == {
        "mnist": None,
        "loans": "needs shift, or another task of the same modality in `against`",
        "planted_noise": None,  # it has a shift
    }
    with pytest.raises(SuiteError, match="needs shift"):
        plan(tasks=tasks[:2], models=[{"use": "mlp"}], probes={"ood": {}})


PARTS = """
from dataclasses import dataclass
OPTION_NEEDS = {
    "radii": ("classification", "gradients", "images or tables"),
    "fitted": ("validation",),
    "on": {"validation": ("validation",)},
    "audit": ("training",),
}
METRICS = {}
@dataclass(frozen=True)
class Options:
    radii: tuple[float, ...] = (0.5,)
    fitted: bool = True
    on: str = "test"
    audit: int = 0
def probe(trained, options): ...
"""
NO_VALIDATION = "needs validation; validation = 0 leaves none: set validation above 0 in [train]"


def test_a_part_that_the_suite_asks_for_has_its_reason_in_the_cells_that_it_does_not_apply_to(plan, tmp_path):
    (tmp_path / "mine.py").write_text(PARTS)
    planned = plan(models=TWO, probes={"mine": {"use": "./mine.py", "radii": [0.1, 0.2]}})
    assert {cell.model.label: (cell.probes["mine"], cell.unfit["mine"]) for cell in planned.cells} == {
        "mlp": (None, {}),
        "logistic_regression": (None, {"radii": {0.1: "needs gradients", 0.2: "needs gradients"}}),
    }
    texts = {"tasks": [{"use": "imdb"}], "models": [{"use": "bag_of_words"}]}
    with pytest.raises(SuiteError, match=r"mine\.radii: 0\.1 applies to no cell of this suite: needs images or tables"):
        plan(**texts, probes={"mine": {"use": "./mine.py", "radii": [0.1]}})
    numbers = {"tasks": [{"use": "diabetes"}], "models": [{"use": "mlp"}]}
    with pytest.raises(SuiteError, match=r"mine\.radii: 0\.1 applies to no cell of this suite: needs classification"):
        plan(**numbers, probes={"mine": {"use": "./mine.py", "radii": [0.1]}})


def test_a_default_is_announced_only_if_the_suite_could_meet_its_need_and_never_refused(plan, tmp_path):
    (tmp_path / "mine.py").write_text(PARTS)
    texts = {"tasks": [{"use": "imdb"}], "models": [{"use": "bag_of_words"}]}
    (cell,) = plan(**texts, probes={"mine": {"use": "./mine.py"}}).cells
    assert cell.unfit["mine"] == {}
    (cell,) = plan(train={"validation": 0}, probes={"mine": {"use": "./mine.py"}}).cells
    assert cell.unfit["mine"] == {"fitted": {True: NO_VALIDATION}}
    with pytest.raises(SuiteError, match=r"mine\.fitted: true applies to no cell of this suite: needs validation"):
        plan(train={"validation": 0}, probes={"mine": {"use": "./mine.py", "fitted": True}})
    (cell,) = plan(train={"validation": 0}, probes={"mine": {"use": "./mine.py", "fitted": False}}).cells
    assert cell.unfit["mine"] == {}


def test_needs_of_an_option_may_depend_on_its_value_and_on_whether_anything_is_trained(plan, tmp_path):
    (tmp_path / "mine.py").write_text(PARTS)
    asked = {"use": "./mine.py", "on": "validation", "audit": 100}
    models = [{"use": "mlp"}, {"use": "mlp", "name": "ready", "train": {"validation": 0, "epochs": 0}}]
    ready = next(cell for cell in plan(models=models, probes={"mine": asked}).cells if cell.model.label == "ready")
    assert ready.unfit["mine"] == {
        "fitted": {True: NO_VALIDATION},
        "on": {"validation": NO_VALIDATION},
        "audit": {100: "needs training; epochs = 0 trains nothing: set epochs above 0 in [train]"},
    }


def test_the_parts_of_the_programs_own_probes_are_refused_if_they_apply_to_nothing(plan):
    loans = {"models": [{"use": "gradient_boosting"}], "train": {"validation": 0}}
    probes = {
        "robustness": {"radii": [0.03]},
        "calibration": {"temperature": True},
        "privacy": {"non_members": "validation"},
        "ood": {"against": ["breast_cancer"], "methods": ["max_softmax", "energy"]},
        "fairness": {"terms": ["gender"]},
    }
    with pytest.raises(SuiteError) as raised:
        plan(**loans, probes=probes)
    assert [entry.key for entry in raised.value.entries] == [
        ("probes", "robustness", "radii"),
        ("probes", "calibration", "temperature"),
        ("probes", "privacy", "non_members"),
        ("probes", "ood", "methods"),
        ("probes", "fairness", "terms"),
    ]


def test_a_temperature_without_validation_is_announced(plan):
    (cell,) = plan(train={"validation": 0}, probes={"calibration": {}}).cells
    assert cell.unfit["calibration"] == {"temperature": {True: NO_VALIDATION}}
    (cell,) = plan(tasks=[{"use": "diabetes"}], train={"validation": 0}, probes={"calibration": {}}).cells
    assert cell.unfit["calibration"] == {}  # a regression has none anyway


def test_another_task_is_not_the_cells_own_nor_of_another_modality(plan):
    tasks = [{"use": "mnist", "data": "sample"}, {"use": "digits"}, {"use": "planted_noise"}]
    planned = plan(tasks=tasks, models=[{"use": "mlp"}], probes={"ood": {"against": ["digits", "loans"]}})
    own = "it is the task that the model is trained on"
    assert {
        cell.task.label: cell.unfit["ood"].get("against", {}) for cell in planned.cells if not cell.probes["ood"]
    } == {
        "mnist": {"loans": "its examples are tables, and the model takes images"},
        "planted_noise": {"digits": "its examples are images, and the model takes tables"},
    }
    assert next(cell for cell in planned.cells if cell.task.label == "digits").probes["ood"] is not None
    with pytest.raises(
        SuiteError, match=r'ood\.against: "planted_noise" applies to no cell of this suite: it is the task'
    ):
        plan(tasks=tasks[2:], probes={"ood": {"against": ["planted_noise"]}})
    planned = plan(tasks=tasks[:2], models=[{"use": "mlp"}], probes={"ood": {"against": ["mnist", "digits"]}})
    assert [cell.unfit["ood"] for cell in planned.cells] == [{"against": {"mnist": own}}, {"against": {"digits": own}}]
