"""Explained: what is known of attributions where it is known which columns or pixels tell the class.

The gradient of a linear network is its weights. Where it reads one column only, all that is measured of an explanation
follows from the architecture, whatever was learnt. Of networks that are not linear there is what `attribution.claims`
claims.
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
from bench_suite.selftest.checks import CHANCE, Check, Measured, around, between, bound, exactly, metric, options_of
from bench_suite.selftest.tolerances import NORMAL, OFTEN, SIGMAS, accuracy_of, bootstrap_middle, bootstrap_width
from bench_suite.suite.plan import Cell

EXAMPLES = 100
"Test examples that are explained, of tables."
PICTURES = 16
"The same of pictures, as the claims have it."
NOISE = 0.1
"How far each of them moves at the most, in standard deviations of the inputs: the probe's default."
LEVELS = 20
"Steps in which columns are deleted or inserted."
COPIES = 4
"Noisy copies of an example behind its sensitivity, of tables."
SMOOTHED = 2
"Noisy copies over which a smoothed method takes the mean."
RESAMPLES = 1000
"Behind each interval of a mean over examples, the default of `bootstrap_interval`."
ROUNDED, SUMMED = 1e-4, "rounding of 32 bits, summed"
SCORES = 1e-3
"What the means of stored scores may be off, which have three digits."

RIGHT = 0.95
"Least accuracy of a network of which the claims speak."


@dataclass(frozen=True)
class Asked:
    """What the probe `attribution` is asked of one planted cell: no more than is looked at, since it takes time."""

    task: str
    model: str
    methods: tuple[str, ...]
    examples: int = EXAMPLES
    samples: int = COPIES
    more: str = ""
    "Further options, as a suite has them."


MOVED = ("deep_lift", "gradient_shap", "feature_ablation", "kernel_shap")
"Methods that give each column of a linear network its weight times how far it is from the reference."
FOUND = ("integrated_gradients", "guided_backprop", "deep_lift", "occlusion")
"Methods that find the glyph in a picture."
COMPLETE = ("integrated_gradients", "deep_lift", "gradient_shap")
"Methods whose parts sum to the change of the logit, whatever the network."
APART = 0.4
"Least of the insertion less the deletion AUC of a method that finds the glyph: 0.6 to 0.8 under five seeds."
ALIKE = 0.75
"""Least similarity of guided backpropagation without what the last layer learnt: 0.83 to 0.93 under five seeds, while
plain gradients have 0.5. `claims` speaks of one seed, and of 0.85."""
UNLIKE = 0.7
"The most that is left of it without what any layer learnt: 0.4 to 0.6."
ASKED: Mapping[str, Asked] = {
    "attribution": Asked(
        "planted_columns",
        "linear",
        ("saliency", "integrated_gradients", "input_x_gradient", "random"),
        more=f'smoothed=["input_x_gradient"],copies={SMOOTHED}',
    ),
    "one_column": Asked("planted_columns", "first_column", ("saliency", "random")),
    "decoy": Asked("planted_decoy", "linear", ("saliency",)),
    "methods": Asked("planted_columns", "linear", MOVED, 4, 1, 'smoothed=["saliency"],coalitions=60'),
    "glyphs": Asked("planted_pixels", "cnn", (*FOUND, "gradient_shap"), PICTURES, 1),
    "residual": Asked("planted_pixels", "resnet", ("guided_backprop", "deep_lift"), PICTURES, 1),
}
"By the probe's label."


def linear(cell: Cell) -> Iterator[Check]:
    """Of a linear network on columns of which four tell the class, perhaps beside a decoy.

    Without a decoy Φ(√4) is the best accuracy, as each column is ±1 ± 1, and saliency, the weights, ranks signals
    before noise in every example. What integrated gradients and input times gradient give is the same and sums to the
    change of the logit.
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
    of = _reader("attribution", cell)
    yield exactly("localisation of saliency", cell, 1, of("localisation_auroc", "saliency"))
    yield exactly("pointing game of saliency", cell, 1, of("pointing_game", "saliency"))
    integrated, product = (of("localisation_auroc", name) for name in ("integrated_gradients", "input_x_gradient"))
    yield around(
        "integrated_gradients less input_x_gradient", cell, 0, 1e-3, "but for ties",
        read=lambda measured: integrated(measured) - product(measured),
    )  # fmt: skip
    complete = of("completeness_error", "integrated_gradients")
    yield around("attribution/completeness_error", cell, 0, ROUNDED, SUMMED, read=complete)
    yield around("infidelity of saliency", cell, 0, ROUNDED, SUMMED, read=of("infidelity", "saliency"))
    yield exactly("sensitivity of saliency", cell, 0, of("sensitivity", "saliency"))
    for layers in ("last layer", "all layers"):
        yield _shuffled(cell, task.SIGNALS + options.noise, layers)
    for method, copies in (("input_x_gradient", None), ("smoothed input_x_gradient", SMOOTHED)):
        mean, deviation = product_sensitivity(task.SIGNALS, copies)
        yield around(
            f"sensitivity of {method}", cell, mean, SIGMAS * deviation / math.sqrt(EXAMPLES),
            f"equal weights, {EXAMPLES} drawn examples, {OFTEN}", read=of("sensitivity", method),
        )  # fmt: skip
    yield from _floor(cell, task.SIGNALS, options.noise)
    yield from _methods(cell)


