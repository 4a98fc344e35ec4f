"""Subjects of an explanation: inputs on the network's scale, the predicted class, and whole texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import Batch, BenchError, Data, Network, Source
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.ragged import Ragged, padded
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.attribution import faithfulness
from bench_suite.probes.attribution.adapters import (
    Inputs,
    Subject,
    TableAdapter,
    explanation_mode,
    inputs_of,
    subject_of,
)
from bench_suite.probes.attribution.groups import groups_of
from bench_suite.probes.attribution.methods import MethodVariant, Settings, attribute, parts_of
from bench_suite.training.inputs import image_only, standardisation_of

SETTINGS = Settings(rows=64, steps=8, coalitions=60)
Raw = Mapping[str, Any]


def data_of(**columns: Any) -> Data:
    """Return a task with these raw values in both splits, and random targets of three classes."""
    (first, *_) = columns.values()
    target = np.random.default_rng(0).integers(0, 3, len(first))
    split = MemorySplit(np.arange(len(first)), {**columns, "target": target})
    source = Source("generated", "drawn", "0")
    return Data("classification", {"classes": ("a", "b", "c")}, {"train": split, "test": split}, source)


def images(side: int = 8, channels: int = 3) -> Data:
    random = np.random.default_rng(1)
    return data_of(image=random.integers(0, 200, (12, side, side, channels)).astype(np.uint8))


def tables() -> Data:
    random = np.random.default_rng(2)
    return data_of(table=random.normal([50.0, -3.0, 1000.0], [10.0, 1.0, 300.0], (40, 3)))


def explained(
    network: Network, data: Data, reference: Any = "mean", examples: int = 6, **more: Any
) -> tuple[Subject, Inputs]:
    batch = encoded(network, data.splits["test"]).batch(network, torch.arange(examples))
    return inputs_of(subject_of(network, data, reference, "cpu"), batch, **more)


class Scaled(nn.Module):
    """Two layers over an image or a table, which `scale` scales first."""

    def __init__(self, inputs: int, scale: Callable[[torch.Tensor], torch.Tensor] = lambda values: values) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scale = scale
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, image: torch.Tensor | None = None, table: torch.Tensor | None = None) -> torch.Tensor:
        values = image if table is None else table
        assert values is not None
        return self.layers(self.scale(values.float()))


# ── the reference ───────────────────────────────────────────────────────────────────────────────


def the_same_in_both(outside: Network, inside: Network, data: Data, reference: str) -> None:
    numbers = []
    for network in (outside, inside):
        with explanation_mode(network.module):
            subject, inputs = explained(network, data, reference)
            attributions = [
                parts_of(variant, subject, attribute(variant, subject, inputs, SETTINGS))
                for variant in map(
                    MethodVariant, ("integrated_gradients", "input_x_gradient", "feature_ablation", "kernel_shap")
                )
            ]
            curves = faithfulness.curves(subject, inputs, attributions[0], SETTINGS)
        numbers.append(
            [
                *(attribution.numpy() for attribution in attributions),
                *curves,
                faithfulness.logit_change(subject, inputs),
            ]
        )
    assert np.abs(numbers[0][0]).max() > 1e-3
    for first, second in zip(*numbers):
        np.testing.assert_allclose(first, second, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("reference", ["mean", "zero"])
def test_images_scaled_in_encode_or_in_the_network_have_the_same_attributions(reference: str) -> None:
    data = images()

    def scaled(raw: Raw) -> Raw:
        return {"image": (raw["image"].astype("float32") / 255 - 0.4) / 0.2}

    inside = Scaled(192, lambda image: (image / 255 - 0.4) / 0.2)
    the_same_in_both(Network(Scaled(192), scaled, stack), Network(inside, image_only, stack), data, reference)


@pytest.mark.parametrize("reference", ["mean", "zero"])
def test_tables_scaled_in_encode_or_in_the_network_have_the_same_attributions(reference: str) -> None:
    data = tables()
    standard = standardisation_of(data)
    mean, deviation = (
        torch.tensor(statistic, dtype=torch.float32) for statistic in (standard.mean, standard.deviation)
    )
    inside = Scaled(3, lambda table: (table - mean) / deviation)
    plain = Network(inside, lambda raw: {"table": raw["table"].astype("float32")}, stack)
    the_same_in_both(Network(Scaled(3), standard, stack), plain, data, reference)


NOISY = [
    MethodVariant(name, smoothed=smoothed)
    for name in ("saliency", "input_x_gradient", "integrated_gradients")
    for smoothed in (False, True)
]


def measured_under_noise(network: Network, data: Data, variant: MethodVariant) -> list[np.ndarray]:
    """Return the strengths of the parts and the sensitivity of a method."""
    with explanation_mode(network.module):
        subject, inputs = explained(network, data, "mean")
        settings = replace(SETTINGS, noise=0.3)
        parts = parts_of(variant, subject, attribute(variant, subject, inputs, settings))
        return [parts.numpy(), faithfulness.sensitivity(variant, subject, inputs, settings, 3)]


@pytest.mark.parametrize("variant", NOISY, ids=lambda variant: variant.label)
def test_noise_is_a_share_of_each_column_whether_it_is_scaled_in_encode_or_in_the_network(
    variant: MethodVariant,
) -> None:
    """With one deviation for all columns, a column of thousands decided the noise of one of thousandths."""
    values = np.random.default_rng(0).normal(size=(60, 3)) * [1e-3, 1.0, 1e3] + [0.0, 5.0, 1e4]
    data = data_of(table=values)
    standard = standardisation_of(data)
    mean, deviation = (torch.tensor(array, dtype=torch.float64) for array in (standard.mean, standard.deviation))
    inside = Network(
        Scaled(3, lambda table: ((table.double() - mean) / deviation).float()),
        lambda raw: {"table": raw["table"].astype("float32")},
        stack,
    )
    first, second = (
        measured_under_noise(network, data, variant) for network in (Network(Scaled(3), standard, stack), inside)
    )
    np.testing.assert_allclose(first[0], second[0], rtol=1e-2, atol=1e-2 * np.abs(first[0]).max())
    np.testing.assert_allclose(first[1], second[1], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("variant", NOISY, ids=lambda variant: variant.label)
def test_noise_is_a_share_of_each_channel_whether_it_is_scaled_in_encode_or_in_the_network(
    variant: MethodVariant,
) -> None:
    data = images()
    mean, deviation = np.array([0.4, 0.1, 0.3], "float32"), np.array([0.2, 5.0, 0.01], "float32")
    at, by = torch.from_numpy(mean), torch.from_numpy(deviation)
    before = Network(
        Scaled(192), lambda raw: {"image": (raw["image"].astype("float32") / 255 - mean) / deviation}, stack
    )
    inside = Network(Scaled(192, lambda image: (image / 255 - at) / by), image_only, stack)
    first, second = (measured_under_noise(network, data, variant)[1] for network in (before, inside))
    np.testing.assert_allclose(first, second, rtol=1e-2, atol=1e-3)


def test_a_column_without_spread_gets_no_noise_and_missing_values_do_not_count() -> None:
    values = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 0.0, 2.0]
    values[:10, 2] = np.nan
    network = Network(Scaled(3), lambda raw: {"table": raw["table"].astype("float32")}, stack)
    deviation = subject_of(network, data_of(table=values), "zero", "cpu").column_deviation
    assert deviation is not None
    np.testing.assert_allclose(deviation[0], np.nanstd(values, axis=0), rtol=1e-4, atol=1e-7)


def test_what_collate_does_to_a_batch_it_does_to_the_reference() -> None:
    data = images(channels=1)

    def collate(columns: Raw) -> Batch:
        return Batch({"image": columns["image"].float() / 255}, columns["target"])

    reference = subject_of(Network(Scaled(64), image_only, collate), data, "mean", "cpu").reference
    colour = float(data.splits["train"].take(np.arange(12))["image"].mean()) / 255
    torch.testing.assert_close(reference, torch.full((1, 8, 8, 1), colour))


def test_encode_is_given_whole_numbers_as_images_have_them() -> None:
    seen = []

    def encode(raw: Raw) -> Raw:
        seen.append(raw["image"].dtype)
        return {"image": raw["image"]}

    data = images()
    reference = subject_of(Network(Scaled(192), encode, stack), data, "mean", "cpu").reference
    assert set(seen) == {np.dtype(np.uint8)}
    colour = data.splits["train"].take(np.arange(12))["image"].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(reference[0, 3, 4], colour, rtol=1e-6)
    assert (subject_of(Network(Scaled(192), encode, stack), data, "zero", "cpu").reference == 0).all()


def test_a_missing_value_does_not_make_the_mean_row_missing() -> None:
    table = np.array(tables().splits["train"].take(np.arange(40))["table"])
    table[3, 1] = np.nan
    network = Network(Scaled(3), lambda raw: {"table": raw["table"].astype("float32")}, stack)
    reference = subject_of(network, data_of(table=table), "mean", "cpu").reference
    np.testing.assert_allclose(reference[0], np.nanmean(table, axis=0), rtol=1e-5)


ENCODES: dict[str, tuple[Callable[[Raw], Raw], str]] = {
    "channels first": (
        lambda raw: {"image": raw["image"].transpose(0, 3, 1, 2)},
        r"this network takes image \(3, 8, 8\)",
    ),
    "another name": (lambda raw: {"pixels": raw["image"]}, r"this network takes pixels \(8, 8, 3\)"),
    "another size": (lambda raw: {"image": raw["image"][:, ::2, ::2]}, r"this network takes image \(4, 4, 3\)"),
    "flat": (lambda raw: {"image": raw["image"].reshape(len(raw["image"]), -1)}, r"this network takes image \(192,\)"),
    "two inputs": (
        lambda raw: {"image": raw["image"], "bright": raw["image"].mean(axis=(1, 2, 3))},
        r"this network takes image \(8, 8, 3\), bright \(\)",
    ),
}


@pytest.mark.parametrize("case", ENCODES)
def test_an_image_that_is_given_in_another_way_is_a_reason(case: str) -> None:
    encode, message = ENCODES[case]
    with pytest.raises(BenchError, match=rf"attribution needs one input, image \(8, 8, 3\), .*{message}"):
        subject_of(Network(Scaled(192), encode, stack), images(), "mean", "cpu")


def test_a_grey_image_may_be_given_as_a_coloured_one() -> None:
    network = Network(Scaled(192), lambda raw: {"image": raw["image"].repeat(3, axis=3)}, stack)
    subject, inputs = explained(network, images(channels=1))
    assert subject.reference.shape == (1, 8, 8, 3)
    assert subject.parts(inputs.values).shape == (6, 64)


def test_a_table_of_other_columns_is_a_reason() -> None:
    network = Network(Scaled(6), lambda raw: {"table": np.repeat(raw["table"], 2, axis=1)}, stack)
    with pytest.raises(
        BenchError, match=r"attribution needs one input, table \(3,\), .*this network takes table \(6,\)"
    ):
        subject_of(network, tables(), "mean", "cpu")


def test_a_network_that_overwrites_its_input_is_a_reason() -> None:
    network = Network(Scaled(192, lambda image: image.div_(255)), lambda raw: {"image": raw["image"]}, stack)
    with pytest.raises(BenchError, match="does not change its input; this one overwrites it"):
        explained(network, images())


# ── the class ───────────────────────────────────────────────────────────────────────────────────


def test_the_class_that_is_explained_can_be_told() -> None:
    network = Network(Scaled(192), image_only, stack)
    _, inputs = explained(network, images())
    target_classes = (inputs.target.numpy() + 1) % 3
    _, target_inputs = explained(network, images(), target=target_classes)
    assert target_inputs.target.tolist() == target_classes.tolist()


# ── the last layer ──────────────────────────────────────────────────────────────────────────────


class HeadFirst(nn.Module):
    """A network that registers its layers in another order than it runs them, and one layer that it never runs."""

    def __init__(self, convolution: bool = False) -> None:
        super().__init__()
        self.head = nn.Conv2d(4, 3, 1) if convolution else nn.Linear(4, 3)
        self.start = nn.Parameter(torch.zeros(1, 3, 8, 8))
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.middle = nn.Linear(4, 4)
        self.unused = nn.Linear(4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.body(image.permute(0, 3, 1, 2) / 255 + self.start)
        if isinstance(self.head, nn.Conv2d):
            return self.head(features).mean((2, 3))
        return self.head(self.middle(features.mean((2, 3))))


@pytest.mark.parametrize("convolution", [False, True])
def test_the_last_layer_is_the_one_that_runs_last(convolution: bool) -> None:
    torch.manual_seed(0)
    network = Network(HeadFirst(convolution).eval(), image_only, stack)
    subject, _ = explained(network, images())
    other = subject.scrambled("last layer", 1)
    assert other is not None
    pairs = zip(subject.module.named_parameters(), other.module.named_parameters())
    changed = {name.rpartition(".")[0] for (name, first), (_, second) in pairs if not torch.equal(first, second)}
    assert changed == {"network.head"}


def test_a_network_without_layers_of_its_own_has_no_last_one() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 3))

        def forward(self, table: torch.Tensor) -> torch.Tensor:
            return table @ self.weight

    network = Network(Bare(), lambda raw: {"table": raw["table"].astype("float32")}, stack)
    subject, _ = explained(network, tables())
    assert subject.scrambled("last layer", 1) is None
    assert subject.scrambled("all layers", 1) is not None
    assert Subject("table", TableAdapter(nn.Linear(3, 3)), torch.zeros(1, 3)).scrambled("last layer", 1) is None


# ── the end of a text ───────────────────────────────────────────────────────────────────────────

ROWS = [[5, 2, 7], [3], [4, 4, 6, 2, 9], [8, 1]]


class Means(nn.Module):
    """The mean of word vectors; the padding number or `lengths` identifies padding."""

    def __init__(self, padding: int | None, blind: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(10, 4, padding_idx=padding)
        self.head = nn.Linear(4, 3)
        self.blind = blind

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        words = torch.ones_like(tokens) if self.blind else (tokens != 0).long()
        return self.head((self.embedding(tokens) * words[..., None]).sum(1) / words.sum(1, keepdim=True).clamp(min=1))


def reader(module: nn.Module, lengths: bool = False, fixed: bool = False, left: bool = False) -> Network:
    """Return a network of rows of numbers; `fixed`: `encode` pads to 6 numbers; `left`: pads before the text."""

    def encode(raw: Raw) -> Raw:
        rows = [[int(word) for word in text.split()] for text in raw["text"]]
        if fixed:
            return {"tokens": np.array([row + [0] * (6 - len(row)) for row in rows])}
        return {"tokens": Ragged.from_lists(rows, np.int32)}

    def collate(columns: Raw) -> Batch:
        if fixed:
            return Batch({"tokens": columns["tokens"]}, columns["target"])
        tokens, ends = padded(columns["tokens"], 0)
        if left:
            tokens = torch.stack([row.roll(len(row) - int(end)) for row, end in zip(tokens, ends)])
        return Batch({"tokens": tokens, **({"lengths": ends} if lengths else {})}, columns["target"])

    return Network(module, encode, collate)


def texts() -> Data:
    return data_of(text=[" ".join(map(str, row)) for row in ROWS])


def tokens_only(network: Network, *, known: bool = False) -> tuple[Subject, Inputs]:
    lengths = torch.tensor([len(row) for row in ROWS]) if known else None
    return explained(network, texts(), examples=len(ROWS), lengths=lengths)


WITH_LENGTHS = [[True] * len(row) + [False] * (5 - len(row)) for row in ROWS]


def test_a_texts_end_is_told_by_the_number_of_the_padding() -> None:
    numbers = []
    for network in (reader(Means(0)), reader(Means(0), lengths=True)):
        with explanation_mode(network.module):
            subject, inputs = tokens_only(network)
            assert inputs.valid.tolist() == WITH_LENGTHS
            ablation = MethodVariant("feature_ablation")
            attributions = parts_of(ablation, subject, attribute(ablation, subject, inputs, SETTINGS))
            numbers.append(
                [attributions, *map(torch.as_tensor, faithfulness.curves(subject, inputs, attributions, SETTINGS))]
            )
    for first, second in zip(*numbers):
        torch.testing.assert_close(first, second)


def test_a_texts_end_is_told_by_its_length_before_it_was_padded() -> None:
    _, inputs = tokens_only(reader(Means(None)), known=True)
    assert inputs.valid.tolist() == WITH_LENGTHS


def test_a_text_whose_end_nothing_tells_is_a_reason() -> None:
    with pytest.raises(BenchError, match="attribution needs the end of each text: add the input `lengths`"):
        tokens_only(reader(Means(None)))
    with pytest.raises(BenchError, match="attribution needs the end of each text"):
        tokens_only(reader(Means(None), fixed=True), known=True)  # the lengths do not belong to these tokens


def test_texts_padded_by_encode_end_where_the_padding_begins() -> None:
    _, inputs = tokens_only(reader(Means(0), fixed=True))
    assert inputs.valid.tolist() == [[*row, False] for row in WITH_LENGTHS]


def test_padding_before_a_text_is_no_word_either() -> None:
    subject, inputs = tokens_only(reader(Means(0), left=True))
    assert inputs.valid.tolist() == [row[::-1] for row in WITH_LENGTHS]
    groups = groups_of(subject, inputs, 1)[..., 0]
    assert groups.tolist() == [[0, 0, 0, 1, 2], [0] * 5, [0, 1, 2, 3, 4], [0, 0, 0, 0, 1]]


def test_a_network_that_reads_padding_is_a_reason() -> None:
    module = Means(0, blind=True)
    with torch.no_grad():
        module.embedding.weight[0] = 1.0
    with pytest.raises(BenchError, match="attribution needs a network that ignores padding"):
        tokens_only(reader(module))


@pytest.mark.parametrize(("mode", "last", "message"), [("mean", True, 'mode = "sum"'), ("sum", False, "include_last")])
def test_an_embedding_bag_of_another_kind_is_a_reason(mode: str, last: bool, message: str) -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.EmbeddingBag(10, 4, mode=mode, include_last_offset=last)
            self.head = nn.Linear(4, 3)

        def get_input_embeddings(self) -> nn.Module:
            return self.embedding

        def forward(self, tokens: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
            return self.head(self.embedding(tokens, offsets))

    def collate(columns: Raw) -> Batch:
        tokens = columns["tokens"]
        return Batch({"tokens": tokens.values, "offsets": tokens.offsets}, columns["target"])

    with pytest.raises(BenchError, match=f"attribution needs an EmbeddingBag with .*{message}"):
        tokens_only(Network(Bag(), reader(Means(0)).encode, collate))


def test_a_compiled_network_is_explained_as_it_was_written_and_stays_compiled() -> None:
    """Otherwise each hook and each shape would trigger a compilation."""
    torch.compiler.reset()
    compiled = []

    def noted(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    class Rectified(nn.Linear):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return super().forward(values).relu()

    module = Rectified(3, 2)
    module.compile(backend=noted)
    with explanation_mode(module):
        module(torch.ones(1, 3))
    assert compiled == []
    module(torch.ones(1, 3))
    assert len(compiled) == 1
