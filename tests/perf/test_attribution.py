"""Integrated gradients through the probe's methods against the best hand-written use of Captum, interleaved.

256 digits × 32 steps. The ratio is asserted, never a time; of processor time on one thread, which other
programs disturb least. `pytest -m perf tests/perf/test_attribution.py -s`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import process_time

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from bench_suite.attribution.memory import rows_at_once
from bench_suite.attribution.methods import Settings, attribute
from bench_suite.attribution.subjects import explainable, inputs_of, subject_of
from bench_suite.contracts import Data, Source
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import MemorySplit
from bench_suite.models import mlp

pytestmark = pytest.mark.perf
DIGITS, STEPS, ROUNDS = 256, 32, 15
SIZES = (None, 256, 512, 1024, 2048)
"`internal_batch_size`; None is Captum's default, all 8,192 rows at once."


def digits() -> Data:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (DIGITS, 28, 28, 1), dtype=np.uint8)
    split = MemorySplit(np.arange(DIGITS), {"image": images, "target": random.integers(0, 10, DIGITS)})
    spec = {"classes": tuple("0123456789")}
    return Data("classification", spec, {"train": split, "test": split}, Source("generated", "perf", "0"))


def test_it_is_at_least_as_fast_as_the_best_batch_size_by_hand() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = digits()
    network = mlp.build(data, mlp.Options())
    module = network.module.eval()
    batch = encoded(network, data.splits["test"]).batch(network, torch.arange(DIGITS))
    images = batch.inputs["image"].float()
    reference = torch.full((1, 28, 28, 1), 127.0)
    with torch.no_grad():
        target = module(image=images).argmax(dim=1)

    def by_hand(size: int | None) -> Callable[[], object]:
        def attributed() -> object:
            return IntegratedGradients(lambda image: module(image=image)).attribute(
                images, reference, target=target, n_steps=STEPS, internal_batch_size=size
            )

        return attributed

    plain = subject_of(network, data, "mean", "cpu")

    def ours() -> object:
        with explainable(module):
            subject, inputs = inputs_of(plain, batch)
            return attribute("integrated_gradients", subject, inputs, Settings(rows_at_once(subject, inputs), STEPS))

    contenders: dict[object, Callable[[], object]] = {"ours": ours, **{size: by_hand(size) for size in SIZES}}
    times: dict[object, list[float]] = {name: [] for name in contenders}
    for round_ in range(ROUNDS + 1):
        order = list(contenders) if round_ % 2 else list(contenders)[::-1]
        for name in order:
            started = process_time()
            contenders[name]()
            times[name].append(process_time() - started)
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    best = min(SIZES, key=lambda size: medians[size])
    ratio = statistics.median(theirs / mine for theirs, mine in zip(times[best][1:], times["ours"][1:]))
    shown = ", ".join(f"{name}: {seconds * 1e3:.0f} ms" for name, seconds in medians.items())
    print(f"\n{ratio:.2f} of the speed of the best by hand (internal_batch_size {best}); {shown}")
    assert ratio >= 0.95
