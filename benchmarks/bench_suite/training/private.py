"""Private training: DP-SGD on Opacus: Poisson sampling, clipped gradients of single examples, and noise.

Abadi et al. 2016, arXiv 1607.00133. The steps are those of `fitting`, with other batches and another gradient. The
guarantee does not cover statistics of train that a model computes when it is built, such as means and a vocabulary. It
does not cover the losses in the history. It does not hold for people who know the seed, from which the noise follows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from opacus.accountants.analysis.rdp import compute_rdp
from opacus.optimizers import DPOptimizer

from bench_suite.contracts import (
    CLIPPING_NORM,
    BenchError,
    Checkpoints,
    Data,
    History,
    Network,
    Placement,
    PrivacySpent,
    Problem,
    Report,
    TrainOptions,
)
from bench_suite.data.encoded import Encoded
from bench_suite.data.splits import Subset
from bench_suite.stats.renyi import ORDERS, classical_epsilon_of, epsilon_of, least_epsilon
from bench_suite.training.batching import batch_count, needs_several_rows
from bench_suite.training.distributed import Part
from bench_suite.training.example_gradients import (
    CHECKED,
    NotPrivate,
    check_complete,
    check_gradients,
    gradients_of_examples,
)
from bench_suite.training.fitting import Fitting, fitting

MAX_NOISE = 1e4
"Largest noise multiplier that is tried: no model learns anything under so much noise."
PRECISION = 1e-4
"Relative width of the interval to which the search narrows the noise multiplier; its upper end is used."


def train_privately(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    report: Report,
    encoded: Callable[[str], Encoded],
    checkpoints: Checkpoints | None = None,
) -> History:
    """Train `model.module` in place with the guarantee that `options.privacy` states.

    Arguments and errors are those of an engine's `train`.

    Raises:
        BenchError: the guarantee cannot be reached, or the placement has several devices, compiles, or is not in 32
            bits.
    """
    assert options.privacy is not None
    check_placement(placement)
    check_delta(options.privacy["delta"], len(data.splits["train"]))
    with fitting(model, data, problem, options, placement, report, encoded, checkpoints) as run:
        steps = options.epochs * run.steps_in_epoch
        sample_rate = 1.0 / run.steps_in_epoch
        norm = options.privacy.get("clipping_norm", CLIPPING_NORM)
        noise = noise_multiplier(options.privacy["epsilon"], options.privacy["delta"], sample_rate, steps)
        with gradients_of_examples(run.module) as module:
            check_gradients(run.model, module, run.examples, run.loss_of, placement.device)
            optimizer = DPOptimizer(
                run.update,
                noise_multiplier=noise,
                max_grad_norm=norm,
                expected_batch_size=len(run.examples) * sample_rate,
                loss_reduction="mean",
            )
            optimizer.attach_step_hook(_match_layout)
            _fit(run, module, optimizer)
        history = run.history()
    return replace(history, privacy=spent_after(history.steps, noise, norm, sample_rate, options.privacy["delta"]))


def _fit(run: Fitting, module: torch.nn.Module, optimizer: Any) -> None:
    """Run the epochs; a batch that Poisson sampling leaves empty is a step of noise alone."""
    for _ in run.epochs():
        parts = run.begin_epoch()
        columns = run.feed.batches([part.rows for part in parts if part.own])
        run.clock.resume()
        for part in parts:
            run.clock.ask()
            loss = _backward(run, module, part, columns)
            if run.scheduled:
                rate = run.learning_rate(run.clock.steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if not run.end_step(loss, part, 0.0):
                return
        if run.end_epoch():
            return


def _backward(run: Fitting, module: torch.nn.Module, part: Part, columns: Iterator[Mapping[str, Any]]) -> torch.Tensor:
    """Compute the gradient of each example of a batch, and return the batch's mean loss; 0 if it is empty."""
    if not part.own:
        run.clock.receive()
        for weight in run.weights:
            weight.grad_sample = weight.new_zeros((0, *weight.shape))  # type: ignore[attr-defined]  # Opacus reads it
        return torch.zeros((), device=run.placement.device)
    batch = run.load(run.model.collate(next(columns)))
    run.clock.receive()
    loss = run.loss_of(module(**batch.inputs), batch)
    loss.backward()
    check_complete(run.weights, part.own)
    return loss


def _match_layout(optimizer: DPOptimizer) -> None:
    """Give each gradient the layout in memory of its weight, such as `channels_last`: fused optimisers assume that."""
    for weight in optimizer.params:
        if weight.grad.stride() != weight.stride():
            weight.grad = torch.empty_like(weight).copy_(weight.grad)


