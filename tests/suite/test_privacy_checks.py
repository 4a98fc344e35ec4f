"""Claims about the option `privacy` in a plan: what cannot be honoured is an error at its line, before any training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench_suite.components.discovery import builtin, find, load, make_options
from bench_suite.stats.renyi import least_epsilon
from bench_suite.suite.cell import is_network
from bench_suite.suite.document import SuiteError
from bench_suite.suite.packages import missing_packages
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

START = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'
CNN_ID = "05fcd590978aaa55"
"Identity of a cell of the suite `quickstart` before the option existed."
PRIVACY = "privacy = { epsilon = 3.0, delta = 1e-5 }\n"


@pytest.fixture
def errors(tmp_path):
    """Return the errors of the plan of a suite with this ending; empty if it has none."""

    def errors(end: str, start: str = START) -> list[str]:
        (tmp_path / "s.toml").write_text(start + end)
        try:
            make_plan(read_suite(str(tmp_path / "s.toml")))
        except SuiteError as error:
            return list(error.errors)
        return []

    return errors


def test_a_private_training_is_planned(errors):
    assert errors("[train]\n" + PRIVACY) == []
    assert errors("[train]\nprivacy = { epsilon = 3.0, delta = 1e-5, clipping_norm = 0.5 }\n") == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{ epsilon = 3.0 }", "needs delta"),
        ("{ delta = 1e-5 }", "needs epsilon"),
        ("{}", "needs epsilon and delta"),
        ("{ epsilon = 3.0, delta = 1e-5, clipping = 1.0 }", "no clipping, did you mean|no clipping"),
        ("{ epsilon = 0.0, delta = 1e-5 }", "epsilon = 0.0 must be above 0"),
        ("{ epsilon = -1.0, delta = 1e-5 }", "epsilon = -1.0 must be above 0"),
        ("{ epsilon = 3.0, delta = 0.0 }", "delta = 0.0 must be above 0"),
        ("{ epsilon = 3.0, delta = 1.5 }", "must be below 1"),
        ("{ epsilon = 3.0, delta = 1e-5, clipping_norm = 0.0 }", "clipping_norm = 0.0 must be above 0"),
        ("{ epsilon = 0.05, delta = 1e-5 }", f"none below {least_epsilon(1e-5):.3g}"),
    ],
)
def test_a_table_that_cannot_be_right_is_an_error_at_its_line(errors, table, message):
    (error,) = errors(f"[train]\nepochs = 3\nprivacy = {table}\n")
    assert "s.toml:8" in error
    assert any(part in error for part in message.split("|")), error


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("patience = 3", "patience ends the training"),
        ('target = { "quality/accuracy" = 0.9 }', "target ends the training"),
        ("gradient_clip = 1.0", "state clipping_norm"),
        ('sampler = "balanced"', "the same probability"),
        ('class_weights = "balanced"', "counts the labels"),
        ('augment = ["mixup"]', "two examples"),
        ('optimizer = "muon"', '"sgd" or "adamw"'),
    ],
)
def test_an_option_that_would_break_the_guarantee_is_an_error_at_its_line(errors, option, message):
    (error,) = errors(f"[train]\n{PRIVACY}{option}\n")
    assert "s.toml:8" in error
    assert message in error
    assert errors(f"[train]\n{option}\n") == []


def test_nothing_is_private_that_is_not_trained(errors):
    (error,) = errors(f"[train]\nepochs = 0\n{PRIVACY}")
    assert "trains nothing" in error


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("devices = 2", "one device"),
        ("compile = true", "compiled"),
        ('precision = "bf16-mixed"', "32 bits"),
        ('engine = "lightning"', "the engine lightning has no privacy"),
        ('engine = "hf"', "the engine hf has no privacy"),
    ],
)
def test_an_axis_that_a_private_training_does_not_honour_is_an_error(errors, axis, message):
    (error,) = errors(f"[train]\n{PRIVACY}[matrix]\n{axis}\n")
    assert message in error


def test_a_model_with_its_own_loss_is_an_error(errors, tmp_path):
    (tmp_path / "mine.py").write_text(
        'MODALITIES = ("image",)\nPROBLEMS = ("classification",)\nPROVIDES = ("gradients",)\n\n\n'
        "def build(data, options):\n    ...\n\n\ndef loss(outputs, targets):\n    ...\n"
    )
    (error,) = errors(f"[train]\n{PRIVACY}", START.replace('"mlp"', '"./mine.py"'))
    assert "has its own loss" in error


def test_an_estimator_that_would_not_be_private_is_an_error(errors):
    start = START.replace('"mlp"', '"logistic_regression"').replace('"digits"', '"breast_cancer"')
    (error,) = errors("[train]\n" + PRIVACY, start)
    assert "has no privacy" in error


def test_opacus_is_needed_by_a_private_training_only(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    for end, packages in (("", []), ("[train]\n" + PRIVACY, ["opacus"])):
        (tmp_path / "s.toml").write_text(START + end)
        missing = missing_packages(make_plan(read_suite(str(tmp_path / "s.toml"))))
        assert [package.package for package in missing] == packages
    assert missing[0].command == "pip install 'bench-suite[privacy]'"


def test_the_new_option_changes_no_identity_of_a_cell_without_it():
    cells = {cell.labels["model"]: cell for cell in make_plan(read_suite("quickstart")).cells if cell.seed == 0}
    assert cells["cnn"].id == CNN_ID
    assert cells["cnn"].options["train"]["privacy"] is None


def test_cells_of_other_guarantees_have_other_identities(tmp_path):
    ids = set()
    for privacy in ("", PRIVACY, PRIVACY.replace("3.0", "2.0"), PRIVACY.replace("1e-5", "1e-6")):
        (tmp_path / "s.toml").write_text(START + "[train]\n" + privacy)
        ids.add(make_plan(read_suite(str(tmp_path / "s.toml"))).cells[0].id)
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("model", "task", "layer"),
    [
        ("cnn", "digits", "BatchNorm2d"),
        ("resnet", "digits", "BatchNorm2d"),
        ("vgg", "fashion_mnist", "BatchNorm2d"),
        ("bag_of_words", "imdb", "EmbeddingBag"),
        ("lstm", "imdb", "LSTM"),
        ("transformer", "imdb", "MultiheadAttention"),
    ],
)
def test_a_model_whose_layers_rule_a_guarantee_out_is_an_error_at_its_line(errors, model, task, layer):
    start = START.replace('"mlp"', f'"{model}"').replace('"digits"', f'"{task}"')
    (error,) = errors(f"[train]\n{PRIVACY}", start)
    assert f"s.toml:7: train.privacy: {model} cannot be trained with privacy" in error
    assert f"no gradients of their own in {layer}" in error


def test_an_option_without_these_layers_is_proposed_and_permits_the_training(errors):
    start = START.replace('"mlp"', '"vgg"').replace('"digits"', '"fashion_mnist"')
    (error,) = errors(f"[train]\n{PRIVACY}", start)
    assert error.splitlines()[0].endswith('; write norm = "none"')
    assert errors(f"[train]\n{PRIVACY}", start.replace('"vgg"', '"vgg"\nnorm = "none"')) == []


SMALL = {"image": "mnist", "text": "planted_terms", "table": "planted_noise"}
"By modality: a task whose data are here, and whose images are large enough for each model."


@pytest.mark.parametrize(
    "name", [name for name in builtin("models") if is_network(find("models", name, Path())) and name != "auto"]
)
def test_a_model_states_layers_without_gradients_of_examples_exactly_if_it_has_some(name):
    pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")
    from bench_suite.data.sources import Sources
    from bench_suite.training.example_gradients import NotPrivate, check_module

    component = find("models", name, Path())
    for package in component.words("IMPORTS"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    task = find("tasks", SMALL[component.words("MODALITIES")[0]], Path())
    values = {"data": "sample"} if "data" in task.options and task.name == "mnist" else {}
    data = load(task).load(make_options(task, values), Sources(offline=True))
    model = load(component).build(data, make_options(component, {}))
    stated = component.facts.get("NO_EXAMPLE_GRADIENTS")
    if stated is None:
        check_module(model.module, name)
    else:
        layer = stated if isinstance(stated, str) else next(iter(stated["norm"].values()))
        with pytest.raises(NotPrivate, match=layer):
            check_module(model.module, name)
