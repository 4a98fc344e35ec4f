"""Identity terms: the same text as if it spoke of another group of people.

English only, by words and the word that follows them; no part of speech is known, and no grammar but `a` and `an`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bench_suite.probes.fairness.terms import WordList

JOINED = re.compile(r"\s+[\"'“‘«(\[*]*|[-/]")
'What may stand between a word and the noun that it goes with: `his "sidekick"`, `a boy-and-his-dog film`.'


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in lower case: whether one is of a list is told faster by them than by searching."""
    return frozenset(re.findall(r"\w+", text.lower()))


def swapper(words: WordList, old: str, new: str) -> Callable[[str], str]:
    """A function from a text to the same text with each word for the group `old` replaced by that for `new`.

    Capitals are kept (`He`, `HE`), and an article before the word follows it (`an actor`, `a waiter`). A text without
    any such word comes back as it is.
    """
    becomes: dict[str, str] = {}
    for row in words.terms:
        for word in row[old]:
            becomes.setdefault(word.lower(), row[new][0])
    listed = "|".join(sorted(map(re.escape, becomes), key=len, reverse=True))
    kept = "".join(rf"(?<!\b{word}[\s-])" for word in words.not_after)
    pattern = re.compile(rf"\b(?:(an?)(\s+))?{kept}({listed})\b(?=(\W*)(\w*(?:-\w+)*))", re.IGNORECASE)

    def replace(match: re.Match[str]) -> str:
        article, space, word, between, following = match.groups()
        if words.names_stay and word[0].isupper() and between.isspace() and following[:1].isupper():
            return match[0]
        other = becomes[word.lower()]
        rule = words.by_next_word.get(word.lower())
        if rule is not None:
            noun = JOINED.fullmatch(between) and following and following.lower() not in rule.unless
            other = rule.before if noun else rule.otherwise
        other = _with_case_of(word, other)
        return other if article is None else f"{_article(article, other)}{space}{other}"

    return lambda text: pattern.sub(replace, text)


def _with_case_of(word: str, other: str) -> str:
    if len(word) > 1 and word.isupper():
        return other.upper()
    return other[0].upper() + other[1:] if word[0].isupper() else other.lower()


def _article(article: str, word: str) -> str:
    return article[0] + ("n" if word[0].lower() in "aeiou" else "")