def _methods(cell: Cell) -> Iterator[Check]:
    """Of methods that come to the same on a linear network as integrated gradients do.

    Parts of no infidelity are right but for a factor, and of no completeness error right in sum.
    """
    of = _reader("methods", cell)
    for method in MOVED:
        numbers = [of(name, method) for name in ("completeness_error", "infidelity")]
        yield around(
            f"{method}, unexplained", cell, 0, ROUNDED, SUMMED,
            read=lambda measured, numbers=numbers: max(read(measured) for read in numbers),
        )  # fmt: skip
    yield exactly("localisation, smoothed saliency", cell, 1, of("localisation_auroc", "smoothed saliency"))


def _shuffled(cell: Cell, parts: int, layers: str) -> Check:
    """Once its weights are shuffled, the network's saliency ranks the columns in an order that is drawn.

    The rank correlation r of an order that is drawn has Student's t with k − 2 degrees of freedom as t = r ·
    √((k − 2) / (1 − r²)); the mean over examples, of which there are two sorts by class, has no longer tails.
    """
    from scipy import stats

    t = float(stats.t.isf(CHANCE / 2, parts - 2))
    similarity = _reader("attribution", cell)("randomised_similarity", "saliency", shuffled=layers)
    basis = f"two drawn orders of {parts}, {OFTEN}"
    name = f"similarity of saliency, {layers}"
    return around(name, cell, 0, t / math.sqrt(parts - 2 + t * t), basis, read=similarity)


def _floor(cell: Cell, signals: int, noise: int) -> Iterator[Check]:
    """Of an attribution that is drawn, and knows nothing: what chance gives it."""
    of, parts, basis = _reader("attribution", cell), signals + noise, f"chance over {EXAMPLES} examples, {OFTEN}"
    # Mann-Whitney's U of parts that know nothing, as a share of the pairs; the mean over examples.
    error = math.sqrt((parts + 1) / (12 * signals * noise) / EXAMPLES)
    drawn = of("localisation_auroc", "random")
    yield around("localisation of random", cell, 0.5, SIGMAS * error, basis, read=drawn)
    share = signals / parts
    error = math.sqrt(share * (1 - share) / EXAMPLES)
    drawn = of("pointing_game", "random")
    yield around("pointing game of random", cell, share, SIGMAS * error, basis, read=drawn)
    yield from _pointing_interval(cell, share, drawn)
    # A rank correlation of independent ranks has variance 1 / (parts − 1) (Kendall 1948).
    error = 1 / math.sqrt((parts - 1) * EXAMPLES)
    drawn = of("randomised_similarity", "random", shuffled="last layer")
    yield around("similarity of random", cell, 0, SIGMAS * error, basis, read=drawn)
    mean, deviation = noise_sensitivity(parts)
    drawn = of("sensitivity", "random")
    yield around(
        "sensitivity of random", cell, mean, SIGMAS * deviation / math.sqrt(EXAMPLES), basis, read=drawn
    )  # fmt: skip


def _pointing_interval(cell: Cell, share: float, drawn: Callable[[Measured], float]) -> Iterator[Check]:
    """Of the share of examples in which noise points at a signal: by what was `drawn`, since the interval is about it.

    What is allowed is that of the known share; it changes little with what is drawn.
    """
    at, basis = {"method": "random"}, f"two quantiles of {RESAMPLES} resamples, {OFTEN}"
    name = "attribution/pointing_game"
    width = bound(name, cell, lambda interval: interval.high - interval.low, **at)
    yield around(
        "pointing game, interval width less formula", cell, 0, bootstrap_width(share, EXAMPLES, RESAMPLES)[1], basis,
        read=lambda measured: width(measured) - bootstrap_width(drawn(measured), EXAMPLES, RESAMPLES)[0],
    )  # fmt: skip
    middle = bound(name, cell, lambda interval: (interval.low + interval.high) / 2, **at)
    yield around(
        "pointing game, interval middle less value", cell, 0, bootstrap_middle(share, EXAMPLES, RESAMPLES), basis,
        read=lambda measured: middle(measured) - drawn(measured),
    )  # fmt: skip


