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
        "loans": "needs shift, or a task of the same modality in `against`",
        "planted_noise": None,  # it has a shift
    }
    with pytest.raises(SuiteError, match="needs shift"):
        plan(tasks=tasks[:2], models=[{"use": "mlp"}], probes={"ood": {}})
