"""Select the cells of a plan to run: those that match `-k EXPRESSION`, or those that failed last time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Record
from bench_suite.store.runs import Run, Store, cell_overrides
from bench_suite.suite.document import SuiteError
from bench_suite.suite.plan import Cell, Plan, Unit, name, name_of

_TOKEN = re.compile(r"""\s*(\(|\)|"[^"]*"|'[^']*'|[^\s()"']+)""")
LAST_FAILED = "--lf"
"A selector that does not depend on labels: a run stores the ids of the cells that it left out."
_OPERATORS = ("and", "or", "not", "(", ")")

Labels = Mapping[str, Any]
"The labels of a cell, which its record contains too."
Test = Callable[[Labels], bool]


@dataclass(frozen=True)
class Word:
    """A word of an expression, as a test of labels."""

    text: str

    def __call__(self, labels: Labels) -> bool:
        """Return whether the word occurs in the cell's name, ignoring case, or is its `AXIS=VALUE`."""
        if self.text.lower() in name_of(labels).lower():
            return True
        axis, equals, value = self.text.partition("=")
        return bool(equals) and any(
            axis in (label, label.rpartition(".")[2]) and _equals(value, actual) for label, actual in labels.items()
        )


# ── -k ──────────────────────────────────────────────────────────────────────────────────────────


def select(plan: Plan, expression: str) -> Plan:
    """Return the part of a plan whose cells match an expression like that of pytest's `-k`.

    Args:
        plan: the plan.
        expression: words, `and`, `or`, `not` and parentheses; an empty expression matches all cells. A word matches if
            it occurs in the cell's name, such as `mnist, mlp, seed 0`, ignoring case. `AXIS=VALUE`, such as `seed=0` or
            `learning_rate=1e-3`, matches if the cell's axis has that value. A word with a space is quoted.

    Raises:
        SuiteError: the expression is invalid or matches no cell.
    """
    if not expression.strip():
        return plan
    test, words = _parse(expression)
    chosen = filter_cells(plan, lambda cell: test(cell.labels), f"-k {expression}")
    if not chosen.units:
        unmatched = _unmatched(plan, words)
        near = nearest(unmatched[0], _vocabulary(plan)) if unmatched else ""
        raise SuiteError(
            [f"-k {expression}: no cell of this suite matches{near} (the first is called: {name(plan.cells[0])})"]
        )
    return chosen


def unmatched_words(plan: Plan, expression: str) -> Iterator[str]:
    """Yield a warning for each word of an expression that matches no cell, with the nearest spelling that does.

    After `not` or beside `or` such a word is no error, as in pytest, but probably a typing error.

    Raises:
        SuiteError: the expression is invalid.
    """
    if expression.strip():
        for word in _unmatched(plan, _parse(expression)[1]):
            yield f'-k: no cell matches "{word}"{nearest(word, _vocabulary(plan))}'


def selectors_match(selectors: Iterable[str], labels: Labels) -> bool:
    """Return whether selectors match a cell; False if a selector, such as `--lf`, does not depend on labels.

    Args:
        selectors: as a run stores them: `AXIS=VALUE` of `--only` (several values of one axis are alternatives), and
            `-k EXPRESSION`.
        labels: the cell's labels.
    """
    wanted: dict[str, list[str]] = {}
    for text in selectors:
        word, _, expression = text.partition(" ")
        axis, equals, value = text.partition("=")
        if word == "-k":
            try:
                if not _parse(expression)[0](labels):
                    return False
            except SuiteError:  # written by a version with more syntax
                return False
        elif equals:
            wanted.setdefault(axis, []).extend((value, *value.split(",")))
        else:
            return False
    return all(axis in labels and str(labels[axis]) in values for axis, values in wanted.items())


def format_selectors(selectors: Iterable[str]) -> str:
    """Return selectors, as a run stores them, as they were typed: `--only model=mlp -k 'not imdb'`."""
    words = []
    for text in selectors:
        flag, space, expression = text.partition(" ")
        words += [flag, expression] if flag == "-k" and space else [text] if text.startswith("-") else ["--only", text]
    return shlex.join(words)


def filter_cells(plan: Plan, test: Callable[[Cell], bool], selector: str) -> Plan:
    """Return the part of a plan whose cells pass a test; the run stores `selector`, which says how they were chosen."""
    units = [Unit(unit.id, tuple(cell for cell in unit.cells if test(cell))) for unit in plan.units]
    return replace(plan, units=tuple(unit for unit in units if unit.cells), only=(*plan.only, selector))


def _unmatched(plan: Plan, words: Sequence[Word]) -> list[str]:
    return list(dict.fromkeys(word.text for word in words if not any(word(cell.labels) for cell in plan.cells)))


def _vocabulary(plan: Plan) -> list[str]:
    """Return the words that match a cell, to suggest one of them."""
    labels = dict.fromkeys(label for cell in plan.cells for label in (cell.task.label, cell.model.label))
    values = dict.fromkeys(
        f"{axis}={value if isinstance(value, str) else show(value)}"
        for cell in plan.cells
        for axis, value in cell.labels.items()
        if value is not None
    )
    return [*labels, *values]


