"""Attribution checks: the known attributions of tasks whose relevant columns or pixels are known.

The gradient of a linear network is its weights. If the network reads one column only, all measures of an attribution
follow from the architecture, whatever it learnt. For networks that are not linear, the bounds come from
`probes.attribution.expectations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.probes.attribution.expectations import CLAIMS
from bench_suite.selftest.checks import (
    CHANCE,
    Check,
    Measured,
    around,
    between,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import NORMAL, OFTEN, SIGMAS, accuracy_of, bootstrap_middle, bootstrap_width
from bench_suite.suite.plan import Cell

EXAMPLES = 100
"Test examples to explain, for tables."
PICTURES = 16
"The same for images, as in `expectations`."
NOISE = 0.1
"Greatest change of an input for the sensitivity, in standard deviations of the inputs: the probe's default."
LEVELS = 20
"Steps in which columns are deleted or inserted, as in the probe."
COPIES = 4
"Noisy copies of an example for its sensitivity, for tables."
SMOOTHING_COPIES = 2
"Noisy copies over which a smoothed method averages."
RESAMPLES = 1000
"Resamples for an interval of a mean over examples: the default of `bootstrap_interval`."
ROUNDED, SUMMED = 1e-4, "rounding of 32 bits, accumulated"

RIGHT = 0.95
"Least accuracy of a network for which the expectations hold."


@dataclass(frozen=True)
class ProbeRequest:
    """The settings of the probe `attribution` for one planted cell: only what the checks read, to save time."""

    task: str
    model: str
    methods: tuple[str, ...]
    examples: int = EXAMPLES
    samples: int = COPIES
    more: str = ""
    "Further options in the syntax of a suite."


ADDITIVE = ("deep_lift", "gradient_shap", "feature_ablation", "kernel_shap")
"Methods whose attribution of a column in a linear network is its weight times its difference from the reference."
LOCALISING = ("integrated_gradients", "guided_backprop", "deep_lift", "occlusion")
"Methods that find the glyph in an image."
COMPLETE = ("integrated_gradients", "deep_lift", "gradient_shap")
"Methods whose attributions sum to the change of the logit in every network."
MIN_AUC_GAP = 0.4
"Least insertion AUC minus deletion AUC of a method that finds the glyph: 0.6 to 0.8 with five seeds."
MIN_SIMILARITY = 0.75
"""Least similarity of guided backpropagation after the last layer is shuffled: 0.83 to 0.93 with five seeds, while
plain gradients have 0.5. The bound in `expectations`, 0.85, is for one seed."""
MAX_SIMILARITY = 0.7
"Greatest similarity after all layers are shuffled: 0.4 to 0.6."
PROBES: Mapping[str, ProbeRequest] = {
    "attribution": ProbeRequest(
        "planted_columns",
        "linear",
        ("saliency", "integrated_gradients", "input_x_gradient", "random"),
        more=f'smoothed=["input_x_gradient"],copies={SMOOTHING_COPIES}',
    ),
    "one_column": ProbeRequest("planted_columns", "first_column", ("saliency", "random")),
    "decoy": ProbeRequest("planted_decoy", "linear", ("saliency",)),
    "methods": ProbeRequest("planted_columns", "linear", ADDITIVE, 4, 1, 'smoothed=["saliency"],coalitions=60'),
    "importances": ProbeRequest("planted_columns", "linear", ("integrated_gradients",), 4, 1),
    "glyphs": ProbeRequest("planted_pixels", "cnn", (*LOCALISING, "gradient_shap"), PICTURES, 1),
    "residual": ProbeRequest("planted_pixels", "resnet", ("guided_backprop", "deep_lift"), PICTURES, 1),
}
"By the label of the probe."


def linear(cell: Cell) -> Iterator[Check]:
    """Yield checks of a linear network on columns of which four determine the class, with or without a decoy.

    Without a decoy, Φ(√4) is the best accuracy, since each column is ±1 plus standard normal noise. Saliency, the
    weights, ranks signals before noise in every example. Integrated gradients and input times gradient are equal and
    sum to the change of the logit.
    """
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    tested = max(4, options.size // 5)
    if options.decoy is not None:
        yield accuracy_of(cell, decoyed_accuracy(task.SIGNALS, options.decoy), tested)
        if "decoy" in cell.probes:
            yield _decoy_share(cell, task.SIGNALS, options)
        return
    yield accuracy_of(cell, NORMAL.cdf(math.sqrt(task.SIGNALS)), tested)
    if "attribution" not in cell.probes:
        return
    reader = _reader("attribution", cell)
    yield exactly("localisation of saliency", cell, 1, reader("localisation_auroc", "saliency"))
    yield exactly("pointing game of saliency", cell, 1, reader("pointing_game", "saliency"))
    integrated, product = (reader("localisation_auroc", name) for name in ("integrated_gradients", "input_x_gradient"))
    yield around(
        "integrated_gradients less input_x_gradient", cell, 0, 1e-3, "ties",
        read=lambda measured: integrated(measured) - product(measured),
    )  # fmt: skip
    complete = reader("completeness_error", "integrated_gradients")
    yield around("attribution/completeness_error", cell, 0, ROUNDED, SUMMED, read=complete)
    yield around("infidelity of saliency", cell, 0, ROUNDED, SUMMED, read=reader("infidelity", "saliency"))
    yield exactly("sensitivity of saliency", cell, 0, reader("sensitivity", "saliency"))
    for layers in ("last layer", "all layers"):
        yield _shuffled(cell, task.SIGNALS + options.noise, layers)
    for method, copies in (("input_x_gradient", None), ("smoothed input_x_gradient", SMOOTHING_COPIES)):
        mean, deviation = product_sensitivity(task.SIGNALS, copies)
        yield around(
            f"sensitivity of {method}", cell, mean, SIGMAS * deviation / math.sqrt(EXAMPLES),
            f"equal weights, {EXAMPLES} random examples, {OFTEN}", read=reader("sensitivity", method),
        )  # fmt: skip
    yield from _floor(cell, task.SIGNALS, options.noise)
    yield from _methods(cell)


def _methods(cell: Cell) -> Iterator[Check]:
    """Yield checks of methods that equal integrated gradients on a linear network.

    Attributions without infidelity are correct up to a factor, and those without completeness error are correct in sum.
    """
    reader = _reader("methods", cell)
    for method in ADDITIVE:
        numbers = [reader(name, method) for name in ("completeness_error", "infidelity")]
        yield around(
            f"{method}, unexplained", cell, 0, ROUNDED, SUMMED,
            read=lambda measured, numbers=numbers: max(read(measured) for read in numbers),
        )  # fmt: skip
    yield exactly("localisation, smoothed saliency", cell, 1, reader("localisation_auroc", "smoothed saliency"))


def _shuffled(cell: Cell, parts: int, layers: str) -> Check:
    """Return a check that the saliency of a network with shuffled weights ranks the columns in a random order.

    For a random order, the rank correlation r gives t = r · √((k − 2) / (1 − r²)), which has Student's t distribution
    with k − 2 degrees of freedom. The mean over examples, which are of two kinds by class, has no heavier tails.
    """
    from scipy import stats

    t = float(stats.t.isf(CHANCE / 2, parts - 2))
    similarity = _reader("attribution", cell)("randomised_similarity", "saliency", shuffled=layers)
    basis = f"two random orders of {parts}, {OFTEN}"
    name = f"similarity of saliency, {layers}"
    return around(name, cell, 0, t / math.sqrt(parts - 2 + t * t), basis, read=similarity)


def _floor(cell: Cell, signals: int, noise: int) -> Iterator[Check]:
    """Yield checks of a random attribution, whose measures are those of chance."""
    reader, parts = _reader("attribution", cell), signals + noise
    basis = f"chance over {EXAMPLES} examples, {OFTEN}"
    # Mann-Whitney's U of random ranks, as a share of the pairs; the mean over examples.
    error = math.sqrt((parts + 1) / (12 * signals * noise) / EXAMPLES)
    read_random = reader("localisation_auroc", "random")
    yield around("localisation of random", cell, 0.5, SIGMAS * error, basis, read=read_random)
    share = signals / parts
    error = math.sqrt(share * (1 - share) / EXAMPLES)
    read_random = reader("pointing_game", "random")
    yield around("pointing game of random", cell, share, SIGMAS * error, basis, read=read_random)
    yield from _pointing_interval(cell, share, read_random)
    # A rank correlation of independent ranks has variance 1 / (parts − 1) (Kendall 1948).
    error = 1 / math.sqrt((parts - 1) * EXAMPLES)
    read_random = reader("randomised_similarity", "random", shuffled="last layer")
    yield around("similarity of random", cell, 0, SIGMAS * error, basis, read=read_random)
    mean, deviation = noise_sensitivity(parts)
    read_random = reader("sensitivity", "random")
    yield around(
        "sensitivity of random", cell, mean, SIGMAS * deviation / math.sqrt(EXAMPLES), basis, read=read_random
    )  # fmt: skip


def _pointing_interval(cell: Cell, share: float, read_random: Callable[[Measured], float]) -> Iterator[Check]:
    """Yield checks of the interval of the share of examples in which noise points at a signal.

    The interval belongs to the measured share, which `read_random` reads. The tolerance is that of the known share,
    since it changes little.
    """
    at, basis = {"method": "random"}, f"two quantiles of {RESAMPLES} resamples, {OFTEN}"
    name = "attribution/pointing_game"
    width = read_interval(name, cell, lambda interval: interval.high - interval.low, **at)
    yield around(
        "pointing game, interval width less formula", cell, 0, bootstrap_width(share, EXAMPLES, RESAMPLES)[1], basis,
        read=lambda measured: width(measured) - bootstrap_width(read_random(measured), EXAMPLES, RESAMPLES)[0],
    )  # fmt: skip
    middle = read_interval(name, cell, lambda interval: (interval.low + interval.high) / 2, **at)
    yield around(
        "pointing game, interval middle less value", cell, 0, bootstrap_middle(share, EXAMPLES, RESAMPLES), basis,
        read=lambda measured: middle(measured) - read_random(measured),
    )  # fmt: skip


@cache
def product_sensitivity(signals: int, copies: int | None = None) -> tuple[float, float]:
    """Return mean and deviation of max‖uⱼ‖ / ‖x‖ over `COPIES` steps uⱼ, uniform up to `NOISE` in each signal column.

    Input times gradient of a linear network changes with its input, in proportion to weights that are equal for all
    signals and 0 for noise. Standardised, x is (±1 + ε) / √2 with normal ε. An attribution smoothed over `copies` also
    has the mean of so many normal errors of deviation `NOISE`.
    """
    random = np.random.default_rng(0)
    x = (1 + random.standard_normal((50_000, signals))) / math.sqrt(2)
    moved = x + random.uniform(-NOISE, NOISE, (COPIES, 50_000, signals))
    if copies is not None:
        x, moved = (values + NOISE / math.sqrt(copies) * random.standard_normal(values.shape) for values in (x, moved))
    ratio = np.linalg.norm(moved - x, axis=2).max(axis=0) / np.linalg.norm(x, axis=1)
    return float(ratio.mean()), float(ratio.std())


@cache
def noise_sensitivity(parts: int) -> tuple[float, float]:
    """Return mean and deviation of max‖a − bⱼ‖ / ‖a‖ over `COPIES` attributions bⱼ, all independent normal noise."""
    read_random = np.random.default_rng(0).standard_normal((COPIES + 1, 50_000, parts))
    ratio = np.linalg.norm(read_random[1:] - read_random[0], axis=2).max(axis=0) / np.linalg.norm(
        read_random[0], axis=1
    )
    return float(ratio.mean()), float(ratio.std())


# ── a decoy ─────────────────────────────────────────────────────────────────────────────────────


def decoyed_accuracy(signals: int, copied: float) -> float:
    """Return the test accuracy of the best rule for the training data; in the test data the decoy is random.

    The rule has the weight 2 for each signal and ln((1 + r) / (1 − r)) for the decoy. The signals sum to 2s ± 2√s; the
    decoy helps in one half of the examples and misleads in the other.
    """
    weight, middle, spread = math.log((1 + copied) / (1 - copied)), 2 * signals, 2 * math.sqrt(signals)
    return (NORMAL.cdf((middle + weight) / spread) + NORMAL.cdf((middle - weight) / spread)) / 2


def _decoy_share(cell: Cell, signals: int, options: Any) -> Check:
    """Return a check that saliency gives the decoy its share of the best rule's slopes, though it is random in test."""
    trained_on = options.size - round(options.size * cell.options["train"]["validation"])
    share, error = decoy_share(signals, options.decoy, trained_on)
    basis = f"the best rule for {trained_on} random examples, {OFTEN}"
    read = _reader("decoy", cell)("decoy_share", "saliency")
    return around("decoy_share of saliency", cell, share, SIGMAS * error, basis, read=read)


