"""The whole probe `attribution`: every number has its uncertainty or a reason, and inapplicable cells have a reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bench_suite.cli import plan
from bench_suite.components.discovery import find
from bench_suite.contracts import (
    Artifact,
    Batch,
    BenchError,
    Data,
    Evaluation,
    Metric,
    Network,
    Placement,
    Predictions,
    Source,
)  # fmt: skip
from bench_suite.data.encoded import encoded
from bench_suite.data.ragged import Ragged, padded
from bench_suite.data.splits import MemorySplit, column
from bench_suite.models import bag_of_words, cnn, mlp
from bench_suite.probes import attribution
from bench_suite.probes.attribution import artifacts as drawing
from bench_suite.probes.attribution import evaluation
from bench_suite.probes.attribution.evaluation import NOT_FINITE, TOO_FEW, UNKNOWN, MethodResults, MetricKey
from bench_suite.probes.attribution.methods import METHODS, MethodVariant
from bench_suite.problems import classification
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.tasks import planted_columns, planted_pixels
from bench_suite.training.prediction import predict

PLACE = Placement("cpu", 1, "32-true")
ALL = (
    *("integrated_gradients", "saliency", "input_x_gradient", "guided_backprop", "deep_lift", "gradient_shap"),
    *("grad_cam", "occlusion", "feature_ablation", "kernel_shap", "lime", "random"),
)
FEW = attribution.Options(methods=("saliency", "random"), examples=3, samples=1)


def cell(data: Data, model: Any, options: Any) -> Any:
    """Return the probe's input for a cell with initial weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = model.build(data, options)
    known = {name: encoded(network, split) for name, split in data.splits.items()}

    def predictions(split: str) -> Predictions:
        outputs = predict(network, classification, known[split], Evaluation(64, data.spec, None), PLACE)
        source = data.splits[split]
        return Predictions(split, source.ids, {"targets": column(source, "target"), **outputs})

    component = find("models", model.__name__.rpartition(".")[2], Path())
    return SimpleNamespace(
        network=network, data=data, placement=PLACE, encoded=known.get, predictions=predictions,
        provides=component.words("PROVIDES"),
    )  # fmt: skip


def pictures() -> Data:
    return planted_pixels.load(planted_pixels.Options(size=40), None)


def films() -> Data:
    rows = ["a good film", "a bad film", "good good actors", "a dull plot and bad actors"]
    split = MemorySplit(np.arange(4), {"text": rows, "target": np.array([1, 0, 1, 0])})
    source = Source("generated", "films", "0")
    return Data("classification", {"classes": ("bad", "good")}, {"train": split, "test": split}, source)


def measured(trained: Any, options: attribution.Options) -> tuple[list[Metric], list[Artifact]]:
    outputs = list(attribution.probe(trained, options))
    metrics = [output for output in outputs if isinstance(output, Metric)]
    for metric in metrics:
        assert metric.name in attribution.METRICS
        assert metric.interval or metric.samples or metric.reason, metric
        assert metric.value is None or np.isfinite(metric.value)
    keys = [(metric.name, tuple(metric.at.items())) for metric in metrics]
    assert len(set(keys)) == len(keys)
    return metrics, [output for output in outputs if isinstance(output, Artifact)]


def test_all_methods_measure_all_that_is_stated_on_planted_pixels() -> None:
    options = attribution.Options(
        methods=ALL, smoothed=("saliency",), examples=2, steps=4, coalitions=20, window=8, samples=1
    )
    metrics, artifacts = measured(cell(pictures(), cnn, cnn.Options(channels=(4, 8))), options)
    names = {*ALL, "smoothed saliency"}
    for metric in ("insertion_auc", "deletion_auc", "localisation_auroc", "pointing_game", "infidelity", "sensitivity"):
        assert {m.at["method"] for m in metrics if m.name == metric} == names
    assert {m.at["shuffled"] for m in metrics if m.name == "randomised_similarity"} == {"last layer", "all layers"}
    assert all(m.samples and m.value for m in metrics if m.name == "cost")
    assert not [m for m in metrics if m.name == "decoy_share"]  # there is no decoy
    claims = {m.at["method"] for m in metrics if m.name == "completeness_error"}
    assert claims == names - {"saliency", "guided_backprop", "grad_cam", "random", "smoothed saliency"}
    assert {a.kind for a in artifacts} == {"lines", "image", "examples"}
    assert {"deletion", "insertion", "right", "borderline"} <= {a.name for a in artifacts}


