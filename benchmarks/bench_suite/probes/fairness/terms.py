"""Word lists: the words that name groups of people, of the program's own file or of one that a suite brings."""

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
    """A word that becomes `before` where a noun follows, and `otherwise` elsewhere."""

    before: str
    otherwise: str
    unless: frozenset[str]
    "Words that do not begin what a noun ends."


@dataclass(frozen=True)
class WordList:
    """The words for the groups of one attribute."""

    attribute: str
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    terms: tuple[Mapping[str, tuple[str, ...]], ...]
    "By meaning and group: the words that are recognised; the first is the one that is written."
    names_stay: bool
    "Whether a capitalised word before another one is taken for part of a name."
    not_after: tuple[str, ...]
    "Words after which none is swapped."
    by_next_word: Mapping[str, NextWord]

    def recognised(self, group: str) -> frozenset[str]:
        """The words for a group, in lower case."""
        return frozenset(word.lower() for row in self.terms for word in row[group])


@cache
def word_lists() -> Mapping[str, WordList]:
    """All lists of the program's own file, by attribute."""
    return read_lists(FILE)


def read_lists(path: Path) -> Mapping[str, WordList]:
    """All lists of a file, by attribute. Raises ValueError, saying what is wrong where, if there is a fault in it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is no TOML: {error}") from error
    if not tables:
        raise ValueError("holds no word list; one is a table: [NAME] with groups and terms")
    return {name: _list(name, table) for name, table in tables.items()}


def _list(name: str, table: Any) -> WordList:
    if not isinstance(table, Mapping):
        raise ValueError(f"{name} must be a table: [{name}] with groups and terms")
    _known(f"[{name}]", table, KEYS)
    groups = _words(f"[{name}] groups", table.get("groups"), least=2)
    if len(set(groups)) < len(groups):
        raise ValueError(f"[{name}] groups names one twice")
    stays = table.get("names_stay", False)
    if not isinstance(stays, bool):
        raise ValueError(f"[{name}] names_stay must be true or false")
    words = WordList(
        name, groups, _words(f"[{name}] sources", table.get("sources", ())), _terms(name, groups, table.get("terms")),
        stays, _words(f"[{name}] not_after", table.get("not_after", ()), single=True),
        _rules(name, table.get("by_next_word", ())),
    )  # fmt: skip
    named: dict[str, str] = {}
    for group in groups:
        for word in words.recognised(group):
            if named.setdefault(word, group) != group:
                raise ValueError(f'[{name}] "{word}" names both {named[word]} and {group}')
    return words


def _terms(name: str, groups: Sequence[str], rows: Any) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    where = f"[{name}] terms"
    if not _is_list(rows) or not rows or not all(isinstance(row, Mapping) for row in rows):
        example = ", ".join(f'{group} = ["…"]' for group in groups)
        raise ValueError(f"{where} must be a list of tables: {{ {example} }}")
    found = []
    for number, row in enumerate(rows, start=1):
        _known(f"{where}, row {number}", row, groups)
        cells = {group: _words(f"{where}, row {number}: {group}", row.get(group), 1, single=True) for group in groups}
        found.append(cells)
    return tuple(found)


def _rules(name: str, rules: Any) -> Mapping[str, NextWord]:
    where = f"[[{name}.by_next_word]]"
    if not _is_list(rules) or not all(isinstance(rule, Mapping) for rule in rules):
        raise ValueError(f"{where} must be tables with {', '.join(RULE)}")
    found = {}
    for rule in rules:
        _known(where, rule, RULE)
        word, before, otherwise = (_words(f"{where} {key}", [rule.get(key)], single=True)[0] for key in RULE[:3])
        unless = _words(f"{where} unless", rule.get("unless", ()), single=True)
        found[word.lower()] = NextWord(before, otherwise, frozenset(each.lower() for each in unless))
    return found


def _known(where: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise ValueError(f"{where} has no {key}{nearest(key, keys)} (there are: {', '.join(keys)})")


def _words(where: str, value: Any, least: int = 0, *, single: bool = False) -> tuple[str, ...]:
    """A list of strings; `single`: each one word, since texts are searched word by word."""
    if not _is_list(value) or not all(isinstance(each, str) and each for each in value) or len(value) < least:
        more = f", {least} or more" if least else ""
        raise ValueError(f"{where} must be a list of {'words' if single else 'strings'}{more}")
    for each in value:
        if single and not re.fullmatch(r"\w+", each):
            raise ValueError(f'{where}: "{each}" is not one word; texts are searched word by word')
    return tuple(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
