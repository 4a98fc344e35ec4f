"""Lexicon: the words that `invariance` exchanges, from `lexicon.toml`."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("lexicon.toml")


@dataclass(frozen=True)
class Lexicon:
    """Words by what they are exchanged for."""

    names: Sequence[Sequence[str]]
    "Lists of names of people: a name is exchanged for another one of its list."
    places: Sequence[Sequence[str]]
    "Lists of cities and of countries."
    synonyms: Mapping[str, str]
    "Another word of the same meaning, by word in lower case."
    long_forms: Mapping[str, str]
    "By contraction, in lower case."
    contractions: Mapping[str, str]
    "By long form, in lower case."
    verbs: frozenset[str]
    "Verbs after which `not` reverses a statement, in lower case."


@functools.cache
def lexicon() -> Lexicon:
    """Return the lexicon of the program."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    synonyms = {
        word: row[(number + 1) % len(row)] for row in read["synonyms"]["rows"] for number, word in enumerate(row)
    }
    pairs = read["contractions"]["rows"]
    return Lexicon(
        [*read["names"].values()],
        [*read["places"].values()],
        synonyms,
        dict(pairs),
        {long: short for short, long in pairs},
        frozenset(read["negation"]["verbs"]),
    )
