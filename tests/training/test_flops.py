"""FLOPs against counts by hand: one layer of each kind, forward and backward, then whole networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Batch, Placement
from bench_suite.training import flops
from bench_suite.training.precision import has_bfloat16_lstm

PLACEMENT = Placement("cpu", 1, "32-true")
MIXED = Placement("cpu", 1, "bf16-mixed")
NEEDS_KERNEL = pytest.mark.skipif(not has_bfloat16_lstm(), reason="this processor has no bfloat16 kernel for an LSTM")
B, S, D, H = 3, 7, 16, 4  # examples, positions, width, heads


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


class Layer(nn.Module):
    """A layer behind a learnt scale, so that the layer's input has a gradient, as within a network."""

    def __init__(self, layer: Callable[..., Any], take: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        super().__init__()
        self.layer, self.take = layer, take
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.take(self.layer(x * self.scale if x.is_floating_point() else x))


def count_example(module: nn.Module, placement: Placement = PLACEMENT, **inputs: torch.Tensor) -> tuple[int, int]:
    """Return the FLOPs of forward, and of forward with backward."""
    batch = Batch(inputs, None)
    forward = flops.forward(module, batch, placement)
    training = flops.training(module, batch, lambda outputs, _: outputs.float().square().sum(), placement)
    assert forward.uncounted == training.uncounted == ()
    return forward.flops, training.flops


def attention(queries: int = S, keys: int = S) -> int:
    """Return the FLOPs of scores and weighted values: two products of s·t·d, two operations per multiply-add."""
    return 2 * 2 * B * queries * keys * D


MULTIHEAD = 2 * B * S * D * 3 * D + attention() + 2 * B * S * D * D  # one product computes queries, keys and values
LSTM = 2 * B * S * 4 * D * (D + D)  # four gates, each with input and hidden state
CONVOLUTION = 2 * B * 8 * 8 * 6 * 4 * 3 * 3

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "linear": (lambda: nn.Linear(D, 5), (B, D), 2 * B * D * 5),
    "linear over places": (lambda: nn.Linear(D, 5, bias=False), (B, S, D), 2 * B * S * D * 5),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, padding=1), (B, 4, 8, 8), CONVOLUTION),
    "convolution, strided": (lambda: nn.Conv2d(4, 6, 3, padding=1, stride=2), (B, 4, 8, 8), CONVOLUTION // 4),
    "convolution, grouped": (lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), (B, 4, 8, 8), CONVOLUTION // 2),
    "convolution, depthwise": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4), (B, 4, 8, 8), 2 * B * 64 * 4 * 9),
    "convolution in one dimension": (lambda: nn.Conv1d(D, 5, 3, padding=1), (B, D, S), 2 * B * S * 5 * D * 3),
    "transposed convolution": (lambda: nn.ConvTranspose2d(4, 6, 2, stride=2), (B, 4, 8, 8), 2 * B * 64 * 4 * 6 * 4),
    "attention": (lambda: Attention(), (B, S, D), MULTIHEAD),
    "attention with weights": (lambda: Attention(need_weights=True), (B, S, D), MULTIHEAD),
    "attention with dropout": (lambda: Attention(dropout=0.1), (B, S, D), MULTIHEAD),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(D, H, 2 * D, batch_first=True),
        (B, S, D),
        MULTIHEAD + 2 * 2 * B * S * D * 2 * D,
    ),
    "nothing that counts": (
        lambda: nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.GELU()),
        (B, 4, 8, 8),
        0,
    ),
}


class Attention(nn.Module):
    """Multi-head attention of a sequence to itself."""

    def __init__(self, dropout: float = 0.0, need_weights: bool = False) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(D, H, dropout=dropout, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x, x, x, need_weights=self.need_weights)[0]


@pytest.mark.parametrize("placement", [PLACEMENT, MIXED], ids=["32", "bf16"])
@pytest.mark.parametrize(("make", "shape", "by_hand"), LAYERS.values(), ids=LAYERS)
def test_a_layer_costs_what_it_does_by_hand_and_its_backward_pass_twice_that(
    make: Callable[[], nn.Module], shape: tuple[int, ...], by_hand: int, placement: Placement
) -> None:
    assert count_example(Layer(make()), placement, x=torch.randn(shape)) == (by_hand, 3 * by_hand)


@pytest.mark.parametrize("placement", [PLACEMENT, pytest.param(MIXED, marks=NEEDS_KERNEL)], ids=["32", "bf16"])
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (1, 2), (2, 2)])
def test_a_recurrent_layer_costs_all_gates_at_each_place(layers: int, directions: int, placement: Placement) -> None:
    module = Layer(nn.LSTM(D, D, layers, batch_first=True, bidirectional=directions == 2), lambda pair: pair[0])
    by_hand = LSTM * directions
    if layers == 2:  # the second layer's input is the output of both directions
        by_hand += directions * 2 * B * S * 4 * D * (2 * D + D)
    assert count_example(module, placement, x=torch.randn(B, S, D)) == (by_hand, 3 * by_hand)


def test_a_gated_recurrent_unit_has_three_gates_and_its_first_state_no_gradient() -> None:
    by_hand = 2 * B * S * 3 * D * (D + D)
    module = Layer(nn.GRU(D, D, batch_first=True), lambda pair: pair[0])
    assert count_example(module, x=torch.randn(B, S, D)) == (by_hand, 3 * by_hand - 2 * B * 3 * D * D)


def test_packed_sequences_cost_their_own_lengths() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(D, D, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lengths = torch.tensor([S, 3, 1])
            return self.layer(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))[0].data

    forward, _ = count_example(Packed(), x=torch.randn(B, S, D))
    assert forward == LSTM * (S + 3 + 1) // (B * S)


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_looking_up_costs_nothing(kind: type[nn.Module]) -> None:
    assert count_example(Layer(kind(50, D)), x=torch.randint(0, 50, (B, S))) == (0, 0)