def test_a_borderline_example_names_both_classes_that_it_lies_between() -> None:
    trained = cell(pictures(), cnn, cnn.Options(channels=(4, 8)))
    _, artifacts = measured(trained, FEW)
    captions = {artifact.name: artifact.caption for artifact in artifacts}
    test = trained.predictions("test")
    scores, classes = np.asarray(test["scores"]), trained.data.spec["classes"]
    first, second = np.sort(scores, axis=1)[:, -1], np.sort(scores, axis=1)[:, -2]
    match = re.search(r"predicted (\S+) \(([\d.]+)\), then (\S+) \(([\d.]+)\)", captions["borderline"])
    assert match is not None
    likeliest = {(f"{a:.2f}", f"{b:.2f}") for a, b in zip(first, second)}
    assert (match[2], match[4]) in likeliest
    assert {match[1], match[3]} <= {str(name) for name in classes}
    assert match[1] != match[3]
    assert ", then " not in captions["right"]


def test_a_text_gets_a_page_of_words_and_their_weights() -> None:
    metrics, artifacts = measured(cell(films(), bag_of_words, bag_of_words.Options(buckets=256)), FEW)
    assert [m.reason for m in metrics if m.name == "localisation_auroc"] == [UNKNOWN]
    words = next(a for a in artifacts if a.kind == "text")
    assert all(isinstance(word, str) and -1 <= weight <= 1 for word, weight in words.data)
    assert {a.kind for a in artifacts} == {"lines", "image", "text", "examples"}


def test_a_table_gets_bars_with_the_values_of_its_columns() -> None:
    data = planted_columns.load(planted_columns.Options(size=40, decoy=1.0), None)
    metrics, artifacts = measured(cell(data, mlp, mlp.Options()), replace(FEW, methods=("grad_cam", "saliency")))
    bars = next(a for a in artifacts if a.kind == "bars" and a.name != "importance")
    assert any(name.startswith("signal 1 = ") for name in bars.data["bars"]) or len(bars.data["bars"]) == 12
    assert bars.data["y"] in {f"saliency, magnitude: for or against {name}" for name in ("no", "yes")}
    _, artifacts = measured(cell(data, mlp, mlp.Options()), replace(FEW, methods=("input_x_gradient",)))
    signed = next(a for a in artifacts if a.kind == "bars" and a.name != "importance")
    assert signed.data["y"] in {f"input x gradient: + for {name}, − against it" for name in ("no", "yes")}
    assert bars.data["signed"]
    assert signed.data["signed"]
    assert [m for m in metrics if m.name == "decoy_share"]
    (unfit,) = [m for m in metrics if m.at.get("method") == "grad_cam"]
    assert (unfit.value, unfit.reason) == (None, "grad_cam needs images and cannot explain a table")


def broken(monkeypatch: pytest.MonkeyPatch, name: str, from_call: int = 1) -> None:
    """Make that method raise from its `from_call`-th call on, as Captum does."""
    original, calls = METHODS[name].make, iter(range(1, 1_000_000))

    def make(subject: Any, inputs: Any, settings: Any) -> Any:
        if next(calls) >= from_call:
            raise ValueError("Expected parameter probs\nto be more")
        return original(subject, inputs, settings)

    monkeypatch.setitem(METHODS, name, replace(METHODS[name], make=make))