@cache
def product_sensitivity(signals: int, copies: int | None = None) -> tuple[float, float]:
    """Mean and deviation of max‖uⱼ‖ / ‖x‖ over `COPIES` steps uⱼ, each uniform up to `NOISE` in each signal column.

    Input times gradient of a linear network moves as its input does, weighed by weights that are the same for all
    signals and 0 for noise. Standardised, x is (±1 + ε) / √2 with normal ε. Smoothed over so many `copies`, each
    attribution has the mean of as many normal errors of deviation `NOISE` besides.
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
    """Mean and deviation of max‖a − bⱼ‖ / ‖a‖ over `COPIES` attributions bⱼ, where all are independent normal noise."""
    drawn = np.random.default_rng(0).standard_normal((COPIES + 1, 50_000, parts))
    ratio = np.linalg.norm(drawn[1:] - drawn[0], axis=2).max(axis=0) / np.linalg.norm(drawn[0], axis=1)
    return float(ratio.mean()), float(ratio.std())


# ── a decoy ─────────────────────────────────────────────────────────────────────────────────────


def decoyed_accuracy(signals: int, told: float) -> float:
    """Of the best rule of train on test, where the decoy is a fair coin: 2 for each signal, ln((1 + r) / (1 − r)) for
    the decoy. The signals come to 2s ± 2√s, and the decoy helps in one half and misleads in the other."""
    weight, middle, spread = math.log((1 + told) / (1 - told)), 2 * signals, 2 * math.sqrt(signals)
    return (NORMAL.cdf((middle + weight) / spread) + NORMAL.cdf((middle - weight) / spread)) / 2


def _decoy_share(cell: Cell, signals: int, options: Any) -> Check:
    """Saliency gives the decoy its part of the best rule's slopes, though on test it tells nothing."""
    trained_on = options.size - round(options.size * cell.options["train"]["validation"])
    share, error = decoy_share(signals, options.decoy, trained_on)
    basis = f"the best rule of {trained_on} drawn examples, {OFTEN}"
    read = _reader("decoy", cell)("decoy_share", "saliency")
    return around("decoy_share of saliency", cell, share, SIGMAS * error, basis, read=read)


@cache
def decoy_share(signals: int, told: float, examples: int) -> tuple[float, float]:
    """Share of the decoy among the best rule's slopes in standardised columns, and its standard error.

    A signal has slope 2 and deviation √2, the decoy ln((1 + r) / (1 − r)) and deviation 1. The rule that is fitted to
    so many examples varies as the inverse of Fisher's information says, E[p (1 − p) x xᵀ], here taken over 100,000
    drawn examples; noise columns are independent of the others, so that nothing changes without them.
    """
    weight = math.log((1 + told) / (1 - told))
    slopes = np.array([2 * math.sqrt(2)] * signals + [weight])
    share = weight / slopes.sum()
    random = np.random.default_rng(0)
    sign = random.choice((-1.0, 1.0), 100_000)
    decoy = np.where(random.random(len(sign)) < told, sign, random.choice((-1.0, 1.0), len(sign)))
    columns = (sign[:, None] + random.standard_normal((len(sign), signals))) / math.sqrt(2)
    x = np.column_stack([columns, decoy])
    p = 1 / (1 + np.exp(-x @ slopes))
    information = (x * (p * (1 - p))[:, None]).T @ x / len(x)
    gradient = np.array([-share] * signals + [1 - share]) / slopes.sum()
    return share, math.sqrt(gradient @ np.linalg.inv(information) @ gradient / examples)


# ── one column ──────────────────────────────────────────────────────────────────────────────────


