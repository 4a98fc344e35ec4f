"""Data sets are the same if their examples are, whatever the order, and whichever version recorded them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from bench_suite.reports.same_data import representatives


def data(fingerprint: str, examples: str = "", **more: str) -> dict[str, Any]:
    splits = {name: {"examples": value} for name, value in {"test": examples, **more}.items()}
    return {"fingerprint": fingerprint, **({"fingerprints": splits} if examples else {})}


def test_the_first_fingerprint_of_the_same_examples_stands_for_the_others() -> None:
    sets = [data("one", "x"), data("two", "x"), data("three", "y"), data("four", "x", train="t"), data("five"), {}]
    assert representatives(sets) == {
        "one": "one", "two": "one", "three": "three", "four": "four", "five": "five", "": "",
    }  # fmt: skip


def test_a_record_without_fingerprints_of_splits_is_the_same_as_another_of_its_fingerprint_in_any_order() -> None:
    for sets in permutations([data("one", "x"), data("two", "x"), data("two"), data("one")]):
        same = representatives(sets)
        assert same["one"] == same["two"]
