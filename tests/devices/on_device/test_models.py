"""Claims about models on an accelerator: each trains, is evaluated and probed there, with the processor's numbers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import tomli_w

import bench_suite
from bench_suite.components import discovery
from bench_suite.store.formats import weights_from_bytes
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.training import optimisers

TINY = {"max_length": 16, "layers": 1, "dimension": 16, "feedforward": 32, "vocabulary": 800}
OF_TEXT = "imdb"
CONFIG = {"model_type": "distilbert", "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "vocab_size": 800}
NETWORKS = {
    "auto": (OF_TEXT, {"config": CONFIG, "max_length": 16}),
    "bag_of_words": (OF_TEXT, {"buckets": 512}),
    "bert": (OF_TEXT, TINY),
    "cnn": ("mnist", {}),
    "gpt2": (OF_TEXT, TINY),
    "lstm": (OF_TEXT, {"max_length": 12, "dimension": 8, "hidden": 8}),
    "mlp": ("loans", {"hidden": [16]}),
    "planted_sleep": ("planted_columns", {}),
    "planted_matmul": ("planted_columns", {}),
    "planted_unstable": ("planted_columns", {}),
    "resnet": ("mnist", {}),
    "text_cnn": (OF_TEXT, {"max_length": 16}),
    "timm": ("mnist", {}),
    "torchvision": ("mnist", {}),
    "transformer": (OF_TEXT, {"max_length": 16}),
    "vgg": ("mnist", {"width": 0.125}),
    "vit": ("mnist", {"hidden": 48, "layers": 2}),
}  # fmt: skip
"By model: a task that it solves, and options that make it small."
ESTIMATORS = ("gradient_boosting", "logistic_regression", "planted_memory", "planted_rule", "planted_words")
"Models that fit themselves, on the processor: they have no network to move."
NEEDY = ("attribution", "target")
"Probes that need what planted models lack."
ALL_METHODS = ("bert", "cnn", "mlp")
"Models of one modality each, explained by all default methods of the probe attribution; others have one method."
EXPLAINED = (*ALL_METHODS, "lstm")
"Models that the simulation explains too; it has the processor's kernels, so it explains the others in a slow test."
PROBES = ("quality", "throughput", "compute", "generalization", "fairness", "attribution", "target")


def test_every_shipped_model_is_in_the_table():
    assert {*NETWORKS, *ESTIMATORS} == set(discovery.builtin("models"))


def run(folder: Path, device: str, model: str, *, train=None, matrix=None, probes=PROBES, settings=None, **options):
    task, small = NETWORKS[model]
    data = {} if task.startswith("planted") else {"data": "sample"}
    suite = {
        "tasks": [{"use": task, **data}],
        "models": [{"use": model, **small, **options}],
        "train": {"epochs": 2, "batch_size": 16, "target": {"quality/accuracy": 0.99}, **(train or {})},
        "matrix": {"device": ["cpu", device], "threads": 1, **(matrix or {})},
        "probes": {
            probe: dict(settings or {}) for probe in probes if not (task.startswith("planted") and probe in NEEDY)
        },
    }
    if "attribution" in suite["probes"] and model not in ALL_METHODS:
        suite["probes"]["attribution"] = {"methods": ["integrated_gradients"]}
    (folder / "s.toml").write_text(tomli_w.dumps(suite))
    done = bench_suite.run(folder / "s.toml", results=folder / "results", smoke=True, offline=True)
    for record in done.records:
        assert record.status == "ok", record.reason
        failed = {label: row.reason for label, row in record.probes.items() if row.status == "failed"}
        assert failed == {}
    return done


def history(folder, done, record):
    """Return the history of the training that a cell's weights are stored with."""
    plan = make_plan(read_suite(str(folder / "s.toml")))
    (unit,) = (cell.unit for cell in plan.cells if cell.id == record.id)
    return weights_from_bytes((done.run.path / "weights" / f"{unit}.safetensors").read_bytes())[2]


def tolerance(device, model):
    """Return how far numbers may differ: by another order of sums, and on a real device by other kernels."""
    return 1e-2 if device != "sim" else 1e-5 if model == "lstm" else 1e-6


@pytest.mark.parametrize("model", NETWORKS)
def test_a_model_has_the_losses_and_metrics_of_the_processor(model, device, tmp_path, monkeypatch):
    if model in ("timm", "torchvision") and find_spec(model) is None:
        pytest.skip(f"{model} is not installed")
    # Both devices step by the same formula: fused kernels, which some devices lack, round differently.
    monkeypatch.setattr(optimisers, "_fused", lambda placement: False)
    probes = [probe for probe in PROBES if probe != "attribution" or device != "sim" or model in EXPLAINED]
    done = run(tmp_path, device, model, probes=probes)
    here, there = done.records
    assert [record.options["placement"]["device"] for record in done.records] == ["cpu", device]
    close = tolerance(device, model)
    expected, actual = (history(tmp_path, done, record) for record in done.records)
    assert len(actual.epochs) == len(expected.epochs) > 0
    for row, other in zip(expected.epochs, actual.epochs):
        assert other == pytest.approx(row, rel=close, abs=close, nan_ok=True)
    assert {label for label, row in there.probes.items() if row.status == "ok"} == {
        label for label, row in here.probes.items() if row.status == "ok"
    }
    compare_metrics(here, there, device, model)