@pytest.mark.parametrize("mask", [None, "causal", "bool", "float"])
@pytest.mark.parametrize("placement", [PLACEMENT, MIXED], ids=["32", "bf16"])
def test_attention_costs_the_same_on_every_path(mask: str | None, placement: Placement) -> None:
    def attend(x: torch.Tensor) -> torch.Tensor:
        heads = x.view(B, S, H, D // H).transpose(1, 2)
        masks = {"bool": torch.ones(S, S).tril().bool(), "float": torch.zeros(S, S, dtype=heads.dtype)}
        return functional.scaled_dot_product_attention(
            heads, heads, heads, attn_mask=masks.get(str(mask)), is_causal=mask == "causal"
        )

    assert count_example(Layer(attend), placement, x=torch.randn(B, S, D)) == (attention(), 3 * attention())


def test_an_encoder_that_would_skip_padding_counts_the_padded_batch() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, H, D, batch_first=True), 2)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.layers(x, src_key_padding_mask=mask)

    mask = torch.arange(S) >= torch.tensor([[S], [3], [2]])
    one = MULTIHEAD + 2 * 2 * B * S * D * D
    forward, _ = count_example(Padded(), x=torch.randn(B, S, D), mask=mask)
    assert forward == 2 * one


@pytest.mark.parametrize(
    ("work", "by_hand"),
    [
        (lambda x: x @ torch.ones(D), 2 * B * D),
        (lambda x: torch.einsum("bd,de->be", x, torch.ones(D, 5)), 2 * B * D * 5),
        (lambda x: x[0].dot(x[1]).reshape(1), 2 * D),
        (lambda x: torch.baddbmm(torch.ones(1, B, B), x[None], x.T[None]), 2 * B * B * D),
    ],
    ids=["matrix by vector", "einsum", "dot", "baddbmm"],
)
def test_products_written_by_hand_count(work: Callable[[torch.Tensor], torch.Tensor], by_hand: int) -> None:
    assert count_example(Layer(work), x=torch.randn(B, D))[0] == by_hand


# ── whole networks ──────────────────────────────────────────────────────────────────────────────


def test_the_textbook_network_by_hand() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    forward = 2 * (784 * 128 + 128 * 10)
    assert forward == 203_264
    first = 2 * 784 * 128  # the gradient for the pixels is not needed
    assert count_example(module, input=torch.randn(1, 28, 28)) == (forward, 3 * forward - first)
    assert flops.parameters(module) == 784 * 128 + 128 + 128 * 10 + 10 == 101_770


def test_a_part_that_is_frozen_costs_no_gradient_of_its_weights() -> None:
    module = nn.Sequential(nn.Linear(D, D), nn.Linear(D, 5))
    module[0].requires_grad_(False)
    one, two = 2 * B * D * D, 2 * B * D * 5
    assert count_example(module, input=torch.randn(B, D)) == (one + two, one + two + two)
    assert flops.trainable_parameters(module) == D * 5 + 5
    assert flops.parameters(module) == D * D + D + D * 5 + 5


def test_weights_that_two_layers_share_count_once() -> None:
    first, second = nn.Linear(D, D), nn.Linear(D, D)
    second.weight = first.weight
    module = nn.Sequential(first, nn.BatchNorm1d(D), second)
    assert flops.parameters(module, None, first) == D * D + D + D + 2 * D
    assert flops.state_bytes(module) == 4 * (D * D + 4 * D) + 4 * 2 * D + 8  # plus running mean, variance and a counter
    assert flops.state_bytes(module.bfloat16()) == 2 * (D * D + 4 * D) + 2 * 2 * D + 8


# ── no side effects and no false counts ─────────────────────────────────────────────────────────


def test_counting_leaves_no_trace_on_the_network() -> None:
    module = nn.Sequential(nn.Linear(D, D), nn.BatchNorm1d(D), nn.Dropout(0.5), nn.Linear(D, 2))
    module.eval()
    module[1].train()
    module[0].weight.grad = torch.ones(D, D)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    x = torch.randn(B, D)
    state = torch.get_rng_state()
    count_example(module, input=x)
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(module[0].weight.grad, torch.ones(D, D))
    assert module[3].weight.grad is None
    assert torch.backends.mha.get_fastpath_enabled()


def test_tensors_made_in_inference_mode_can_be_trained_on() -> None:
    with torch.inference_mode():
        x = torch.randn(B, D)
    assert count_example(nn.Linear(D, 2), input=x) == (2 * B * D * 2, 2 * 2 * B * D * 2)


def test_work_of_an_unknown_size_is_named() -> None:
    module = nn.Bilinear(3, 4, 5)
    batch = Batch({"input1": torch.randn(2, 3), "input2": torch.randn(2, 4)}, None)
    assert flops.forward(module, batch, PLACEMENT).uncounted == ("aten._trilinear",)


def test_somebodys_own_kernel_is_named() -> None:
    library = torch.library.Library("bench_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x + x, "CPU")
    count = flops.forward(Layer(torch.ops.bench_test.twice), Batch({"x": torch.randn(2)}, None), PLACEMENT)
    assert count == flops.Count(0, ("bench_test.twice",))
    library._destroy()


def test_a_compiled_network_counts_as_it_is_written() -> None:
    module = nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, 2))
    expected = count_example(module, input=torch.randn(B, D))
    module.compile(backend="eager")
    module(torch.randn(B, D))
    compiled = Placement("cpu", 1, "32-true", compiled=True)
    assert count_example(module, compiled, input=torch.randn(B, D)) == expected