def first_column(cell: Cell) -> Iterator[Check]:
    """Of a network without biases that reads the first column and no other, one of four that tell the class.

    Its saliency is 0 on the others, in this network as in one whose weights were shuffled: an explanation that stays
    the same when what was learnt is gone. With the first column at the reference, the score of either class is ½.
    """
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    yield accuracy_of(cell, NORMAL.cdf(1), max(4, options.size // 5))
    if "one_column" not in cell.probes:
        return
    of, parts = _reader("one_column", cell), task.SIGNALS + options.noise
    # The column ranks before all others; the other signals are tied with the noise.
    auroc = (1 + (task.SIGNALS - 1) / 2) / task.SIGNALS
    yield exactly("localisation of one column", cell, auroc, of("localisation_auroc", "saliency"))
    for layers in ("last layer", "all layers"):
        similarity = of("randomised_similarity", "saliency", shuffled=layers)
        yield exactly(f"similarity of saliency, {layers}", cell, 1, similarity)

    def scores(measured: Measured) -> float:
        """Mean score of the explained classes."""
        every = np.asarray(measured.predictions(cell)["scores"], dtype=np.float64).max(axis=1)
        return float(every[np.linspace(0, len(every) - 1, EXAMPLES).astype(np.int64)].mean())

    left = np.array([share_left(place, parts) for place in range(parts)])
    for name, share in (("deletion_auc", left[0]), ("insertion_auc", 1 - left[0])):
        area = of(name, "saliency")
        yield around(
            f"{name} less what scores say", cell, 0, SCORES, "scores of three digits",
            read=lambda measured, area=area, share=share: area(measured) - _area(scores(measured), share),
        )  # fmt: skip
    area = of("deletion_auc", "random")
    yield around(
        "deletion_auc of random, likewise", cell, 0, SIGMAS * float(left.std()) / 2 / math.sqrt(EXAMPLES),
        f"chance over {EXAMPLES} examples, {OFTEN}",
        read=lambda measured: area(measured) - _area(scores(measured), float(left.mean())),
    )  # fmt: skip


def share_left(place: int, parts: int) -> float:
    """Share of the deletion curve's area over ½ that stands before the part at that place (from 0) is deleted."""
    stands = [place >= round(parts * level / LEVELS) for level in range(LEVELS + 1)]
    return (sum(stands) - (stands[0] + stands[-1]) / 2) / LEVELS


def _area(score: float, share: float) -> float:
    """Under a curve that is at `score` for a share of its length, and elsewhere at ½."""
    return 0.5 + (score - 0.5) * share


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def convolved(cell: Cell) -> Iterator[Check]:
    """Of a network that is right about glyphs in noise: several methods find the glyph, and some are complete.

    Without its glyph no picture is recognised, and a few pixels of it are enough: deletion ends early what insertion
    brings early, where the parts that speak for the class have the sign that says so.
    """
    accuracy = metric("quality/accuracy", cell)
    yield between("quality/accuracy", cell, 1, RIGHT, 1, "it has learnt the glyphs", read=accuracy)
    if "glyphs" in cell.probes:
        of = _reader("glyphs", cell)
        for method in FOUND:
            yield _claimed(f"localisation of {method}", cell, "glyph", method, "localisation_auroc", of)
        yield _claimed("pointing game in pictures", cell, "glyph", "integrated_gradients", "pointing_game", of)
        for method in COMPLETE:
            yield _claimed(f"completeness_error of {method}", cell, "glyph", method, "completeness_error", of, known=0)
        for method in FOUND:
            yield between(
                f"insertion less deletion, {method}", cell, 1, APART, 1, "the glyph alone tells the class",
                read=_apart(of, method),
            )  # fmt: skip


def _apart(of: Reader, method: str) -> Callable[[Measured], float]:
    insertion, deletion = of("insertion_auc", method), of("deletion_auc", method)
    return lambda measured: insertion(measured) - deletion(measured)


def residual(cell: Cell) -> Iterator[Check]:
    """Of a residual network: guided backpropagation shows the same without what the last layer learnt, and so fails.

    DeepLift is complete whatever the network, so what is claimed of it in the other one is asked here.
    """
    if "residual" in cell.probes:
        of = _reader("residual", cell)
        last, every = (
            of("randomised_similarity", "guided_backprop", shuffled=layers) for layers in ("last layer", "all layers")
        )
        fails = "it shows what features are there, whatever the last layer makes of them"
        yield between("similarity of guided_backprop", cell, 1, ALIKE, 1, fails, read=last)
        lost = "without features there is nothing to show"
        yield between("similarity of guided_backprop, all layers", cell, 0, -UNLIKE, UNLIKE, lost, read=every)
        name = "completeness_error of deep_lift, residual network"
        yield _claimed(name, cell, "glyph", "deep_lift", "completeness_error", of, known=0)


def _claimed(instrument: str, cell: Cell, setting: str, method: str, name: str, of: Reader, known: float = 1) -> Check:
    """What `attribution.claims` claims of a method, as a check; `known` is what it would come to without any doubt."""
    (claim,) = (c for c in CLAIMS if (c.setting, c.method, c.metric) == (setting, method, name))
    return between(instrument, cell, known, claim.low, claim.high, claim.why, read=of(name, method))


Reader = Callable[..., Callable[[Measured], float]]


def _reader(label: str, cell: Cell) -> Reader:
    """Of a metric's name, a method and further coordinates, what reads it from the probe of that label."""
    return lambda name, method, **at: metric(f"{label}/{name}", cell, method=method, **at)