def test_a_method_that_fails_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "saliency")
    metrics, artifacts = measured(cell(pictures(), mlp, mlp.Options()), FEW)
    (failed,) = [m for m in metrics if m.at.get("method") == "saliency"]
    reason = "the method failed: ValueError: Expected parameter probs"
    assert (failed.name, failed.value, failed.reason) == ("insertion_auc", None, reason)
    assert {"insertion_auc", "infidelity", "cost"} <= {m.name for m in metrics if m.at.get("method") == "random"}
    assert {"right", "borderline"} & {a.name for a in artifacts}


def test_a_method_that_fails_on_an_example_that_is_drawn_is_missing_there_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = replace(FEW, methods=("saliency", "input_x_gradient"), samples=1)
    drawn = drawing.examples
    monkeypatch.setattr(drawing, "examples", lambda *arguments: (broken(monkeypatch, "saliency"), drawn(*arguments))[1])
    metrics, artifacts = measured(cell(pictures(), mlp, mlp.Options()), options)
    assert [m for m in metrics if m.at.get("method") == "saliency" and m.value is not None]
    captions = [a.caption for a in artifacts if a.kind == "image"]
    assert captions
    assert all("without saliency (the method failed: ValueError: Expected" in caption for caption in captions)


def test_kernel_shap_of_one_part_has_a_reason_and_the_other_methods_their_numbers() -> None:
    options = replace(FEW, methods=("saliency", "kernel_shap"), smoothed=("kernel_shap",), patch=16)
    metrics, _ = measured(cell(pictures(), mlp, mlp.Options()), options)
    reasons = {str(m.at["method"]): m.reason for m in metrics if "kernel_shap" in str(m.at.get("method"))}
    assert reasons == dict.fromkeys(
        ("kernel_shap", "smoothed kernel_shap"),
        "kernel_shap compares parts, and patch = 16 makes the whole image one part",
    )
    assert [m for m in metrics if m.name == "cost" and m.at["method"] == "saliency" and m.value]


def test_texts_of_one_word_or_none_are_measured_by_every_method_that_fits_texts() -> None:
    target = np.array([0, 1, 0, 1])
    split = MemorySplit(np.arange(4), {"text": ["", "good", "bad", "a good film"], "target": target})
    source = Source("generated", "films", "0")
    data = Data("classification", {"classes": ("bad", "good")}, {"train": split, "test": split}, source)
    names = tuple(name for name in ALL if name not in ("grad_cam", "occlusion", "guided_backprop", "deep_lift"))
    options = replace(FEW, methods=names, smoothed=("kernel_shap",), coalitions=10, steps=4)
    metrics, _ = measured(cell(data, bag_of_words, bag_of_words.Options(buckets=256)), options)
    assert {m.at["method"] for m in metrics if m.name == "insertion_auc" and m.value is not None} == {
        *names, "smoothed kernel_shap",
    }  # fmt: skip


def test_too_few_coalitions_stand_beside_the_numbers_they_made() -> None:
    data = planted_columns.load(planted_columns.Options(size=40), None)
    options = replace(FEW, methods=("saliency", "kernel_shap", "lime"), coalitions=2, shown=0)
    metrics, _ = measured(cell(data, mlp, mlp.Options()), options)
    noted = [m for m in metrics if m.name != "cost" and m.at.get("method") in ("kernel_shap", "lime")]
    assert {m.name for m in noted} > {"insertion_auc", "completeness_error", "infidelity", "sensitivity"}
    assert all(f"{TOO_FEW} (3 of 3 examples)" in str(m.reason) for m in noted)
    assert not [m for m in metrics if m.at.get("method") == "saliency" and TOO_FEW in str(m.reason)]
    metrics, _ = measured(cell(data, mlp, mlp.Options()), replace(options, coalitions=200))
    assert not [m for m in metrics if TOO_FEW in str(m.reason)]


def test_a_mean_over_some_of_the_examples_says_how_many_had_no_value() -> None:
    results = MethodResults(
        values={MetricKey("randomised_similarity", "last layer"): [np.array([0.5, np.nan]), np.array([0.7, np.nan])]}
    )
    results.underdetermined, results.cost = [np.zeros(4, dtype=bool)], [1.0]
    (metric,) = [
        m
        for m in evaluation.summary_metrics({MethodVariant("saliency"): results}, known=True)
        if m.name == "randomised_similarity"
    ]
    assert (metric.value, metric.n) == (0.6, 2)
    assert metric.interval is not None
    assert str(metric.reason).startswith("undefined for 2 of 4 examples: the attribution, or that of the shuffled")