# ── the guarantee ───────────────────────────────────────────────────────────────────────────────


def spent_after(steps: int, noise: float, norm: float, sample_rate: float, delta: float) -> PrivacySpent:
    """Return the guarantee after so many steps of the subsampled Gaussian mechanism.

    Args:
        steps: number of steps.
        noise: the noise multiplier.
        norm: the clipping norm.
        sample_rate: probability with which each example is in a step.
        delta: δ.
    """
    divergences = divergences_of(noise, sample_rate, steps)
    return PrivacySpent(
        epsilon=epsilon_of(divergences, delta),
        epsilon_classical=classical_epsilon_of(divergences, delta),
        delta=delta,
        noise_multiplier=noise,
        clipping_norm=norm,
        sample_rate=sample_rate,
        steps=steps,
    )


def divergences_of(noise: float, sample_rate: float, steps: int) -> list[float]:
    """Return the Rényi divergences of the steps at `ORDERS` (Mironov et al. 2019, arXiv 1908.10530), by Opacus."""
    values = compute_rdp(q=sample_rate, noise_multiplier=noise, steps=steps, orders=list(ORDERS))
    return [float(value) for value in values]


@functools.cache  # shadow models ask again, and the search takes a second
def noise_multiplier(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """Return the smallest noise multiplier whose ε after all steps is at most `epsilon`, to `PRECISION`.

    Raises:
        NotPrivate: no noise reaches this ε.
    """

    def reaches(noise: float) -> bool:
        return epsilon_of(divergences_of(noise, sample_rate, steps), delta) <= epsilon

    high = 1.0
    while not reaches(high):
        high *= 2.0
        if high > MAX_NOISE:
            raise NotPrivate(
                f"privacy: epsilon = {epsilon:g} cannot be reached with delta = {delta:g} in {steps:,} steps that each "
                f"contain an example with probability {sample_rate:.3g}; no noise reaches an epsilon below "
                f"{least_epsilon(delta):.3g}: state a larger epsilon, fewer epochs, or a smaller batch_size"
            )
    low = high / 2.0
    while low > 1e-3 and reaches(low):
        low, high = low / 2.0, low
    while high - low > PRECISION * high:
        middle = (low + high) / 2.0
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


# ── refusals ────────────────────────────────────────────────────────────────────────────────────


def check_placement(placement: Placement) -> None:
    """Raise BenchError if this placement does not provide the gradients of single examples."""
    if placement.devices > 1:
        raise BenchError("privacy trains on one device: set devices = 1")
    if placement.compiled:
        raise BenchError(
            "privacy needs the gradient of each example, which a compiled network does not have: set compile = false"
        )
    if placement.precision != "32-true":
        raise BenchError(
            'privacy needs 32 bits, since the sensitivity of rounded sums is not known: set precision = "32-true"'
        )


def check_delta(delta: float, examples: int) -> None:
    """Raise NotPrivate if a δ would permit the publication of whole examples."""
    if not math.isfinite(delta) or delta >= 1.0 / examples:
        raise NotPrivate(
            f"privacy: delta = {delta:g} is not below 1 / {examples:,} (one over the number of training examples), so "
            "a training that publishes an example at random would satisfy it: state a smaller delta"
        )


def few_examples(data: Data) -> Data:
    """Return the data with a few training examples and no validation, enough to compare gradients."""
    train = data.splits["train"]
    few = Subset(train, np.arange(min(CHECKED, len(train))))
    return replace(data, splits={"train": few, "test": data.splits["test"]})


def check_private(
    model: Any,
    size: int,
    few: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    encoded: Callable[[str], Encoded],
) -> None:
    """Check that `train_privately` can train a model, without a step of it.

    Args:
        model: the model, built; its weights are as before.
        size: number of training examples.
        few: the data of `few_examples`.
        problem: as in an engine's `train`.
        options: as in an engine's `train`.
        placement: where to compute the gradients.
        encoded: of `few`.

    Raises:
        NotPrivate: with the reason.
    """
    assert options.privacy is not None
    epsilon, delta = options.privacy["epsilon"], options.privacy["delta"]
    check_delta(delta, size)
    steps = batch_count(size, options.batch_size, join_last=needs_several_rows(model.module))
    noise_multiplier(epsilon, delta, 1.0 / steps, options.epochs * steps)
    with (
        fitting(model, few, problem, options, placement, lambda window: True, encoded, None) as run,
        gradients_of_examples(run.module) as module,
    ):
        check_gradients(run.model, module, run.examples, run.loss_of, placement.device)