@cache
def decoy_share(signals: int, copied: float, examples: int) -> tuple[float, float]:
    """Return the decoy's share of the best rule's slopes in standardised columns, and its standard error.

    A signal has slope 2 and deviation √2, the decoy has slope ln((1 + r) / (1 − r)) and deviation 1. The covariance of
    the fitted slopes is the inverse of Fisher's information, E[p (1 − p) x xᵀ], estimated here with 100,000 random
    examples. Noise columns are independent of the others and can be left out.
    """
    weight = math.log((1 + copied) / (1 - copied))
    slopes = np.array([2 * math.sqrt(2)] * signals + [weight])
    share = weight / slopes.sum()
    random = np.random.default_rng(0)
    sign = random.choice((-1.0, 1.0), 100_000)
    decoy = np.where(random.random(len(sign)) < copied, sign, random.choice((-1.0, 1.0), len(sign)))
    columns = (sign[:, None] + random.standard_normal((len(sign), signals))) / math.sqrt(2)
    x = np.column_stack([columns, decoy])
    p = 1 / (1 + np.exp(-x @ slopes))
    information = (x * (p * (1 - p))[:, None]).T @ x / len(x)
    gradient = np.array([-share] * signals + [1 - share]) / slopes.sum()
    return share, math.sqrt(gradient @ np.linalg.inv(information) @ gradient / examples)