def test_the_second_of_a_kind_is_called_the_second() -> None:
    _, artifacts = measured(cell(pictures(), mlp, mlp.Options()), replace(FEW, shown=3))
    captions = {a.name: a.caption for a in artifacts}
    assert captions["borderline"].startswith(
        "The example with the smallest difference between its two likeliest classes:"
    )
    assert captions["borderline-2"].startswith(
        "The example with the second smallest difference between its two likeliest classes:"
    )
    assert captions["wrong"].startswith("The most confident of the examples that are wrong:")
    assert captions["wrong-2"].startswith("The second most confident of the examples that are wrong:")
    assert captions["wrong-3"].startswith("The third most confident of the examples that are wrong:")
    assert len(drawing.RANKS) == attribution.BOUNDS["shown"][1]


def test_a_suite_without_any_method_is_refused() -> None:
    with pytest.raises(ValueError, match="methods and smoothed are both empty"):
        attribution.check(attribution.Options(methods=()))
    attribution.check(attribution.Options(methods=(), smoothed=("saliency",)))


def test_bench_run_refuses_a_suite_without_any_method_before_anything_is_trained(tmp_path: Path) -> None:
    suite = tmp_path / "none.toml"
    text = '[[tasks]]\nuse = "planted_pixels"\n[[models]]\nuse = "mlp"\n[probes.attribution]\nmethods = []\n'
    suite.write_text(text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "bench_suite", "run", suite.name],
        cwd=tmp_path, text=True, capture_output=True,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "methods and smoothed are both empty" in ran.stderr
    assert not (tmp_path / "results").exists()


def test_of_one_example_there_are_values_and_no_intervals() -> None:
    metrics, _ = measured(cell(pictures(), mlp, mlp.Options()), replace(FEW, examples=1, shown=0))
    assert {m.reason for m in metrics if m.value is not None and not m.samples} == {"one example"}


def test_a_network_whose_logits_are_nan_has_reasons_and_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = cell(pictures(), mlp, mlp.Options())
    with torch.no_grad():
        trained.network.module.layers[0].weight.fill_(float("nan"))
    monkeypatch.setattr(drawing, "examples", lambda *arguments: pytest.fail("nothing is to be drawn"))
    metrics, artifacts = measured(trained, FEW)
    assert {m.reason for m in metrics if m.at} == {NOT_FINITE}
    assert not [m for m in metrics if m.value is not None]
    assert not artifacts


def test_predictions_that_cannot_be_used_leave_the_reason_of_the_network_itself() -> None:
    trained = cell(pictures(), mlp, mlp.Options())
    with torch.no_grad():
        trained.network.module.layers[0].weight.fill_(float("nan"))

    def refused(split: str) -> Predictions:
        raise BenchError("mlp, test: 8 scores are not finite numbers")

    trained.predictions = refused
    metrics, _ = measured(trained, FEW)
    assert {m.reason for m in metrics if m.at} == {NOT_FINITE}


def test_a_constant_network_has_reasons_where_a_number_would_be_a_division_by_zero() -> None:
    trained = cell(pictures(), mlp, mlp.Options())
    with torch.no_grad():
        for weight in trained.network.module.parameters():
            weight.zero_()
    metrics, _ = measured(trained, replace(FEW, methods=("integrated_gradients", "saliency")))
    by_name = {m.name: m for m in metrics if m.at.get("method") == "integrated_gradients"}
    for name in ("completeness_error", "infidelity"):
        assert by_name[name].value is None
        assert "the same for every input" in str(by_name[name].reason)
    assert by_name["randomised_similarity"].value is None


