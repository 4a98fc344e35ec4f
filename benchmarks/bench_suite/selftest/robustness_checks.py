"""Robustness checks: corruptions whose effect on a planted rule is known, and attacks on a linear network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench_suite.components import discovery
from bench_suite.contracts import Data, Interval
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.probes.robustness import images, tables, texts
from bench_suite.selftest.checks import (
    Check,
    Measured,
    NotMeasured,
    around,
    between,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import LEVEL, NORMAL, OFTEN, SIGMAS, bootstrap_width
from bench_suite.suite.plan import Cell

RESAMPLES = 1000
"The option `resamples` of the probe in the suite `planted`."
SEVERITIES = (1, 3, 5)
"The option `severities` there."
REFERENCE = "planted_words"
"The option `reference` there."
RADII = (0.1, 0.5)
"The option `radii` of the probe `attacks` there."
MISSED = 0.03
"Share of the examples that can be broken, and that the square attack may miss."
SEVERITY, SIDE = 3, 84
"At which images are corrupted, and their side in pixels, a multiple of that for which MNIST-C states its amounts."


def _data(cell: Cell) -> Data:
    """Return the data of a cell's task, split as the cell received them."""
    data: Data = discovery.load(cell.task.component).load(options_of(cell, "task"), Sources(offline=True))
    return prepare(data, cell.options["train"]["validation"])


def _accuracy(cell: Cell, corruption: str, severity: int, right: np.ndarray) -> Check:
    """Return a check of an accuracy, from the chance of each example to be right, (n,)."""
    name, n = "robustness/accuracy", len(right)
    read = read_metric(name, cell, corruption=corruption, severity=severity)
    label, known = f"accuracy, {corruption} {severity}", float(right.mean())
    if np.isin(right, (0.0, 1.0)).all():
        return exactly(label, cell, known, read)
    tolerance = SIGMAS * math.sqrt(float((right * (1 - right)).sum())) / n
    return around(label, cell, known, tolerance, f"draws of {n} examples, {OFTEN}", read=read)


def _mean_error(cell: Cell, severities: Sequence[int]) -> Check:
    """Return a check that the mean corruption error is the mean over all corruptions and severities."""

    def read(measured: Measured) -> float:
        rows = [row for row in measured.record(cell).metrics if row.name == "robustness/accuracy"]
        values = [row.value for row in rows if row.value is not None and row.at["severity"] in severities]
        if not values:
            raise NotMeasured("there is no accuracy under corruptions")
        return read_metric("robustness/mean_corruption_error", cell)(measured) - float(1 - np.mean(values))

    return around("mean error less mean of errors", cell, 0, 1e-9, "rounding", read=read)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


def table_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of corrupted tables for a rule that reads the sign of the first column.

    Another unit does not change a sign. A value that is missing is not positive. Noise turns the sign of x with the
    chance Φ(−|x| / s), for noise of the deviation s. The answers are the same at all severities of another unit, so the
    interval of their mean is as wide as that of one of them.
    """
    data = _data(cell)
    table, target = (np.asarray(column(data.splits["test"], name)) for name in ("table", "target"))
    first, n = table[:, 0], len(table)
    right = ((first > 0) == target).astype(np.float64)
    deviation = float(np.std(np.asarray(column(data.splits["train"], "table"))[:, 0]))
    for severity in SEVERITIES:
        yield _accuracy(cell, "units", severity, right)
        lost = tables.CORRUPTIONS["missing_values"].amounts[severity - 1]
        yield _accuracy(cell, "missing_values", severity, (1 - lost) * right + lost * (target == 0))
        noise = tables.CORRUPTIONS["noise"].amounts[severity - 1] * deviation
        turned = np.array([NORMAL.cdf(-abs(value) / noise) for value in first])
        yield _accuracy(cell, "noise", severity, right * (1 - turned) + (1 - right) * turned)
    yield _mean_error(cell, SEVERITIES)
    error, at = 1 - float(right.mean()), {"corruption": "units"}
    yield exactly("corruption error, units", cell, error, read_metric("robustness/corruption_error", cell, **at))
    width, tolerance = bootstrap_width(error, n, RESAMPLES)
    yield around(
        "corruption error, units, width", cell, width, tolerance, f"two quantiles of {RESAMPLES} resamples, {OFTEN}",
        read=read_interval("robustness/corruption_error", cell, lambda interval: interval.high - interval.low, **at),
    )  # fmt: skip


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def text_checks(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of corrupted texts for a rule that reads one word, or two.

    A word that is dropped decides nothing, and for a rule that knows no capitals, nor does a word in capitals. Then a
    text is positive if it names a man, and that word is left. In capitals, all texts that were positive flip.
    """
    model = discovery.load(cell.model.component)
    cased = options_of(cell, "model").cased
    test = _data(cell).splits["test"]
    target, read_texts = np.asarray(column(test, "target")), column(test, "text")
    assert read_texts is not None
    words = [{word.strip(".:") for word in text.split()} for text in read_texts]
    classes = model.CLASS_BY_WORD
    sentiment = np.array([next((classes[word] for word in of_text if word in classes), -1) for of_text in words])
    man = np.array([not model.MEN.isdisjoint(of_text) for of_text in words])
    for severity in SEVERITIES:
        rate = texts.RATES[severity - 1]
        for name, lost in (("dropped_words", rate), ("case", rate if cased else 0.0)):
            undecided = np.where(man, 1 - lost, 0.0)  # chance to be predicted positive
            positive = np.where(sentiment < 0, undecided, (1 - lost) * sentiment + lost * undecided)
            yield _accuracy(cell, name, severity, np.where(target == 1, positive, 1 - positive))
    yield _mean_error(cell, SEVERITIES)
    before = np.where(sentiment < 0, man, sentiment)
    flips = float(before.mean()) if cased else 0.0
    for form, share in (("upper_case", flips), ("lower_case", 0.0)):
        read = read_metric("robustness/flip_rate", cell, form=form)
        yield exactly(f"flip_rate, {form}", cell, share, read)
    yield exactly("robustness/any_flip_rate", cell, flips)
    bound = read_interval("robustness/any_flip_rate", cell, _upper_tail(flips, len(target)))
    yield exactly("any_flip_rate, tail of upper bound", cell, (1 - LEVEL) / 2, bound)
    for other in cells if cased else ():
        if (other.task.label, other.model.label) == (cell.task.label, REFERENCE):
            yield _relative(cell, other)


