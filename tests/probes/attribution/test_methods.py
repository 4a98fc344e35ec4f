"""Captum's methods on each family of networks: against Captum's own layer methods and gradients by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.components.discovery import find
from bench_suite.contracts import Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.attribution.adapters import Inputs, Subject, TableAdapter, explanation_mode
from bench_suite.probes.attribution.batch_size import CPU_MAX, bytes_of_one, rows_at_once
from bench_suite.probes.attribution.groups import groups_of
from bench_suite.probes.attribution.methods import (
    FITTED,
    METHODS,
    MethodVariant,
    Settings,
    attribute,
    inapplicable_reason,
    is_underdetermined,
    parts_of,
)  # fmt: skip
from bench_suite.tasks import planted_columns, planted_pixels

WORDS = ["good", "bad", "film", "plot", "actor", "dull", "bright", "slow", "warm", "cold", "never", "always"]


def texts(examples: int = 24) -> Data:
    """Return reviews of 2 to 12 words; positive ones contain the word good."""
    random = np.random.default_rng(0)
    target = np.arange(examples) % 2
    chosen = [random.choice(WORDS[2:], random.integers(1, 12)).tolist() for _ in range(examples)]
    rows = [" ".join([*words, WORDS[0] if good else WORDS[1]]) for words, good in zip(chosen, target)]
    split = MemorySplit(np.arange(examples), {"text": rows, "target": target})
    return Data(
        "classification",
        {"classes": ("bad", "good")},
        {"train": split, "test": split},
        Source("generated", "films", "0"),
    )


def pictures(**options: Any) -> Data:
    return planted_pixels.load(planted_pixels.Options(size=40, **options), None)


def columns() -> Data:
    return planted_columns.load(planted_columns.Options(size=200), None)


READERS = {
    "bag_of_words": {"buckets": 512},
    "text_cnn": {"dimension": 8, "filters": 8},
    "lstm": {"dimension": 8, "hidden": 8, "bidirectional": True},
    "transformer": {"dimension": 8, "feedforward": 16},
    "bert": {"layers": 1, "dimension": 16, "heads": 2, "feedforward": 16, "vocabulary": 300, "max_length": 32},
    "gpt2": {"layers": 1, "dimension": 16, "heads": 2, "vocabulary": 300, "max_length": 32},
}
LOOKERS = {
    "mlp": {"hidden": (16,)},
    "cnn": {"channels": (4, 8)},
    "resnet": {"width": 0.25},
    "vgg": {"width": 0.0625},
    "vit": {"hidden": 16, "layers": 1, "heads": 2},
}
DRAWING = ("random", "gradient_shap", "kernel_shap", "lime")
"Methods that draw, so that each copy of an input has another answer."
SMOOTHABLE = [name for name in METHODS if name != "random"]
SETTINGS = Settings(rows=64, steps=64, coalitions=40, copies=2)


def logits_of(subject: Subject, inputs: Inputs) -> torch.Tensor:
    return subject.logits(inputs).gather(1, inputs.target[:, None])[:, 0]


def explain_parts(method: str, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    """Return attributions (k, parts) of a method that is not smoothed."""
    variant = MethodVariant(method)
    return parts_of(variant, subject, attribute(variant, subject, inputs, settings))


def whole_change(subject: Subject, inputs: Inputs) -> torch.Tensor:
    return logits_of(subject, inputs) - logits_of(subject, subject.without(inputs, inputs.valid))


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", READERS)
def test_a_text_is_explained_by_vectors_that_give_the_logits_of_its_tokens(
    model: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    taught = untaught(texts(), model, READERS[model])
    subject, inputs = explained(taught, 6)
    batch = taught.encoded("test").batch(taught.network, torch.arange(6))
    with torch.no_grad():
        expected = taught.network.module(**batch.inputs)
    torch.testing.assert_close(subject.logits(inputs), expected, rtol=1e-4, atol=1e-5)
    parts = explain_parts("integrated_gradients", subject, inputs, SETTINGS)
    assert parts.shape == inputs.valid.shape
    assert not parts[~inputs.valid].any()
    change = whole_change(subject, inputs)
    torch.testing.assert_close(parts.sum(dim=1), change, rtol=0.05, atol=0.05 * float(change.abs().mean()))


@pytest.mark.parametrize("model", ["text_cnn", "lstm", "transformer", "bert"])
def test_integrated_gradients_of_a_text_are_captums_layer_integrated_gradients(
    model: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    from captum.attr import LayerIntegratedGradients

    taught = untaught(texts(), model, READERS[model])
    subject, inputs = explained(taught, 1)  # a single text has no padding, so a baseline of padding tokens works
    module: Any = taught.network.module
    embedding = module.get_input_embeddings()
    with torch.no_grad():
        embedding.weight[0] = 0.0  # the padding vector is the reference
    subject, inputs = explained(taught, 1)
    tokens, lengths = inputs.context
    oracle = LayerIntegratedGradients(lambda tokens, lengths: module(tokens=tokens, lengths=lengths), embedding)
    expected = oracle.attribute(
        tokens, baselines=torch.zeros_like(tokens), additional_forward_args=(lengths,), target=inputs.target, n_steps=64
    )
    attributions = attribute(MethodVariant("integrated_gradients"), subject, inputs, SETTINGS)
    torch.testing.assert_close(attributions, expected.float(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("model", ["bag_of_words", "text_cnn"])
@pytest.mark.parametrize("method", ["feature_ablation", "kernel_shap", "lime"])
def test_methods_that_take_tokens_away_serve_texts_of_any_length(
    model: str, method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(texts(), model, READERS[model]), 5)
    parts = explain_parts(method, subject, inputs, SETTINGS)
    assert parts.isfinite().all()
    assert not parts[~inputs.valid].any()


def test_ablating_a_token_changes_the_logit_by_its_part(
    untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(texts(), "text_cnn", READERS["text_cnn"]), 5)
    parts = explain_parts("feature_ablation", subject, inputs, SETTINGS)
    gone = torch.zeros_like(inputs.valid)
    gone[:, 1] = inputs.valid[:, 1]
    expected = logits_of(subject, inputs) - logits_of(subject, subject.without(inputs, gone))
    torch.testing.assert_close(parts[:, 1], expected, rtol=1e-4, atol=1e-5)


# ── images and tables ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", LOOKERS)
def test_saliency_is_the_gradient_of_the_predicted_class(
    model: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    taught = untaught(pictures(), model, LOOKERS[model])
    subject, inputs = explained(taught, 3)
    images = inputs.values.clone().requires_grad_()
    outputs = taught.network.module(image=images)
    outputs.max(dim=1).values.sum().backward()
    assert images.grad is not None
    elements = attribute(MethodVariant("saliency"), subject, inputs, SETTINGS)
    torch.testing.assert_close(elements, images.grad, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(
        parts_of(MethodVariant("saliency"), subject, elements), elements.abs().flatten(start_dim=1)
    )


@pytest.mark.parametrize("model", [*LOOKERS, "resnet18"])
def test_changes_that_claim_to_be_complete_sum_to_the_whole_change(
    model: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    options = {"depth": 18, "width": 0.0625} if model == "resnet18" else LOOKERS[model]
    taught = untaught(pictures(), model.removesuffix("18"), options)
    subject, inputs = explained(taught, 3)
    change = whole_change(subject, inputs)
    reads = ["integrated_gradients"] if model == "vit" else ["integrated_gradients", "deep_lift"]
    for method in reads:
        parts = explain_parts(method, subject, inputs, replace(SETTINGS, steps=256))
        torch.testing.assert_close(parts.sum(dim=1), change, rtol=0.05, atol=0.05 * float(change.abs().mean()))


@pytest.mark.parametrize("method", METHODS)
def test_each_method_gives_the_same_in_portions_as_at_once_and_again(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(pictures(), "cnn", LOOKERS["cnn"]), 4)
    assert inapplicable_reason(MethodVariant(method), subject, inputs) is None
    at_once = attribute(MethodVariant(method), subject, inputs, SETTINGS)
    assert at_once.shape == inputs.values.shape
    torch.testing.assert_close(attribute(MethodVariant(method), subject, inputs, SETTINGS), at_once)
    if method not in DRAWING:
        portions = attribute(MethodVariant(method), subject, inputs, replace(SETTINGS, rows=3))
        torch.testing.assert_close(portions, at_once, rtol=1e-3, atol=1e-6)


# ── smoothed ────────────────────────────────────────────────────────────────────────────────────


def assert_without_noise_it_is_the_method(method: str, subject: Subject, inputs: Inputs) -> None:
    """Compare at tolerances of 32-bit arithmetic, relative to the largest attribution."""
    smoothed = attribute(MethodVariant(method, smoothed=True), subject, inputs, replace(SETTINGS, noise=1e-7, copies=3))
    plain = attribute(MethodVariant(method), subject, inputs, SETTINGS)
    torch.testing.assert_close(smoothed, plain, rtol=1e-3, atol=1e-3 * float(plain.abs().max()))


def test_all_methods_can_be_smoothed_but_noise() -> None:
    options = {option.name: option for option in find("probes", "attribution", Path()).options.values()}
    assert [*options["smoothed"].type.arguments[0].arguments] == SMOOTHABLE
    assert [*options["methods"].type.arguments[0].arguments] == [*METHODS]


@pytest.mark.parametrize("method", [method for method in SMOOTHABLE if method not in DRAWING])
def test_without_noise_a_smoothed_method_is_the_method_of_images(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(pictures(), "cnn", LOOKERS["cnn"]), 4)
    assert_without_noise_it_is_the_method(method, subject, inputs)


@pytest.mark.parametrize("method", ["integrated_gradients", "saliency", "input_x_gradient", "feature_ablation"])
@pytest.mark.parametrize("model", READERS)
def test_without_noise_a_smoothed_method_is_the_method_of_texts(
    model: str, method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(texts(), model, READERS[model]), 4)
    assert_without_noise_it_is_the_method(method, subject, inputs)


@pytest.mark.parametrize("method", ["gradient_shap", "kernel_shap", "lime", "deep_lift"])
def test_without_noise_a_smoothed_method_is_the_method_of_tables(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    """Use a linear model, for which sampling methods do not depend on their samples; LIME differs only by its lasso."""
    subject, inputs = explained(untaught(columns(), "mlp", {"hidden": ()}), 4)
    settings = replace(SETTINGS, noise=1e-7, copies=3, coalitions=400)
    smoothed = attribute(MethodVariant(method, smoothed=True), subject, inputs, settings)
    plain = attribute(MethodVariant(method), subject, inputs, settings)
    near = 0.15 if method == "lime" else 1e-2
    torch.testing.assert_close(smoothed, plain, rtol=near, atol=near * float(plain.abs().max()))


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients"])
def test_smoothing_is_captums_noise_tunnel(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    from captum.attr import IntegratedGradients, NoiseTunnel, Saliency

    subject, inputs = explained(untaught(pictures(), "cnn", LOOKERS["cnn"]), 3)
    settings = replace(SETTINGS, copies=6, noise=0.5)
    of_captum = {
        "saliency": lambda: (Saliency(subject.module), {"abs": False}),
        "integrated_gradients": lambda: (IntegratedGradients(subject.module), {"baselines": subject.reference}),
    }
    attribution, arguments = of_captum[method]()
    if method == "integrated_gradients":
        arguments["n_steps"] = settings.steps
    torch.manual_seed(settings.seed)
    expected = NoiseTunnel(attribution).attribute(
        inputs.values, nt_samples=6, stdevs=0.5 * float(inputs.values.std(correction=0)), target=inputs.target,
        **arguments,
    )  # fmt: skip
    attributions = attribute(MethodVariant(method, smoothed=True), subject, inputs, settings)
    plain = attribute(MethodVariant(method), subject, inputs, settings)
    torch.testing.assert_close(attributions, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert float((attributions - plain).abs().max()) > 0.05 * float(plain.abs().max())


@pytest.mark.parametrize(
    "variant",
    [*map(MethodVariant, METHODS), *(MethodVariant(method, smoothed=True) for method in SMOOTHABLE)],
    ids=lambda variant: variant.label,
)
def test_no_more_rows_than_agreed_go_through_the_network_at_once(
    variant: MethodVariant, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(pictures(), "cnn", LOOKERS["cnn"]), 7)
    rows: list[int] = []
    subject.module.register_forward_pre_hook(lambda module, values: rows.append(len(values[0])))
    attribute(variant, subject, inputs, replace(SETTINGS, rows=12, steps=6, copies=3))
    assert max(rows, default=0) <= 12


def test_noise_is_a_share_of_what_stands_before_a_texts_end(
    untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(texts(), "text_cnn", READERS["text_cnn"]), 5)
    assert not inputs.valid.all()
    vectors = inputs.values[inputs.valid]
    assert float(subject.spread(inputs)) == pytest.approx(float(vectors.numpy().std()), rel=1e-5)
    assert float(subject.spread(inputs.repeated(3))) == pytest.approx(float(subject.spread(inputs)), rel=1e-5)


def test_one_number_has_no_spread_and_is_smoothed_to_itself() -> None:
    subject = Subject("table", TableAdapter(Doubled()), torch.zeros(1, 1))
    inputs = Inputs(torch.ones(1, 1), (), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    assert subject.spread(inputs) == 0.0
    assert attribute(MethodVariant("saliency", smoothed=True), subject, inputs, SETTINGS).item() == 2.0


class Doubled(nn.Module):
    """A network of one column."""

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return torch.cat([2 * table, -2 * table], dim=1)


def test_attributions_leave_random_generators_as_they_were(
    untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(columns(), "mlp", LOOKERS["mlp"]), 4)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    attribute(MethodVariant("gradient_shap"), subject, inputs, SETTINGS)
    attribute(MethodVariant("random"), subject, inputs, SETTINGS)
    assert torch.rand(1) == expected


def test_of_a_linear_model_the_changes_are_weight_times_difference(
    untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    taught = untaught(columns(), "mlp", {"hidden": ()})
    subject, inputs = explained(taught, 5)
    weight = taught.network.module.layers[0].weight[inputs.target]
    for method in ("integrated_gradients", "input_x_gradient", "deep_lift", "gradient_shap", "feature_ablation"):
        attributions = attribute(MethodVariant(method), subject, inputs, SETTINGS)
        torch.testing.assert_close(attributions, weight * inputs.values, rtol=1e-3, atol=1e-5)
    shap = attribute(MethodVariant("kernel_shap"), subject, inputs, replace(SETTINGS, coalitions=200))
    torch.testing.assert_close(shap, weight * inputs.values, rtol=0.02, atol=2e-3)
    torch.testing.assert_close(attribute(MethodVariant("saliency", smoothed=True), subject, inputs, SETTINGS), weight)


def test_occlusion_and_ablation_find_the_one_pixel_that_matters() -> None:
    class OnePixel(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.stack([values[:, 2, 5, 0], -values[:, 2, 5, 0]], dim=1)

    subject = Subject("image", OnePixel(), torch.zeros(1, 8, 8, 1))
    values = torch.ones(1, 8, 8, 1)
    inputs = Inputs(values, (), torch.ones(1, 64, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    settings = replace(SETTINGS, window=2, patch=1)
    for method in ("feature_ablation", "integrated_gradients", "input_x_gradient"):
        parts = explain_parts(method, subject, inputs, settings).reshape(8, 8)
        assert float(parts[2, 5]) == pytest.approx(1.0, abs=1e-5)
        assert float(parts.abs().sum()) == pytest.approx(1.0, abs=1e-5)
    occluded = explain_parts("occlusion", subject, inputs, settings).reshape(8, 8)
    assert occluded.argmax() == 2 * 8 + 5
    assert not occluded[4:].any()


def test_a_patch_shares_its_change_among_its_pixels() -> None:
    class Total(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            total = values.sum(dim=(1, 2, 3))
            return torch.stack([total, -total], dim=1)

    subject = Subject("image", Total(), torch.zeros(1, 6, 6, 3))
    inputs = Inputs(torch.ones(2, 6, 6, 3), (), torch.ones(2, 36, dtype=torch.bool), torch.zeros(2, dtype=torch.int64))
    groups = groups_of(subject, inputs, 4)
    assert groups.unique().tolist() == [0, 1, 2, 3]  # squares of 4×4, 4×2, 2×4 and 2×2
    for method in ("feature_ablation", "kernel_shap"):
        parts = explain_parts(method, subject, inputs, replace(SETTINGS, coalitions=100))
        torch.testing.assert_close(parts, torch.full((2, 36), 3.0), rtol=0.02, atol=0.02)


# ── unsuitable inputs ───────────────────────────────────────────────────────────────────────────


def test_a_method_that_does_not_fit_says_why(untaught: Callable[..., Any], explained: Callable[..., Any]) -> None:
    table, rows = explained(untaught(columns(), "mlp", LOOKERS["mlp"]), 1)
    assert (
        inapplicable_reason(MethodVariant("grad_cam"), table, rows)
        == "grad_cam needs images and cannot explain a table"
    )
    assert (
        inapplicable_reason(MethodVariant("occlusion"), table, rows)
        == "occlusion needs images and cannot explain a table"
    )
    linear, rows = explained(untaught(columns(), "mlp", {"hidden": ()}), 1)
    assert "no torch.nn.ReLU" in str(inapplicable_reason(MethodVariant("guided_backprop"), linear, rows))
    assert "no torch.nn.ReLU" in str(inapplicable_reason(MethodVariant("guided_backprop", smoothed=True), linear, rows))
    flat, images = explained(untaught(pictures(), "mlp", LOOKERS["mlp"]), 1)
    assert "has none" in str(inapplicable_reason(MethodVariant("grad_cam"), flat, images))


def test_a_relu_that_is_used_twice_is_found() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.first, self.second = nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, table: torch.Tensor) -> torch.Tensor:
            return self.second(self.relu(self.first(self.relu(table))))

    subject = Subject("table", TableAdapter(Twice()), torch.zeros(1, 3))
    inputs = Inputs(torch.ones(1, 3), (), torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    assert "more than once" in str(inapplicable_reason(MethodVariant("deep_lift"), subject, inputs))
    assert inapplicable_reason(MethodVariant("saliency"), subject, inputs) is None


def test_the_network_is_afterwards_as_it_was_before(untaught: Callable[..., Any]) -> None:
    module = untaught(pictures(), "cnn", LOOKERS["cnn"]).network.module
    module.train()
    relu = next(part for part in module.modules() if isinstance(part, nn.ReLU))

    def fail_within() -> None:
        with explanation_mode(module):
            assert not module.training
            assert not relu.inplace
            assert not any(weight.requires_grad for weight in module.parameters())
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_within()
    assert module.training
    assert relu.inplace
    assert all(weight.requires_grad for weight in module.parameters())


# ── one part, and too few coalitions ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", FITTED)
def test_of_an_image_in_one_part_there_is_nothing_to_compare(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(pictures(), "mlp", {}), 2)
    why = f"{method} compares parts, and patch = 16 makes the whole image one part"
    assert inapplicable_reason(MethodVariant(method), subject, inputs, 16) == why
    assert inapplicable_reason(MethodVariant(method, smoothed=True), subject, inputs, 100) == why.replace("16", "100")
    assert inapplicable_reason(MethodVariant(method), subject, inputs, 15) is None
    column = Subject("table", nn.Linear(1, 2), torch.zeros(1, 1))
    row = replace(inputs, values=torch.zeros(2, 1), valid=torch.ones(2, 1, dtype=torch.bool))
    assert (
        inapplicable_reason(MethodVariant(method), column, row) == f"{method} compares parts, and there is one column"
    )


def short_texts() -> Data:
    """Return texts of no word, of one, and of three."""
    target = np.array([0, 1, 0, 1])
    split = MemorySplit(np.arange(4), {"text": ["", "good", "bad", "never good film"], "target": target})
    spec = {"classes": ("bad", "good")}
    return Data("classification", spec, {"train": split, "test": split}, Source("generated", "films", "0"))


@pytest.mark.parametrize("model", ["bag_of_words", "text_cnn", "lstm", "transformer"])
@pytest.mark.parametrize("examples", [2, 4])
def test_kernel_shap_of_one_word_is_the_whole_change_and_of_more_it_is_captums(
    model: str, examples: int, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(short_texts(), model, READERS[model]), examples)
    parts = explain_parts("kernel_shap", subject, inputs, SETTINGS)
    torch.testing.assert_close(parts.sum(dim=1), whole_change(subject, inputs), rtol=1e-3, atol=1e-5)
    assert not parts[~inputs.valid].any()
    if examples == 4:
        last = inputs.at(slice(3, 4))
        alone = explain_parts("kernel_shap", subject, last, SETTINGS)
        torch.testing.assert_close(parts[3:], alone)


@pytest.mark.parametrize("method", FITTED)
def test_the_model_of_a_short_text_has_no_more_parts_beside_a_long_one(
    method: str, untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    """Six coalitions suffice for two words; with as many parts as the long text, the fit would assign no changes."""
    data = short_texts()
    rows = ["good film", "never good film " * 12]
    split = MemorySplit(np.arange(2), {"text": rows, "target": np.array([0, 1])})
    data = replace(data, splits={"train": split, "test": split})
    subject, inputs = explained(untaught(data, "text_cnn", READERS["text_cnn"]), 2)
    settings = replace(SETTINGS, coalitions=6)
    both, alone = (
        attribute(MethodVariant(method), subject, some, settings) for some in (inputs, inputs.at(slice(0, 1)))
    )
    torch.testing.assert_close(both[:1], alone)


def test_a_linear_model_of_n_parts_wants_two_coalitions_more(
    untaught: Callable[..., Any], explained: Callable[..., Any]
) -> None:
    subject, inputs = explained(untaught(pictures(), "mlp", {}), 3)
    for variant in (*map(MethodVariant, FITTED), MethodVariant("lime", smoothed=True)):
        assert is_underdetermined(variant, subject, inputs, Settings(rows=8, coalitions=17)).tolist() == [True] * 3
        assert not is_underdetermined(variant, subject, inputs, Settings(rows=8, coalitions=18)).any()
    ablation = MethodVariant("feature_ablation")
    assert not is_underdetermined(ablation, subject, inputs, Settings(rows=8, coalitions=2)).any()
    subject, inputs = explained(untaught(short_texts(), "text_cnn", READERS["text_cnn"]), 4)
    few = is_underdetermined(MethodVariant("kernel_shap"), subject, inputs, Settings(rows=8, coalitions=4))
    assert few.tolist() == [False, False, False, True]


# ── memory ──────────────────────────────────────────────────────────────────────────────────────


def test_rows_at_once_follow_from_what_one_example_leaves_behind(
    untaught: Callable[..., Any], explained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow, one = explained(untaught(pictures(), "cnn", {"channels": (4, 8)}), 1)
    wide, _ = explained(untaught(pictures(), "cnn", {"channels": (64, 128)}), 1)
    assert bytes_of_one(wide, one) > 8 * bytes_of_one(narrow, one)
    assert rows_at_once(narrow, one) == CPU_MAX
    monkeypatch.setattr("bench_suite.probes.attribution.batch_size.CPU_BYTES", 10 * bytes_of_one(narrow, one) + 1)
    assert rows_at_once(narrow, one) == 10
    assert rows_at_once(wide, one) == 1