def _equals(text: str, value: Any) -> bool:
    """Return whether a value equals what was typed, as text or as a number."""
    if text.lower() in (str(value).lower(), show(value).lower()):
        return True
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and float(text) == value
    except ValueError:
        return False


def _parse(expression: str) -> tuple[Test, list[Word]]:
    """Return the test that an expression states, and its words.

    Raises:
        SuiteError: the expression is invalid; the message marks the position.
    """
    tokens: list[tuple[str, int]] = []
    at = 0
    while expression[at:].strip():
        match = _TOKEN.match(expression, at)
        if match is None:
            quote = next(index for index in range(at, len(expression)) if expression[index] in "\"'")
            raise _error(expression, quote, "a quote that is not closed")
        tokens.append((match[1], match.start(1)))
        at = match.end()
    words: list[Word] = []
    try:
        test, rest = _either(tokens, expression, words)
    except RecursionError:
        raise SuiteError(["-k: the expression is nested too deeply"]) from None
    if rest:
        raise _error(expression, rest[0][1], f'expected "and", "or" or the end, not {rest[0][0]}')
    return test, words


Tokens = list[tuple[str, int]]


def _either(tokens: Tokens, expression: str, words: list[Word]) -> tuple[Test, Tokens]:
    test, rest = _both(tokens, expression, words)
    tests = [test]
    while rest and rest[0][0] == "or":
        test, rest = _both(rest[1:], expression, words)
        tests.append(test)
    return (lambda labels: any(test(labels) for test in tests)), rest


def _both(tokens: Tokens, expression: str, words: list[Word]) -> tuple[Test, Tokens]:
    test, rest = _one(tokens, expression, words)
    tests = [test]
    while rest and rest[0][0] == "and":
        test, rest = _one(rest[1:], expression, words)
        tests.append(test)
    return (lambda labels: all(test(labels) for test in tests)), rest


def _one(tokens: Tokens, expression: str, words: list[Word]) -> tuple[Test, Tokens]:
    if not tokens:
        raise _error(expression, len(expression), "a word is missing at the end")
    (token, at), rest = tokens[0], tokens[1:]
    if token == "not":
        test, rest = _one(rest, expression, words)
        return (lambda labels: not test(labels)), rest
    if token == "(":
        test, rest = _either(rest, expression, words)
        if not rest or rest[0][0] != ")":
            raise _error(expression, rest[0][1] if rest else len(expression), 'expected ")"')
        return test, rest[1:]
    if token in _OPERATORS:
        raise _error(expression, at, f"a word is missing before {token}")
    word = Word(token[1:-1] if token[0] in "\"'" else token)
    words.append(word)
    return word, rest


def _error(expression: str, at: int, message: str) -> SuiteError:
    return SuiteError([f"-k: {message}\n    {expression}\n    {'':{at}}^\n  such as: -k 'mlp and not seed=1'"])


# ── --lf ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class LastResults:
    """How the cells of a plan ended in the last runs of their suite."""

    runs: tuple[str, ...]
    "Ids of the runs that were read, newest first, back to one of the whole suite."
    failed: frozenset[str]
    "Ids of cells that failed, or in which a probe failed, when they were last run."
    missing: frozenset[str]
    "Ids of cells without a record in these runs."


def last_results(plan: Plan, store: Store, *, smoke: bool = False) -> LastResults:
    """Return how the cells of a plan ended when they were last run under the same `--set`.

    A run of a part of the suite (`--only`, `-k`, `--lf`) has results for that part only; earlier runs are read for the
    rest.

    Args:
        plan: the plan.
        store: the runs.
        smoke: whether to read smoke runs only, or other runs only.
    """
    runs: list[str] = []
    newest: dict[str, Record] = {}
    for info in store.runs():
        same = cell_overrides(info.info.get("overrides", ())) == cell_overrides(plan.suite.overrides)
        if info.suite != plan.suite.name or info.smoke != smoke or not same:
            continue
        runs.append(info.run)
        for record in Run(info.path).records():
            newest.setdefault(record.id, record)
        if not info.info.get("only"):
            break
    known = [newest[cell.id] for cell in plan.cells if cell.id in newest]
    failed = frozenset(record.id for record in known if has_failed(record))
    return LastResults(tuple(runs), failed, frozenset(cell.id for cell in plan.cells if cell.id not in newest))


def failed_or_missing(plan: Plan, results: LastResults) -> Plan:
    """Return the part of a plan that failed when it was last run, or was not reached; it names the other cells."""
    wanted = results.failed | results.missing
    passed = tuple(cell.id for cell in plan.cells if cell.id not in wanted)
    return replace(filter_cells(plan, lambda cell: cell.id in wanted, LAST_FAILED), passed=passed)


def has_failed(record: Record) -> bool:
    """Return whether a cell, or a probe in it, did not end well."""
    return record.status != "ok" or any(row.status == "failed" for row in record.probes.values())
