"""Corrupted texts: typing errors, lost and exchanged words, capitals, punctuation, in the manner of CheckList.

Source: Ribeiro et al. 2020, arXiv 2005.04118, whose `typos` exchanges two neighbouring letters. A severity is the share
of the words that are changed. A text that has no such word stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from bench_suite.probes.robustness.draws import generators

RATES = (0.05, 0.1, 0.2, 0.3, 0.5)
"Share of the words that are changed at the severities 1 to 5."
MARKS = ",.;:!?"
GAPS = re.compile(r"(\s+)")

Words = list[str]
"Words and the gaps between them in turn: words at even positions."
Change = Callable[[Words, np.ndarray, np.ndarray], None]
"""Changes words in place. Takes them, the numbers of the chosen words, (m,) int64 ascending, and a number in 0..1 for
each of these, (m,), which decides how."""


def corrupt_texts(texts: Sequence[str], name: str, severity: int) -> list[str]:
    """Return corrupted texts.

    Args:
        texts: k texts.
        name: a key of `CORRUPTIONS`.
        severity: 1 to 5.
    """
    change, rate = CORRUPTIONS[name], RATES[severity - 1]
    draws = generators((text.encode(errors="surrogatepass") for text in texts), name)
    return [_corrupted(text, change, rate, draw) for text, draw in zip(texts, draws)]


def _corrupted(text: str, change: Change, rate: float, draw: np.random.Generator) -> str:
    words = GAPS.split(text)
    chance, how = draw.random((2, (len(words) + 1) // 2))
    chosen = np.flatnonzero(chance < rate)
    if not len(chosen):
        return text
    change(words, chosen, how[chosen])
    return "".join(words)


def typos(words: Words, chosen: np.ndarray, how: np.ndarray) -> None:
    """Exchange two neighbouring letters of each chosen word."""
    for number, position in zip((2 * chosen).tolist(), how.tolist()):
        word = words[number]
        if len(word) > 1:
            at = int(position * (len(word) - 1))
            words[number] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def dropped_words(words: Words, chosen: np.ndarray, how: np.ndarray) -> None:
    """Remove each chosen word with the gap after it; one word stays."""
    if len(chosen) == (len(words) + 1) // 2:
        chosen = chosen[1:]
    for number in (2 * chosen).tolist():
        words[number : number + 2] = [""] * len(words[number : number + 2])


def swapped_words(words: Words, chosen: np.ndarray, how: np.ndarray) -> None:
    """Exchange each chosen word with the next one."""
    for number in (2 * chosen).tolist():
        if number + 2 < len(words):
            words[number], words[number + 2] = words[number + 2], words[number]


def case(words: Words, chosen: np.ndarray, how: np.ndarray) -> None:
    """Write each chosen word in capitals."""
    for number in (2 * chosen).tolist():
        words[number] = words[number].upper()


def punctuation(words: Words, chosen: np.ndarray, how: np.ndarray) -> None:
    """Remove the punctuation at the end of each chosen word; a word without any gets a mark that is drawn."""
    for number, mark in zip((2 * chosen).tolist(), how.tolist()):
        word = words[number]
        bare = word.rstrip(MARKS)
        if word:
            words[number] = bare if bare != word else word + MARKS[int(mark * len(MARKS))]


CORRUPTIONS: dict[str, Change] = {
    "typos": typos,
    "dropped_words": dropped_words,
    "swapped_words": swapped_words,
    "case": case,
    "punctuation": punctuation,
}
"By name, in the order of reports."