def _relative(cell: Cell, reference: Cell) -> Check:
    """Return a check that a relative error is the quotient of two errors that the records have."""
    at = {"task": cell.task.label, "model": cell.model.label, "corruption": "case"}

    def read(measured: Measured) -> float:
        rows = [row for row in measured.run.summaries()[0] if row.name == "robustness/relative_corruption_error"]
        values = [row.value for row in rows if dict(row.at) == at and row.value is not None]
        if len(values) != 1:
            raise NotMeasured(f"the summary has {len(values)} relative errors at {at}")
        name, both = "robustness/corruption_error", (cell, reference)
        errors = [read_metric(name, one, corruption="case")(measured) for one in both]
        return values[0] - errors[0] / errors[1]

    return around("relative error less quotient", cell, 0, 1e-9, "rounding", read=read, others=(reference.id,))


def _upper_tail(share: float, n: int) -> Callable[[Interval], float]:
    """Return a function of an interval: the chance of so few hits, or fewer, if the upper bound is the truth."""

    def tail(interval: Interval) -> float:
        from scipy.stats import binom

        return float(binom.cdf(round(share * n), n, interval.high))

    return tail


# ── images ──────────────────────────────────────────────────────────────────────────────────────


def image_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of corrupted images, of which one number each is known; no cell is run."""
    stated = {name: one.grey[SEVERITY - 1] for name, one in images.CORRUPTIONS.items()}
    scale, noise = SIDE / images.GREY_SIDE, 255 * stated["gaussian_noise"]
    by_chance = SIGMAS * noise / math.sqrt(2 * SIDE**2) + 0.1
    known: tuple[tuple[str, float, float, Callable[[], float]], ...] = (
        ("deviation of noise", noise, by_chance, _noise),
        ("deviation of blur", scale * stated["blur"], 0.05 * scale * stated["blur"], _blur),
        ("factor of contrast", stated["contrast"], 0.02, _contrast),
        ("added brightness", stated["brightness"], 0.01, _brightness),
        ("pixels of translation", scale * stated["translation"], 0.05, _translation),
        ("angle of rotation", stated["rotation"], 0.02, _rotation),
        ("covered share of the side", stated["occlusion"], 0.01, _occlusion),
    )
    for label, value, tolerance, measure in known:
        basis = f"of {SIDE**2:,} pixels, {OFTEN}" if measure is _noise else "levels of pixels"
        yield around(label, cell, value, tolerance, basis, read=_without_run(measure), needs_run=False)


def _without_run(measure: Callable[[], float]) -> Callable[[Measured], float]:
    return lambda measured: measure()


def _corrupt(image: np.ndarray, name: str) -> np.ndarray:
    return images.corrupt_images(image[None, :, :, None].astype(np.uint8), name, SEVERITY)[0, :, :, 0].astype(float)


def _noise() -> float:
    return float(_corrupt(np.full((SIDE, SIDE), 128), "gaussian_noise").std())


def _blur() -> float:
    edge = np.zeros((SIDE, SIDE))
    edge[SIDE // 2 :] = 255  # its blurred form is the integral of the kernel
    steps = np.diff(_corrupt(edge, "blur")[:, SIDE // 2] / 255)
    return float(np.sum(steps * (np.arange(SIDE - 1) - (SIDE // 2 - 1)) ** 2)) ** 0.5


def _contrast() -> float:
    halves = np.repeat([[64, 192]], SIDE // 2, axis=1).repeat(SIDE, axis=0)
    return float(np.ptp(_corrupt(halves, "contrast")) / 128)


def _brightness() -> float:
    return float((_corrupt(np.full((SIDE, SIDE), 100), "brightness") - 100).mean() / 255)


def _translation() -> float:
    point = np.zeros((SIDE, SIDE))
    point[SIDE // 2, SIDE // 2] = 255
    changed = _corrupt(point, "translation")
    return float(abs(changed.sum(axis=1) @ (np.arange(SIDE) - SIDE // 2)) / changed.sum())


def _rotation() -> float:
    line, middle = np.zeros((SIDE, SIDE)), (SIDE - 1) / 2
    line[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 :] = 255
    changed = _corrupt(line, "rotation")
    down, right = (float(changed.sum(axis=axis) @ (np.arange(SIDE) - middle)) for axis in (1, 0))
    return abs(math.atan2(down, right))


def _occlusion() -> float:
    stripes = np.tile(np.array([0, 255]), (SIDE, SIDE // 2))
    return math.sqrt(float((_corrupt(stripes, "occlusion") != stripes).sum())) / SIDE


# ── attacks ─────────────────────────────────────────────────────────────────────────────────────


def attack_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of attacks on a linear network of two classes.

    Its margin is linear in the columns, with weights w in units of their deviations. So at a radius ε those examples
    stay right whose margin exceeds ε‖w‖₁. The margins are the log odds of the stored scores, and w is fitted to them.
    """
    share = {radius: _share_above(cell, radius) for radius in RADII}
    for radius in RADII:
        for name in ("all attacks", "fgsm", "pgd"):
            yield exactly(f"{name}, radius {radius}", cell, 0, _less(_read_share(cell, radius, name), share[radius]))
        yield between(
            f"square, radius {radius}", cell, 0, 0, MISSED, "it may miss some, and breaks no other",
            read=_less(_read_share(cell, radius, "square"), share[radius]),
        )  # fmt: skip
    yield exactly(f"radius {RADII[0]}, tail of upper bound", cell, (1 - LEVEL) / 2, _robust_tail(cell, RADII[0]))


