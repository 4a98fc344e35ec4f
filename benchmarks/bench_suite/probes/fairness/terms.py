"""Word lists: the words that name groups of people, from the program's own file or from a file of the suite."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench_suite.components.suggestions import nearest

FILE = Path(__file__).with_name("identity_terms.toml")
KEYS = ("groups", "terms", "sources", "names_stay", "not_after", "by_next_word")
RULE = ("word", "before", "otherwise", "unless")


@dataclass(frozen=True)
class NextWord:
    """A word that becomes `before` if a noun follows, and `otherwise` if not."""

    before: str
    otherwise: str
    unless: frozenset[str]
    "Next words that do not begin a noun phrase."


@dataclass(frozen=True)
class WordList:
    """The words for the groups of one attribute."""

    attribute: str
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    terms: tuple[Mapping[str, tuple[str, ...]], ...]
    "The recognised words by meaning and group; the first one is the replacement."
    names_stay: bool
    "Whether a capitalised word before another capitalised word counts as part of a name."
    not_after: tuple[str, ...]
    "Words after which no word is swapped."
    by_next_word: Mapping[str, NextWord]

    def recognised(self, group: str) -> frozenset[str]:
        """Return the words for a group, in lower case."""
        return frozenset(word.lower() for row in self.terms for word in row[group])


@cache
def word_lists() -> Mapping[str, WordList]:
    """Return all lists of the program's own file, by attribute."""
    return read_lists(FILE)


def read_lists(path: Path) -> Mapping[str, WordList]:
    """Return all lists of a file, by attribute.

    Raises:
        ValueError: if the file has an error; the message contains the error and its location.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not valid TOML: {error}") from error
    if not tables:
        raise ValueError("contains no word list; add a table [NAME] with groups and terms")
    return {name: _read_list(name, table) for name, table in tables.items()}


def _read_list(name: str, table: Any) -> WordList:
    if not isinstance(table, Mapping):
        raise ValueError(f"{name} must be a table: [{name}] with groups and terms")
    _check_keys(f"[{name}]", table, KEYS)
    groups = _read_words(f"[{name}] groups", table.get("groups"), least=2)
    if len(set(groups)) < len(groups):
        raise ValueError(f"[{name}] groups contains a group twice")
    names_stay = table.get("names_stay", False)
    if not isinstance(names_stay, bool):
        raise ValueError(f"[{name}] names_stay must be true or false")
    words = WordList(
        name,
        groups,
        _read_words(f"[{name}] sources", table.get("sources", ())),
        _read_terms(name, groups, table.get("terms")),
        names_stay,
        _read_words(f"[{name}] not_after", table.get("not_after", ()), single=True),
        _read_rules(name, table.get("by_next_word", ())),
    )
    owners: dict[str, str] = {}
    for group in groups:
        for word in words.recognised(group):
            if owners.setdefault(word, group) != group:
                raise ValueError(f'[{name}] "{word}" names both {owners[word]} and {group}')
    return words


def _read_terms(name: str, groups: Sequence[str], rows: Any) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    where = f"[{name}] terms"
    if not _is_list(rows) or not rows or not all(isinstance(row, Mapping) for row in rows):
        example = ", ".join(f'{group} = ["…"]' for group in groups)
        raise ValueError(f"{where} must be a list of tables: {{ {example} }}")
    terms = []
    for number, row in enumerate(rows, start=1):
        _check_keys(f"{where}, row {number}", row, groups)
        cells = {
            group: _read_words(f"{where}, row {number}: {group}", row.get(group), 1, single=True) for group in groups
        }
        terms.append(cells)
    return tuple(terms)


def _read_rules(name: str, rules: Any) -> Mapping[str, NextWord]:
    where = f"[[{name}.by_next_word]]"
    if not _is_list(rules) or not all(isinstance(rule, Mapping) for rule in rules):
        raise ValueError(f"{where} must be tables with {', '.join(RULE)}")
    by_word = {}
    for rule in rules:
        _check_keys(where, rule, RULE)
        word, before, otherwise = (_read_words(f"{where} {key}", [rule.get(key)], single=True)[0] for key in RULE[:3])
        unless = _read_words(f"{where} unless", rule.get("unless", ()), single=True)
        by_word[word.lower()] = NextWord(before, otherwise, frozenset(word.lower() for word in unless))
    return by_word


def _check_keys(where: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise ValueError(f"{where} has no {key}{nearest(key, keys)} (there are: {', '.join(keys)})")


def _read_words(where: str, value: Any, least: int = 0, *, single: bool = False) -> tuple[str, ...]:
    """Return a list of strings as a tuple; `single`: each is one word, since texts are searched by word."""
    if not _is_list(value) or not all(isinstance(entry, str) and entry for entry in value) or len(value) < least:
        more = f", {least} or more" if least else ""
        raise ValueError(f"{where} must be a list of {'words' if single else 'strings'}{more}")
    for entry in value:
        if single and not re.fullmatch(r"\w+", entry):
            raise ValueError(f'{where}: "{entry}" is not one word; texts are searched word by word')
    return tuple(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
