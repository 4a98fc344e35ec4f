"""Analytic FLOPs: the cost of convolutions and attention, from the shapes of their layers alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench_suite.components import discovery
from bench_suite.selftest.checks import Check, exactly, options_of
from bench_suite.suite.plan import Cell

KERNEL = 5
"Side of the convolutions of `cnn`."


def convolutions(cell: Cell) -> Iterator[Check]:
    """Yield checks of parameters and operations of `cnn` on square images of one channel."""
    task, options = discovery.load(cell.task.component), options_of(cell, "model")
    side, classes = options_of(cell, "task").side, len(task.GLYPHS)
    parameters = convolution_parameters(options.channels, side, classes)
    yield exactly("compute/parameters", cell, parameters)
    yield exactly("compute/trainable_parameters", cell, parameters)
    forward, training = convolution_flops(options.channels, side, classes)
    yield exactly("compute/flops", cell, forward)
    yield exactly("compute/training_flops", cell, training)


def convolution_parameters(channels: tuple[int, ...], side: int, classes: int) -> int:
    """Count convolutions (no bias), scale and shift of normalisations, and a linear layer with biases."""
    weights = sum(KERNEL**2 * before * after for before, after in zip((1, *channels), channels))
    features = channels[-1] * (side // 2 ** len(channels)) ** 2
    return weights + 2 * sum(channels) + (features + 1) * classes


def convolution_flops(channels: tuple[int, ...], side: int, classes: int) -> tuple[int, int]:
    """Return the FLOP of an example for the forward pass, and for forward and backward pass.

    A convolution of c to d channels costs 2 · side² · 25 · c · d, and each block halves the sides. In the backward
    pass, each layer costs this for the gradient of its weights and again for that of its inputs, which the first layer
    does not need.
    """
    sides = [side // 2**block for block in range(len(channels) + 1)]
    costs = [2 * s**2 * KERNEL**2 * c * d for s, c, d in zip(sides, (1, *channels), channels)]
    costs.append(2 * channels[-1] * sides[-1] ** 2 * classes)
    return sum(costs), 3 * sum(costs) - costs[0]


def attention(cell: Cell) -> Iterator[Check]:
    """Yield checks of the operations of `transformer` on texts that fill its maximum length."""
    forward = transformer_flops(options_of(cell, "model"), classes=2)
    yield exactly("compute/flops", cell, forward)
    yield exactly("compute/training_flops", cell, 3 * forward)


def transformer_flops(options: Any, classes: int) -> int:
    """Return the FLOP of a text of s words of width d.

    Each layer costs 8·s·d² for queries, keys, values and the output projection, 4·s²·d for the products of attention
    (Vaswani et al. 2017) and 4·s·d·f for the feed-forward layer. The classes cost 2·d·c.
    """
    s, d, f = options.max_length, options.dimension, options.feedforward
    return options.layers * (8 * s * d**2 + 4 * s**2 * d + 4 * s * d * f) + 2 * d * classes
