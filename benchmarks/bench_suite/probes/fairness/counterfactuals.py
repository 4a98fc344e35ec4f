"""Counterfactuals: a text rewritten so that its words name another group of people.

English only, by each word and the word after it. Parts of speech are unknown, and the only grammar is `a` and `an`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bench_suite.probes.fairness.terms import WordList

JOINED = re.compile(r"\s+[\"'“‘«(\[*]*|[-/]")
'The characters allowed between a word and its noun: `his "sidekick"`, `a boy-and-his-dog film`.'


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, in lower case: an intersection with a word list is faster than a search."""
    return frozenset(re.findall(r"\w+", text.lower()))


def swapper(words: WordList, old: str, new: str) -> Callable[[str], str]:
    """Return a function that replaces each word for the group `old` in a text by the word for `new`.

    Capitals are preserved (`He`, `HE`), and an article before the word is adapted (`an actor`, `a waiter`). A text
    without any such word is returned unchanged.
    """
    becomes: dict[str, str] = {}
    for row in words.terms:
        for word in row[old]:
            becomes.setdefault(word.lower(), row[new][0])
    listed = "|".join(sorted(map(re.escape, becomes), key=len, reverse=True))
    not_after = "".join(rf"(?<!\b{word}[\s-])" for word in words.not_after)
    pattern = re.compile(rf"\b(?:(an?)(\s+))?{not_after}({listed})\b(?=(\W*)(\w*(?:-\w+)*))", re.IGNORECASE)

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