# ── one column ──────────────────────────────────────────────────────────────────────────────────


def first_column(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network without biases that reads only the first of four columns that determine the class.

    Its saliency is 0 for all other columns, also after its weights are shuffled, so that the similarity is 1. With the
    first column at the reference, the score of each class is ½.
    """
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    yield accuracy_of(cell, NORMAL.cdf(1), max(4, options.size // 5))
    if "one_column" not in cell.probes:
        return
    reader, parts = _reader("one_column", cell), task.SIGNALS + options.noise
    # The column ranks first; the other signals are tied with the noise.
    auroc = (1 + (task.SIGNALS - 1) / 2) / task.SIGNALS
    yield exactly("localisation of one column", cell, auroc, reader("localisation_auroc", "saliency"))
    for layers in ("last layer", "all layers"):
        similarity = reader("randomised_similarity", "saliency", shuffled=layers)
        yield exactly(f"similarity of saliency, {layers}", cell, 1, similarity)

    def scores(measured: Measured) -> float:
        """Return the mean score of the explained classes."""
        maxima = np.asarray(measured.predictions(cell)["scores"], dtype=np.float64).max(axis=1)
        return float(maxima[np.linspace(0, len(maxima) - 1, EXAMPLES).astype(np.int64)].mean())

    left = np.array([share_left(rank, parts) for rank in range(parts)])
    for name, share in (("deletion_auc", left[0]), ("insertion_auc", 1 - left[0])):
        area = reader(name, "saliency")
        yield around(
            f"{name} less what scores say", cell, 0, ROUNDED, SUMMED,
            read=lambda measured, area=area, share=share: area(measured) - _area(scores(measured), share),
        )  # fmt: skip
    area = reader("deletion_auc", "random")
    yield around(
        "deletion_auc of random, likewise", cell, 0, SIGMAS * float(left.std()) / 2 / math.sqrt(EXAMPLES),
        f"chance over {EXAMPLES} examples, {OFTEN}",
        read=lambda measured: area(measured) - _area(scores(measured), float(left.mean())),
    )  # fmt: skip


def share_left(rank: int, parts: int) -> float:
    """Return the share of the deletion curve's area over ½ before the part of this rank (from 0) is deleted."""
    present = [rank >= round(parts * level / LEVELS) for level in range(LEVELS + 1)]
    return (sum(present) - (present[0] + present[-1]) / 2) / LEVELS


def _area(score: float, share: float) -> float:
    """Return the area under a curve with the value `score` for a share of its length, and ½ for the rest."""
    return 0.5 + (score - 0.5) * share


# ── images ────────────────────────────────────────────────────────────────────────────────────


def convolutional(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network that recognises glyphs in noise: several methods find the glyph, and some are complete.

    No image is recognised without its glyph, and a few of its pixels are enough. So the probability falls early in
    deletion and rises early in insertion, if the parts that speak for the class have a positive sign.
    """
    accuracy = read_metric("quality/accuracy", cell)
    yield between("quality/accuracy", cell, 1, RIGHT, 1, "the network has learnt the glyphs", read=accuracy)
    if "glyphs" in cell.probes:
        reader = _reader("glyphs", cell)
        for method in LOCALISING:
            yield _expected(f"localisation of {method}", cell, "glyph", method, "localisation_auroc", reader)
        yield _expected("pointing game in pictures", cell, "glyph", "integrated_gradients", "pointing_game", reader)
        for method in COMPLETE:
            yield _expected(
                f"completeness_error of {method}", cell, "glyph", method, "completeness_error", reader, known=0
            )
        for method in LOCALISING:
            yield between(
                f"insertion less deletion, {method}", cell, 1, MIN_AUC_GAP, 1, "only the glyph determines the class",
                read=_auc_gap(reader, method),
            )  # fmt: skip


def _auc_gap(reader: Reader, method: str) -> Callable[[Measured], float]:
    insertion, deletion = reader("insertion_auc", method), reader("deletion_auc", method)
    return lambda measured: insertion(measured) - deletion(measured)


def residual(cell: Cell) -> Iterator[Check]:
    """Yield checks of a residual network: guided backpropagation hardly changes if the last layer is shuffled.

    DeepLift is complete in every network, so its bound for the other network applies here as well.
    """
    if "residual" in cell.probes:
        reader = _reader("residual", cell)
        last, all_layers = (
            reader("randomised_similarity", "guided_backprop", shuffled=layers)
            for layers in ("last layer", "all layers")
        )
        basis = "it shows the features of the input, however the last layer uses them"
        yield between("similarity of guided_backprop", cell, 1, MIN_SIMILARITY, 1, basis, read=last)
        basis = "a network without features has nothing to show"
        yield between(
            "similarity of guided_backprop, all layers",
            cell,
            0,
            -MAX_SIMILARITY,
            MAX_SIMILARITY,
            basis,
            read=all_layers,
        )
        name = "completeness_error of deep_lift, residual network"
        yield _expected(name, cell, "glyph", "deep_lift", "completeness_error", reader, known=0)


def _expected(
    instrument: str, cell: Cell, setting: str, method: str, name: str, reader: Reader, known: float = 1
) -> Check:
    """Return the expectation of a method as a check; `known` is the ideal value."""
    (claim,) = (claim for claim in CLAIMS if (claim.setting, claim.method, claim.metric) == (setting, method, name))
    return between(instrument, cell, known, claim.low, claim.high, claim.why, read=reader(name, method))


Reader = Callable[..., Callable[[Measured], float]]


def _reader(label: str, cell: Cell) -> Reader:
    """Return a function that maps a metric, a method and further coordinates to a reader of a probe's metric."""
    return lambda name, method, **at: read_metric(f"{label}/{name}", cell, method=method, **at)