def compare_metrics(here, there, device, model):
    """Check that the record of the device has the metrics of the processor's record, and its values."""
    expected, actual = metrics(here), metrics(there)
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        # An LSTM of the processor is one operator, whose formula counts a gradient that cells, one by one, do without.
        close = 0.03 if (model, key[0]) == ("lstm", "compute/training_flops") else 100 * tolerance(device, model)
        assert value is None or actual[key] == pytest.approx(value, rel=close, abs=close), key


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [name for name, (task, _) in NETWORKS.items() if name not in EXPLAINED and not task.startswith("planted")]
)
def test_a_model_is_explained_as_on_the_processor(model, device, tmp_path, monkeypatch):
    if model in ("timm", "torchvision") and find_spec(model) is None:
        pytest.skip(f"{model} is not installed")
    monkeypatch.setattr(optimisers, "_fused", lambda placement: False)
    here, there = run(tmp_path, device, model, probes=("attribution",)).records
    assert any(key[0].startswith("attribution/") for key in metrics(there))
    compare_metrics(here, there, device, model)


@pytest.mark.parametrize("model", ["mlp", "cnn", "bert", "gpt2"])
def test_a_model_in_bfloat16_has_the_losses_of_the_processor(model, device, tmp_path, monkeypatch):
    """Which operators compute in bfloat16 depends on the kind of device, so numbers agree to its 8 bits only."""
    monkeypatch.setattr(optimisers, "_fused", lambda placement: False)
    done = run(tmp_path, device, model, matrix={"precision": "bf16-mixed"}, probes=("quality", "throughput"))
    expected, actual = (history(tmp_path, done, record) for record in done.records)
    assert [record.options["placement"]["precision"] for record in done.records] == ["bf16-mixed"] * 2
    for row, other in zip(expected.epochs, actual.epochs, strict=True):
        assert other["loss"] == pytest.approx(row["loss"], rel=0.03)
    rows = {row.name: row.value for row in done.records[1].metrics}
    assert rows["throughput/train"] > 0


def metrics(record):
    """Return the metrics that depend on the numbers of a cell, and not on its speed or on the noise of a clock."""
    rows = (row for row in record.metrics if not (row.name.startswith("throughput/") or row.timing))
    return {
        (row.name, *sorted(row.at.items()), row.value is None and row.reason): row.value
        for row in rows
        if row.name != "attribution/cost"
    }


@pytest.mark.parametrize("model", ["bert", "cnn", "lstm", "mlp", "resnet"])
def test_batch_sizes_are_searched_on_the_device_and_the_network_stays_as_it_is(model, device, tmp_path):
    done = run(tmp_path, device, model, probes=("batch_size", "quality"))
    here, there = done.records
    assert there.probes["batch_size"].unrestored is None
    names = [{row.name for row in record.metrics if row.value is not None} for record in (here, there)]
    assert names[0] == names[1] >= {"batch_size/train", "batch_size/inference", "batch_size/train_memory"}
    assert ("batch_size/train_tokens" in names[1]) == (NETWORKS[model][0] == OF_TEXT)
    memory = next(row for row in there.metrics if row.name == "batch_size/train_memory")
    assert 0 < memory.value < next(row for row in here.metrics if row.name == "batch_size/train_memory").value
    assert metrics(there).keys() >= {key for key in metrics(here) if key[0].startswith("quality/")}


@pytest.mark.parametrize(("model", "probes"), [("bert", ("ood", "stability")), ("cnn", ("stability",))])
def test_outputs_and_repeated_passes_on_the_device_are_those_of_the_processor(model, probes, device, tmp_path):
    done = run(tmp_path, device, model, train={"epochs": 1}, probes=("quality", *probes))
    here, there = (
        {(row.name, *sorted(row.at.items())): row for row in record.metrics if row.name.split("/")[0] in probes}
        for record in done.records
    )
    assert here.keys() == there.keys()
    for key, row in there.items():
        assert row.value is not None, (key, row.reason)
        if key[0] in ("stability/changed_predictions", "stability/changed_outputs"):
            assert row.value == 0.0, key
    if "ood" in probes:
        assert sum(key[0] == "ood/auroc" for key in there) == 4


LEFT_ON_THE_HOST = """
import torch
from torch import nn
from bench_suite.contracts import Network
from bench_suite.data.encoded import stack

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(2)
        self.shift = torch.ones(2)  # not a buffer, so it does not move

    def forward(self, table):
        return self.layer(torch.nan_to_num(table).float()) + self.shift


def build(data, options):
    return Network(Model(), encode=lambda raw: {"table": raw["table"]}, collate=stack)
"""


def test_a_tensor_left_on_the_host_is_an_error_of_its_cell(device, tmp_path):
    (tmp_path / "model.py").write_text(LEFT_ON_THE_HOST)
    suite = {
        "tasks": [{"use": "planted_columns"}],
        "models": [{"use": "./model.py"}],
        "matrix": {"device": ["cpu", device], "threads": 1},
        "probes": {"quality": {}},
    }
    (tmp_path / "s.toml").write_text(tomli_w.dumps(suite))
    done = bench_suite.run(tmp_path / "s.toml", results=tmp_path / "results", smoke=True, offline=True, trust=True)
    here, there = done.records
    assert here.status == "ok", here.reason
    assert there.status == "failed"
    assert "same device" in there.reason


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_corruptions_and_attacks_have_the_same_effect_on_the_device(model, device, tmp_path, monkeypatch):
    monkeypatch.setattr(optimisers, "_fused", lambda placement: False)
    settings = {"radii": [0.1], "severities": [3], "resamples": 100}
    done = run(tmp_path, device, model, probes=("robustness",), settings=settings)
    here, there = ({(row.name, *row.at.values()): row.value for row in one.metrics} for one in done.records)
    assert here.keys() == there.keys()
    assert {"fgsm", "pgd", "square"} <= {part for key in here for part in key[1:]}
    for key, value in here.items():
        assert value is None or there[key] == pytest.approx(value, abs=0.15 if device != "sim" else 1e-6), key
