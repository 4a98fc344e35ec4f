"""The self-test finds and names instruments of fairness that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.probes.fairness import groups, intervals, words


def turned(targets: Any, predictions: Any, positive: int, columns: Any) -> Any:
    return count_groups(targets, predictions, 1 - positive, columns)


def forgetful(of: Any, old: str, new: str) -> Callable[[str], str]:
    """Swap all words except those for parents."""
    swap = swapper(of, old, new)
    return lambda text: text if "father" in text or "mother" in text else swap(text)


def of_the_other_class(swap: Any, test: Any, after: Any, positive: int) -> Any:
    return with_predictions(swap, test, after, 1 - positive)


def unscaled(hits: Any, n: Any) -> Any:
    return hits / n, hits / n * (1 - hits / n) / n


swapper = words.swapper
with_predictions = words._with_predictions
count_groups = groups.count_groups

GROUPS = "-k planted_groups and not calibration_p"
"The test of calibration needs more simulations than these runs have."

BREAKS = {
    "rates of the other class": (
        "-k fairness/demographic_parity", groups, "count_groups", turned, {"fairness/demographic_parity_ratio"},
    ),
    "an interval of 90 %": (
        GROUPS, intervals, "LEVEL", 0.9,
        {
            "parity interval, width", "odds interval, width", "worst accuracy, score of bound",
            "ratio interval, score of lower bound", "ratio interval, score of upper bound",
        },
    ),
    "a difference of shares that are not smoothed": (
        GROUPS, intervals, "_smoothed_rate", unscaled,
        {"parity interval, middle", "odds interval, middle"},
    ),
    "a ratio that is judged by what was seen, not by what is supposed": (
        GROUPS, intervals, "_constrained_rates",
        lambda hits, n, other_hits, other_n, ratio: (hits / n, other_hits / other_n),
        {"ratio interval, score of lower bound", "ratio interval, score of upper bound"},
    ),
    "a swap that forgets words": (
        "-k flip_rate", words, "swapper", forgetful,
        {f"flip_rate, {group}{of}" for group in ("male", "female") for of in ("", ", score of bound")},
    ),
    "a shift of the other class's score": (
        "-k planted_terms", words, "_with_predictions", of_the_other_class,
        {"score_shift, male", "score_shift, female"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])
