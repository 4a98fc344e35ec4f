"""Forms: the same meaning in another form, of texts, images and tables; and a text that says the opposite.

The forms of texts are in the manner of CheckList (Ribeiro et al. 2020, arXiv 2005.04118), for English and by words
alone: grammar is not known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench_suite.probes.robustness.draws import generators
from bench_suite.probes.robustness.lexicon import lexicon

# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def lower_case(text: str) -> str:
    """Return the text in small letters."""
    return text.lower()


def upper_case(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


def final_mark(text: str) -> str:
    """Return the text without the mark at its end, or with a full stop if it has none."""
    stripped = text.rstrip()
    bare = stripped.rstrip(".!?")
    return bare if bare != stripped else f"{stripped}."


def whitespace(text: str) -> str:
    """Return the text with two spaces for each one."""
    return re.sub(r"(?<=\S) (?=\S)", "  ", text)


def expanded(text: str) -> str:
    """Return the text with the long form of each contraction: *do not* for *don't*."""
    return _replaced(text, lexicon().long_forms)


def contracted(text: str) -> str:
    """Return the text with contractions: *don't* for *do not*."""
    return _replaced(text, lexicon().contractions)


def synonyms(text: str) -> str:
    """Return the text with another word for each one that has a synonym in the lexicon."""
    return _replaced(text, lexicon().synonyms)


def people(text: str) -> str:
    """Return the text with another name for each name of a person, the same throughout the text."""
    return _renamed(text, lexicon().names, "people")


def places(text: str) -> str:
    """Return the text with another city for each city and another country for each country."""
    return _renamed(text, lexicon().places, "places")


def numbers(text: str) -> str:
    """Return the text with another number, of as many digits, for each number of two to three digits."""
    (draw,) = generators([text.encode(errors="surrogatepass")], "numbers")

    def other(match: re.Match[str]) -> str:
        first = str(1 + (int(match[0][0]) + int(draw.integers(0, 8))) % 9)  # another first digit, and no 0
        return first + "".join(str(digit) for digit in draw.integers(0, 10, len(match[0]) - 1))

    return re.sub(r"(?<![\w.,/:])[1-9]\d{1,2}(?![\w/:]|[.,]\d)", other, text)


def negated(text: str) -> str | None:
    """Return the text with `not` after each of its verbs, or without it if it was there; None if there is no verb.

    Verbs are the auxiliary ones of the lexicon. A contraction such as *isn't* becomes *is*.
    """
    verbs = "|".join(sorted(lexicon().verbs, key=len, reverse=True))
    pattern = re.compile(rf"\b({verbs})(n['’]t\b|\s+not\b)?(?![\w'’])", re.IGNORECASE)
    changed, count = pattern.subn(lambda match: match[1] if match[2] else f"{match[1]} not", text)
    return changed if count else None


@functools.cache
def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern of whole words, with either apostrophe."""
    listed = "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word))).replace("'", "['’]")
    return re.compile(rf"(?<![\w'’])(?:{listed})(?![\w'’])", re.IGNORECASE)


def _replaced(text: str, other: Mapping[str, str]) -> str:
    """Return the text with other words for some; capitals of the first letter, or of all, are kept."""
    pattern = _pattern(frozenset(other))

    def replace(match: re.Match[str]) -> str:
        word = match[0]
        new = other[re.sub(r"\s+", " ", word.lower().replace("’", "'"))]
        if len(word) > 2 and word.isupper():
            return new.upper()
        return new[0].upper() + new[1:] if word[0].isupper() else new

    return pattern.sub(replace, text)


def _renamed(text: str, lists: Sequence[Sequence[str]], purpose: str) -> str:
    others: dict[str, str] = {}
    (draw,) = generators([text.encode(errors="surrogatepass")], purpose)
    for words in lists:
        shift = 1 + int(draw.integers(0, len(words) - 1))
        others |= {word: words[(number + shift) % len(words)] for number, word in enumerate(words)}
    pattern = re.compile(rf"(?<![\w’'-])({'|'.join(others)})(?![\w-]|\s+[A-Z])")
    return pattern.sub(lambda match: match[0] if _after_name(text, match.start()) else others[match[0]], text)


def _after_name(text: str, at: int) -> bool:
    """Return whether a word with a capital within a sentence stands before a position, as in *Uncle Peter*."""
    before = re.search(r"(\S+)\s+$", text[:at])
    return before is not None and before[1][0].isupper() and before[1][-1].isalpha() and len(before[1]) > 1


# ── images and tables ───────────────────────────────────────────────────────────────────────────


def shifted(images: np.ndarray, right: int, down: int) -> np.ndarray:
    """Return images (k, H, W, C) moved by a pixel or more; the border repeats itself."""
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, rows][:, :, columns]


def brighter(images: np.ndarray) -> np.ndarray:
    """Return images (k, H, W, C) uint8, one level of 255 brighter, which nobody can see."""
    return np.minimum(images.astype(np.int64) + 1, 255).astype(np.uint8)


def rounded(table: np.ndarray) -> np.ndarray:
    """Return a table (k, d) with numbers of three significant digits."""
    values = np.asarray(table, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (2 - np.floor(np.log10(np.abs(values))))
        return np.where(
            (values == 0) | ~np.isfinite(values) | ~np.isfinite(scale), values, np.round(values * scale) / scale
        )


TEXT_FORMS: Mapping[str, Callable[[str], str]] = {
    "lower_case": lower_case,
    "upper_case": upper_case,
    "final_mark": final_mark,
    "whitespace": whitespace,
    "expanded": expanded,
    "contracted": contracted,
    "synonyms": synonyms,
    "people": people,
    "places": places,
    "numbers": numbers,
}
"By name, in the order of reports."
ARRAY_FORMS: Mapping[str, Mapping[str, Callable[[np.ndarray], np.ndarray]]] = {
    "image": {
        "shift_left": lambda images: shifted(images, -1, 0),
        "shift_right": lambda images: shifted(images, 1, 0),
        "shift_up": lambda images: shifted(images, 0, -1),
        "shift_down": lambda images: shifted(images, 0, 1),
        "brighter": brighter,
    },
    "table": {"rounded": rounded},
}
"By modality and name, in the order of reports."