def _less(first: Callable[[Measured], float], second: Callable[[Measured], float]) -> Callable[[Measured], float]:
    return lambda measured: first(measured) - second(measured)


def _read_share(cell: Cell, radius: float, attack: str) -> Callable[[Measured], float]:
    if attack == "all attacks":
        return read_metric("attacks/robust_accuracy", cell, radius=radius)
    return read_metric("attacks/accuracy_under_attack", cell, radius=radius, attack=attack)


def _share_above(cell: Cell, radius: float) -> Callable[[Measured], float]:
    """Return a reader of the share of test examples whose margin exceeds radius · ‖w‖₁."""

    def read(measured: Measured) -> float:
        data, stored = _data(cell), measured.predictions(cell)
        if not np.array_equal(stored.ids, data.splits["test"].ids):
            raise NotMeasured("the stored predictions are of other examples")
        scores = np.asarray(stored["scores"], dtype=np.float64)
        odds = np.log(scores[:, 1]) - np.log(scores[:, 0])
        table = np.asarray(column(data.splits["test"], "table"))
        deviation = np.asarray(column(data.splits["train"], "table")).std(axis=0)
        inside = (scores > 1e-6).all(axis=1)  # others have lost digits
        design = np.column_stack([table / deviation, np.ones(len(table))])
        weights = np.linalg.lstsq(design[inside], odds[inside], rcond=None)[0]
        margins = np.where(np.asarray(stored["targets"]) == 1, 1.0, -1.0) * (design @ weights)
        return float((margins > radius * np.abs(weights[:-1]).sum()).mean())

    return read


def _robust_tail(cell: Cell, radius: float) -> Callable[[Measured], float]:
    def read(measured: Measured) -> float:
        row = measured.row(cell, "attacks/robust_accuracy", {"radius": radius})
        if row.value is None or row.interval is None or row.n is None:
            raise NotMeasured(row.reason or "no interval")
        return _upper_tail(row.value, row.n)(row.interval)

    return read