def test_a_text_model_without_vectors_of_tokens_says_so() -> None:
    trained = cell(films(), bag_of_words, bag_of_words.Options(buckets=256))

    def none() -> None:
        raise BenchError("freeze = true computes features once, so no gradient reaches the tokens: set freeze = false")

    trained.network.module.get_input_embeddings = none
    (metric,), artifacts = measured(trained, FEW)
    assert "no gradient reaches the tokens" in str(metric.reason)
    assert not artifacts


def of_mlp(wrap: Any = None, **instead: Any) -> Any:
    """Return a cell of images and `mlp`; `wrap` wraps its module, `instead` replaces its `encode` or `collate`."""

    def build(data: Any, options: Any) -> Any:
        return replace_all(mlp.build(data, options), wrap, instead)

    return cell(pictures(), SimpleNamespace(__name__="models.mlp", build=build), mlp.Options())


def replace_all(network: Any, wrap: Any, instead: dict[str, Any]) -> Any:
    return replace(network, module=wrap(network.module) if wrap else network.module, **instead)


class Renamed(torch.nn.Module):
    """A module that takes another argument name, a second input, or channels first."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any = None, image: Any = None, mask: Any = None) -> torch.Tensor:
        values = x if image is None else image
        return self.network(image=values if values.shape[-1] == 1 else values.permute(0, 2, 3, 1))


@pytest.mark.parametrize(
    "encode",
    [
        lambda raw: {"x": raw["image"]},
        lambda raw: {"image": raw["image"], "mask": raw["image"]},
        lambda raw: {"image": raw["image"].transpose(0, 3, 1, 2)},
    ],
    ids=["another name", "two inputs", "channels first"],
)
def test_inputs_that_cannot_be_explained_are_a_reason_in_the_place_of_the_numbers(encode: Any) -> None:
    (metric,), artifacts = measured(of_mlp(Renamed, encode=encode), FEW)
    assert (metric.name, metric.value, metric.at) == ("insertion_auc", None, {})
    assert str(metric.reason).startswith("attribution needs one input, image (16, 16, 1), as in the task; this")
    assert not artifacts


def test_a_network_that_takes_bytes_only_is_a_reason() -> None:
    class Bytes(Renamed):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network(image=image & 255)

    (metric,), _ = measured(of_mlp(Bytes), FEW)
    assert str(metric.reason).startswith(
        "attribution needs a network that takes numbers with gradients; this one failed"
    )


def test_examples_that_cannot_be_explained_beside_others_are_a_reason() -> None:
    trained = cell(pictures(), mlp, mlp.Options())
    task = evaluation.ExplainedModel.of(trained, "mean")

    def inputs(task: evaluation.ExplainedModel, rows: np.ndarray) -> Any:
        raise BenchError("attribution needs a network that ignores padding")

    failing = type("Failing", (evaluation.ExplainedModel,), {"inputs": inputs})(
        task.trained, task.network, task.subject, False
    )
    settings = evaluation.Settings(rows=4)
    results = evaluation.measure_methods(
        failing, [MethodVariant("saliency"), MethodVariant("random")], [np.arange(2)], settings, 1
    )
    reasons = {m.at["method"]: m.reason for m in evaluation.summary_metrics(results, known=True)}
    assert reasons == dict.fromkeys(("saliency", "random"), "attribution needs a network that ignores padding")


def test_the_explained_class_is_the_one_that_the_stored_predictions_and_the_title_name() -> None:
    trained = cell(pictures(), mlp, mlp.Options())
    plain = trained.predictions("test")
    # As in another precision: the two most likely classes change places.
    scores = np.asarray(plain["scores"]).copy()
    order = np.argsort(-scores, axis=1)
    rows = np.arange(len(scores))
    first, second = scores[rows, order[:, 0]].copy(), scores[rows, order[:, 1]].copy()
    scores[rows, order[:, 0]], scores[rows, order[:, 1]] = second, first
    swapped = {**plain.columns, "predictions": order[:, 1], "scores": scores}
    trained.predictions = lambda split: replace(plain, columns=swapped)
    task = evaluation.ExplainedModel.of(trained, "mean")
    subject, inputs = task.inputs(rows)
    assert inputs.target.tolist() == order[:, 1].tolist()
    assert subject.logits(inputs).argmax(dim=1).tolist() == order[:, 0].tolist()
    _, artifacts = measured(trained, FEW)
    named = [re.search(r"predicted (\S+) ", a.caption) for a in artifacts if a.kind == "image"]
    classes = trained.data.spec["classes"]
    assert named
    assert {str(match and match[1]) for match in named} <= {str(classes[number]) for number in order[:, 1]}
    curve = next(a for a in artifacts if a.name == "deletion").data["series"]["random"]
    selected_rows = attribution.spread_rows(trained.data.splits["test"], FEW.examples)
    assert curve[0][1] == pytest.approx(float(np.mean(second[selected_rows])), abs=1e-4)


def test_texts_of_which_only_tokens_are_given_end_where_encode_ended_them() -> None:
    class Means(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(8, 4)
            self.head = torch.nn.Linear(4, 2)

        def get_input_embeddings(self) -> torch.nn.Module:
            return self.embedding

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            words = (tokens != 0)[..., None]
            return self.head((self.embedding(tokens) * words).sum(1) / words.sum(1))

    def encode(raw: Any) -> Any:
        return {"tokens": Ragged.from_lists([[len(word) for word in text.split()] for text in raw["text"]], np.int64)}

    def build(data: Data, options: Any) -> Network:
        return Network(Means(), encode, lambda columns: Batch({"tokens": padded(columns["tokens"])[0]}, None))

    trained = cell(films(), SimpleNamespace(__name__="models.text_cnn", build=build), None)
    _, inputs = evaluation.ExplainedModel.of(trained, "mean").inputs(np.arange(4))
    assert inputs.valid.sum(dim=1).tolist() == [3, 3, 3, 6]
    metrics, _ = measured(trained, FEW)
    assert [m for m in metrics if m.name == "insertion_auc" and m.at["method"] == "saliency" and m.value is not None]


def test_without_a_last_layer_its_similarity_has_a_reason_and_that_of_all_layers_a_number() -> None:
    class Plain(Renamed):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            layers = self.network.layers
            values = self.network.scale(image).flatten(1)
            values = torch.relu(values @ layers[0].weight.T + layers[0].bias)
            return values @ layers[2].weight.T + layers[2].bias

    metrics, _ = measured(of_mlp(Plain), FEW)
    similarities = {
        m.at["shuffled"]: m for m in metrics if m.name == "randomised_similarity" and m.at["method"] == "saliency"
    }
    assert (similarities["last layer"].value, similarities["last layer"].reason) == (None, evaluation.NO_LAYER)
    assert similarities["all layers"].value is not None


def test_without_captum_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(BenchError, match=r"pip install 'bench-suite\[attribution\]'"):
        list(attribution.probe(cell(pictures(), mlp, mlp.Options()), FEW))


def test_the_trained_network_is_left_as_it_was() -> None:
    trained = cell(pictures(), cnn, cnn.Options(channels=(4, 8)))
    before = {name: value.clone() for name, value in trained.network.module.state_dict().items()}
    measured(trained, FEW)
    after = trained.network.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(weight.requires_grad for weight in trained.network.module.parameters())


def test_the_plan_says_which_method_does_not_fit_which_model(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        """
[[tasks]]
use = "planted_pixels"
[[models]]
use = "mlp"
[[models]]
use = "cnn"
[[models]]
use = "vit"
[[models]]
use = "logistic_regression"
[probes.attribution]
[probes.maps]
use = "attribution"
methods = ["grad_cam"]
[probes.rectified]
use = "attribution"
methods = ["deep_lift"]
smoothed = ["guided_backprop"]
""",
        encoding="utf-8",
    )
    why = {cell.model.label: dict(cell.probes) for cell in make_plan(read_suite(str(suite))).cells}
    assert why["cnn"] == {"attribution": None, "maps": None, "rectified": None}
    assert why["mlp"] == {"attribution": None, "maps": "needs convolutions", "rectified": None}
    assert why["vit"]["rectified"] == "needs rectifiers"
    assert why["vit"]["attribution"] is None
    assert "gradients" in str(why["logistic_regression"]["attribution"])


MIXED = """
[[tasks]]
use = "planted_pixels"
size = 40
[[tasks]]
use = "planted_columns"
size = 40
[[models]]
use = "mlp"
[[models]]
use = "cnn"
[[models]]
use = "vit"
hidden = 16
layers = 1
heads = 2
[train]
epochs = 1
[matrix]
threads = 1
[probes.attribution]
methods = ["grad_cam", "deep_lift", "occlusion", "saliency"]
smoothed = ["occlusion"]
examples = 2
samples = 1
shown = 0
"""


@pytest.mark.slow
def test_a_method_that_does_not_fit_costs_only_itself_and_the_plan_says_which_and_why(tmp_path: Path) -> None:
    suite = tmp_path / "mixed.toml"
    suite.write_text(MIXED, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "bench_suite", "run", suite.name, "--json"],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (run,) = (tmp_path / "results").iterdir()
    records = {record.id: record for record in Store(run.parent).open(run.name).records()}
    for cell in make_plan(read_suite(str(suite))).cells:
        assert cell.probes["attribution"] is None
        unfit = cell.unfit["attribution"]
        unfit_methods = {*unfit.get("methods", ()), *(f"smoothed {name}" for name in unfit.get("smoothed", ()))}
        expected = {"mlp": {"grad_cam"}, "cnn": set(), "vit": {"grad_cam", "deep_lift"}}[cell.model.label]
        expected |= {"occlusion", "smoothed occlusion"} if cell.task.label == "planted_columns" else set()
        assert unfit_methods == expected
        rows = [row for row in records[cell.id].metrics if row.name == "attribution/insertion_auc"]
        assert {row.at["method"] for row in rows if row.value is None and "needs" in str(row.reason)} == expected
        every = {"grad_cam", "deep_lift", "occlusion", "saliency", "smoothed occlusion"}
        assert {row.at["method"] for row in rows if row.value is not None} == every - expected


def test_bench_plan_names_the_methods_that_do_not_fit(tmp_path: Path) -> None:
    suite = tmp_path / "mixed.toml"
    suite.write_text(MIXED, encoding="utf-8")
    lines = CliRunner().invoke(plan.command, [str(suite)], catch_exceptions=False).output.splitlines()
    assert lines[lines.index("not applicable:") + 1 :][:3] == [
        "  attribution, methods grad_cam: "
        "needs convolutions (planted_pixels/mlp, planted_pixels/vit, planted_columns/mlp)",
        "  attribution, methods deep_lift: needs rectifiers (planted_pixels/vit)",
        "  attribution, methods occlusion: needs images (planted_columns/mlp)",
    ]
    document = json.loads(CliRunner().invoke(plan.command, [str(suite), "--json"], catch_exceptions=False).output)
    unfit = {
        (entry["cell"]["task"], entry["cell"]["model"]): entry["probes"]["attribution"]["unfit"]
        for entry in document["cells"]
    }
    assert unfit["planted_pixels", "cnn"] == {}
    assert unfit["planted_pixels", "mlp"] == {"methods": {"grad_cam": "needs convolutions"}}


def test_occlusion_of_tables_alone_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    suite = tmp_path / "tables.toml"
    text = '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.attribution]\n'
    suite.write_text(text + 'methods = ["occlusion"]\n', encoding="utf-8")
    with pytest.raises(SuiteError, match="applies to no cell of this suite: needs images"):
        make_plan(read_suite(str(suite)))
    suite.write_text(text + 'methods = ["saliency"]\nsmoothed = ["occlusion"]\n', encoding="utf-8")
    with pytest.raises(SuiteError, match='smoothed: "occlusion" applies to no cell of this suite: needs images'):
        make_plan(read_suite(str(suite)))
