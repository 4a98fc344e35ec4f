"""Suggestions: the known name that is closest to an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` if a known word is similar or begins with this one, else an empty string."""
    name = closest(word, known)
    return "" if name is None else f'; did you mean "{name}"?'


def misspelt(word: str, known: Iterable[str]) -> bool:
    """Return whether a word is so similar to a known one that it is a slip and hardly another name.

    `cdua` and `cudaa` are misspelt if `cuda` is known; `xpu` and `npu`, a letter away from `cpu`, are not.
    """
    names = tuple(known)
    return word not in names and bool(difflib.get_close_matches(word, names, n=1, cutoff=0.75))


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is similar to this one or begins with it; None if there is none."""
    lowered = {name.lower(): name for name in known}
    word = word.lower()
    matches = difflib.get_close_matches(word, lowered, n=1, cutoff=0.6)
    if not matches and len(word) > 1:
        matches = [name for name in lowered if name.startswith(word)]
    return lowered[matches[0]] if matches else None
