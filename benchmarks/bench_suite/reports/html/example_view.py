"""How examples are written: as cards of the page, and as data for the browser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.reports import formatting
from bench_suite.reports.html.attributions import Attribution
from bench_suite.reports.html.examples import Selection, TaskExamples, rule_text
from bench_suite.reports.html.items import Item, Items

MAX_NAME = 60
"Characters of the name of a class or of a group."
NOTHING = formatting.NOTHING
KINDS = {"right": "most confident right", "wrong": "most confident wrong", "borderline": "borderline"}
"Why the probe chose an example, by its kind."
_STEPS = 5


@dataclass(frozen=True)
class Answer:
    """What one model predicts for an example."""

    model: str
    prediction: str
    score: str
    "Score of the prediction; of a regression the error, with its sign."
    target_score: str
    "Score of the true class; empty for a regression."
    status: str
    "`right`, `wrong`, or empty if that is not known."


@dataclass(frozen=True)
class Token:
    """A word of an explained text."""

    text: str
    mark: str
    "Class of the style sheet: sign and strength of its weight; empty without one."


@dataclass(frozen=True)
class Explanation:
    """The attribution of an example for one model."""

    model: str
    caption: str
    words: Sequence[Token] = ()
    bars: Sequence[tuple[str, str]] = ()
    address: str = ""
    kind: str = ""
    "Why the probe chose the example, in words; empty if that is not known."
    map: str = ""
    "Where the image speaks for the class and against it, as `data:` address."
    width: int = 0
    "Width of the map in pixels."
    method: str = ""
    explains: str = ""
    "Name of the class that is explained; empty if it is not stated."


@dataclass(frozen=True)
class Card:
    """One example of the page."""

    id: str
    target: str
    item: Item
    values: Sequence[tuple[str, str]]
    "Names and values of the row of a table."
    groups: Sequence[tuple[str, str]]
    answers: Sequence[Answer]
    explanations: Sequence[Explanation]


@dataclass(frozen=True)
class ExamplesView:
    """The examples of one task, ready to be written."""

    examples: TaskExamples
    choice: Selection
    items: Items
    classes: Sequence[str]
    "Names of the classes by number; numbers that have none are written as they are."
    explained: Mapping[int, Sequence[Attribution]]
    "Attributions by position in `examples`."
    address: str
    "Address of the folder of the run, relative to the page, with a slash at its end."

    @property
    def about(self) -> str:
        """Which examples are shown."""
        return rule_text(self.examples, self.choice)

    @property
    def explained_by(self) -> str:
        """How many of the examples are explained, by which models and methods; empty if none is."""
        rows = [row for row in self.choice.rows.tolist() if self.explained.get(row)]
        shown = [one for row in rows for one in self.explained[row]]
        if not shown:
            return ""
        methods: dict[int, dict[str, None]] = {}
        for one in sorted(shown, key=lambda one: one.model):
            methods.setdefault(one.model, {}).update({visible(one.method): None} if one.method else {})
        same = len({tuple(own) for own in methods.values()}) == 1
        names = [visible(self.examples.models[model].label) for model in methods]
        used = [f" with {_listed(own)}" if own else "" for own in methods.values()]
        by = f"{_listed(names)}{used[0]}" if same else _listed([name + way for name, way in zip(names, used)])
        text = f"{len(rows):,} of {len(self.choice.rows):,} examples shown were explained by {by}."
        maps = [one.signed for one in shown if one.map]
        meaning = ["red speaks for the class that is explained, blue against it"] if any(maps) else []
        meaning += ["red is a large magnitude, for the class or against it"] if not all(maps) else []
        return f"{text} In a map, {'; for a method without signs, '.join(meaning)}." if maps else text

    @property
    def files(self) -> list[tuple[str, str, str]]:
        """The label of each model, its seed and fold, and the address of its predictions."""
        return [(one.label, one.seed, self.address + one.file) for one in self.examples.models]

    def cards(self, count: int) -> list[Card]:
        """Return the first examples as cards."""
        return [self._card(int(row)) for row in self.choice.rows[:count]]

    def _card(self, row: int) -> Card:
        examples, id = self.examples, int(self.examples.ids[row])
        item = self.items.by_id.get(id, Item())
        groups = [(name, _short(str(values[row]))) for name, values in examples.groups.items() if values[row] != ""]
        explanations = [self._explanation(one) for one in self.explained.get(row, ())]
        values = list(zip(self.items.columns, item.values))
        return Card(
            str(id), self._name(examples.targets[row]), item, values, groups, [*self._answers(row)], explanations
        )

    def _answers(self, row: int) -> Iterator[Answer]:
        examples = self.examples
        for number, model in enumerate(examples.models):
            value, target = examples.answers.values[row, number], examples.targets[row]
            if examples.rows[row, number] < 0:
                yield Answer(model.label, NOTHING, NOTHING, NOTHING, "")
            elif examples.regression:
                yield Answer(model.label, self._name(value), _signed(value - target), "", "")
            else:
                score, of_target = examples.answers.scores[row, number], examples.answers.target_scores[row, number]
                status = "wrong" if value != target else "right"
                yield Answer(model.label, self._name(value), _score(score), _score(of_target), status)

    def _explanation(self, one: Attribution) -> Explanation:
        words = [Token(visible(text), mark_of(weight)) for text, weight in one.words]
        bars = [(visible(name), _signed(value)) for name, value in one.bars]
        address = self.address + one.file if one.file else ""
        explains = "" if math.isnan(one.explains) else self._name(one.explains)
        return Explanation(
            self.examples.models[one.model].label, visible(one.caption), words, bars, address, KINDS.get(one.kind, ""),
            one.map, one.size[0], visible(one.method), explains,
        )  # fmt: skip

    def _name(self, value: float) -> str:
        if math.isnan(value):
            return NOTHING
        if self.examples.regression:
            return formatting.plain_number(float(value), 4)
        number = int(value)
        return _short(self.classes[number]) if 0 <= number < len(self.classes) else str(number)

    def data(self) -> dict[str, Any]:
        """Return the examples for the browser: texts and numbers by position, so that names are written once."""
        examples, rows = self.examples, self.choice.rows.tolist()
        groups = [
            (name, *_coded([_short(str(values[row])) for row in rows])) for name, values in examples.groups.items()
        ]
        codes = sorted(set() if examples.regression else {int(value) for row in rows for value in self._codes(row)})
        return {
            "regression": examples.regression,
            "models": [visible(model.label) for model in examples.models],
            "classes": {str(code): self._name(code) for code in codes},
            "columns": [visible(name) for name in self.items.columns],
            "groups": [[visible(name), known] for name, known, _ in groups],
            "rows": [
                [
                    str(int(examples.ids[row])), _number(examples.targets[row]),
                    [
                        [_number(values[row, number]) for values in (
                            examples.answers.values, examples.answers.scores, examples.answers.target_scores
                        )] if examples.rows[row, number] >= 0 else None
                        for number in range(len(examples.models))
                    ],
                    [coded[at] for *_, coded in groups],
                    self._item(int(examples.ids[row])),
                    [self._explained(one) for one in self.explained.get(row, ())],
                ]
                for at, row in enumerate(rows)
            ],
        }  # fmt: skip

    def _codes(self, row: int) -> list[float]:
        values = [self.examples.targets[row], *self.examples.answers.values[row]]
        return [value for value in values if not math.isnan(value)]

    def _item(self, id: int) -> list[Any] | None:
        item = self.items.by_id.get(id)
        if item is None:
            return None
        return [
            item.image, *item.size, visible(item.text), item.cut, [visible(value) for value in item.values],
        ]  # fmt: skip

    def _explained(self, one: Attribution) -> list[Any]:
        shown = self._explanation(one)
        words = [[token.text, token.mark] if token.mark else [token.text] for token in shown.words]
        bars = [list(pair) for pair in shown.bars]
        own = [one.model, shown.caption, words, bars, shown.address, shown.kind]
        return [*own, shown.map, shown.width, shown.method, shown.explains] if shown.map else own


def mark_of(weight: float) -> str:
    """Return the class of the style sheet for a weight from −1 to 1; empty if it is about 0."""
    strength = min(_STEPS, round(abs(weight) * _STEPS)) if math.isfinite(weight) else 0
    return f"{'p' if weight > 0 else 'n'}{strength}" if strength else ""


def _coded(values: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the different values in order, and the position of each value among them; −1 for an empty one."""
    known = sorted({value for value in values if value})
    positions = {value: number for number, value in enumerate(known)}
    return known, [positions.get(value, -1) for value in values]


def visible(text: str) -> str:
    """Return a text without characters that cannot be seen, such as those that turn the direction of writing."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)


def _short(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"


def _listed(names: Iterable[str]) -> str:
    """Return names as a list in words: `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _score(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{formatting.plain_number(abs(float(value)), 3)}"


def _number(value: float) -> float | int | None:
    """Return a number for JSON, whole if it is, with five digits otherwise; None if it is not finite."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else float(f"{value:.5g}")
