"""The self-test finds and names instruments of corruptions and attacks that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Interval
from bench_suite.probes import quality
from bench_suite.probes.attribution.adapters import Subject
from bench_suite.probes.robustness import (
    adversarial,
    images,
    invariance,
    relative,
    shares,
    tables,
    targets,
    texts,
)
from bench_suite.probes.robustness import curves as accuracy_curves
from bench_suite.selftest import robustness_checks


def of_three_deviations(table: Any, share: float, columns: Any, uniform: Any, normal: Any) -> Any:
    return table + 3 * share * columns.deviation * normal


def half_as_many(words: Any, chosen: Any, how: Any) -> None:
    texts.dropped_words(words, chosen[::2], how)


def as_if_independent(function: Any, columns: Any, **options: Any) -> Any:
    """Return intervals of means over three severities as if each had examples of its own."""
    interval, reason = bootstrapped(function, columns, **options)
    if interval is None or "hits" not in columns:
        return interval, reason
    middle = (interval.low + interval.high) / 2
    return Interval(*(middle + (bound - middle) / 3**0.5 for bound in (interval.low, interval.high))), reason


bootstrapped = quality.bootstrap_interval
scrambled = Subject.scrambled
without = Subject.without
exact = shares.clopper_pearson
ratio = relative._ratio
threat = targets.Target.threat
rotated = images.rotated
translated = images.translated

BREAKS = {
    "noise of three deviations": (
        "-k planted_groups and noise", tables, "CORRUPTIONS",
        {**tables.CORRUPTIONS, "noise": replace(tables.CORRUPTIONS["noise"], change=of_three_deviations)},
        {"accuracy, noise 1", "accuracy, noise 3", "accuracy, noise 5"},
    ),
    "an accuracy that is taken for an error": (
        "-k planted_groups and error", accuracy_curves, "_errors",
        lambda measure, predictions: (predictions["targets"] == predictions["predictions"]) * 1.0,
        {"corruption error, units", "mean error less mean of errors"},
    ),
    "severities that are resampled one by one": (
        "-k planted_groups and error", accuracy_curves, "bootstrap_interval", as_if_independent,
        {"corruption error, units, width"},
    ),
    "words of which half are dropped": (
        "-k dropped_words", texts, "CORRUPTIONS", {**texts.CORRUPTIONS, "dropped_words": half_as_many},
        {"accuracy, dropped_words 5"},
    ),
    "a form that is another one": (
        "-k planted_words_cased and flip_rate", invariance, "TEXT_FORMS",
        {**invariance.TEXT_FORMS, "upper_case": lambda text: text.replace("Film", "FILM")},
        {"flip_rate, upper_case", "robustness/any_flip_rate", "any_flip_rate, tail of upper bound"},
    ),
    "examples that no form changes": (
        "-k planted_words_cased and flip_rate", invariance, "_differs",
        lambda values, other: np.arange(len(values)) % 2 == 0,
        {"flip_rate, upper_case", "robustness/any_flip_rate", "any_flip_rate, tail of upper bound"},
    ),
    "an interval of a share of 90 %": (
        "-k planted_words_cased and flip_rate", shares, "clopper_pearson", lambda hits, n: exact(hits, n, 0.9),
        {"any_flip_rate, tail of upper bound"},
    ),
    "a ratio that is turned": (
        "-k quotient", relative, "_ratio", lambda error, base, *, same: ratio(base, error, same=same),
        {"relative error less quotient"},
    ),
    "noise of half the deviation": (
        "-k deviation and cnn", images, "add_noise",
        lambda pictures, deviation, normal: pictures + 0.5 * deviation * normal, {"deviation of noise"},
    ),
    "a turn by twice the angle": (
        "-k angle", images, "rotated", lambda pictures, angle: rotated(pictures, 2 * angle), {"angle of rotation"},
    ),
    "a move by half the pixels": (
        "-k translation", images, "translated",
        lambda pictures, right, down: translated(pictures, right / 2, down / 2), {"pixels of translation"},
    ),
}  # fmt: skip

SLOW = {
    "attacks with twice the radius": (
        "-k planted_columns and radius", targets.Target, "threat", lambda target, radius: threat(target, 2 * radius),
        {
            f"{name}, radius {radius}"
            for name in ("all attacks", "fgsm", "pgd", "square") for radius in robustness_checks.RADII
        },
    ),
    "an attack that breaks nothing": (
        "-k planted_columns and radius", adversarial, "ATTACKS",
        {**adversarial.ATTACKS, "pgd": lambda forward, clean, classes, *rest: classes < 0},
        {f"pgd, radius {radius}" for radius in robustness_checks.RADII},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])


@pytest.mark.slow
@pytest.mark.parametrize("broken", SLOW)
def test_a_broken_instrument_that_is_trained_for_or_timed_is_found_and_named(found_and_named, broken):
    found_and_named(*SLOW[broken])
