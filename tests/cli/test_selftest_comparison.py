"""The self-test finds and names instruments of comparisons that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench_suite.comparison import between, rescoring, verdicts
from bench_suite.stats import paired


def of_one_seed(d: Any, *rest: Any) -> Any:
    return nested(d.mean(axis=0, keepdims=True), *rest)


nested = rescoring.nested_difference
resampled = rescoring.resampled_difference

BREAKS = {
    "a comparison in either direction": (
        "-k compare", paired, "mcnemar", paired.mcnemar_two_sided,
        {"compare, a drop: p", "compare, two drops: p"},
    ),
    "a comparison that forgets how many there are": (
        "-k compare", verdicts, "holm", list, {"compare, two drops: p", "compare, three models: p"},
    ),
    "models that are compared in the wrong direction": (
        "-k compare", between, "classify_pairs",
        lambda cases: [replace(row, verdict="better") for row in verdicts.classify_pairs(cases)],
        {"compare, three models: groups that differ"},
    ),
    "a gate that is too eager": ("-k compare", verdicts, "LEVEL", 0.2, {"compare, ten examples: status"}),
    "a gate that finds nothing": (
        "-k compare", verdicts, "LEVEL", 1e-12,
        {"compare, a drop: status", "compare, no drop: status"},
    ),
    "false discoveries that are counted as in gates": (
        "-k compare", verdicts, "benjamini_hochberg", paired.holm, {"compare, three not gated: p"},
    ),
    "resamples that differ too little": (
        "-k compare", rescoring, "resampled_difference",
        lambda values, draws, n, **more: resampled(values, draws * 0.8, n, **more),
        {"compare, resampled: interval"},
    ),
    "seeds that are left out of an interval": (
        "-k compare", rescoring, "nested_difference", of_one_seed, {"compare, three seeds: interval"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])
