"""What differs between the gates of two suites, and which differences let more losses pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from bench_suite.comparison.gates import ALL_CELLS, scope_text, tolerance_number
from bench_suite.suite.spec import GATE_SEEDS, Gate, SeedRange

ChangeKind = Literal["removed", "wider", "changed", "stricter", "added"]
"""What became of a gate:

`removed`   base has it and head does not
`wider`     head allows what base did not, and nothing less
`changed`   head allows more in one respect and less in another, or the two cannot be compared
`stricter`  head allows less
`added`     head has it and base does not
"""
WEAKER: tuple[ChangeKind, ...] = ("removed", "wider", "changed")
"Kinds that a reviewer must see, because a loss may now pass."
STRICTNESS: Mapping[str, tuple[str, ...]] = {"undecided": ("warn", "exit 4", "fail"), "new": ("pass", "fail")}
"The values of the options of the section `[gate]`, from the one that allows most."


@dataclass(frozen=True)
class GateChange:
    """A gate, or an option of the section `[gate]`, that differs between the suites of two runs."""

    kind: ChangeKind
    metric: str
    "`probe/metric`, with the reference of a ratio: `probe/metric, ratio to mlp`; or the name of the option."
    base: str
    "The rules in words: `min 0.7, tolerance 0.01`; empty if base has none."
    head: str
    "The rules in words; empty if head has none."

    @property
    def weaker(self) -> bool:
        """Whether a loss may pass that did not pass before."""
        return self.kind in WEAKER

    def __str__(self) -> str:
        """Return the change in words: `quality/accuracy: tolerance 0.01 → 0.05 (wider)`."""
        if self.kind in ("removed", "added"):
            return f"{self.metric}: {self.kind}: {self.base or self.head}"
        return f"{self.metric}: {self.base} → {self.head} ({self.kind})"


def gate_changes(
    base: Sequence[Gate], head: Sequence[Gate], base_options: Mapping[str, str], head_options: Mapping[str, str]
) -> tuple[GateChange, ...]:
    """Return what differs between the gates of two suites, and between the options of their sections `[gate]`.

    The changes by which a loss may pass come first.

    Args:
        base: the gates of base.
        head: the gates of head.
        base_options: `undecided` and `new` of base.
        head_options: `undecided` and `new` of head.
    """
    names = dict.fromkeys(gate.name for gate in (*base, *head))
    changes = [
        change
        for name in names
        for change in _changes_of_metric(*([gate for gate in side if gate.name == name] for side in (base, head)))
    ]
    changes += _changes_of_options(base_options, head_options)
    return tuple(sorted(changes, key=lambda change: get_args(ChangeKind).index(change.kind)))


def _changes_of_options(base: Mapping[str, str], head: Mapping[str, str]) -> Iterator[GateChange]:
    for option, values in STRICTNESS.items():
        before, after = base[option], head[option]
        if before != after:
            kind: ChangeKind = "wider" if values.index(after) < values.index(before) else "stricter"
            yield GateChange(kind, option, f'"{before}"', f'"{after}"')


def changes_of_seeds(base: SeedRange | None, head: SeedRange | None) -> tuple[GateChange, ...]:
    """Return what differs between `[gate] seeds` of two suites; with fewer, a verdict is about fewer trainings."""
    before, after = (f"from {seeds.first} to {seeds.most}" if seeds else "" for seeds in (base, head))
    if base == head:
        return ()
    if base is None or head is None:
        return (GateChange("added" if base is None else "removed", GATE_SEEDS, before, after),)
    fewer = head.first < base.first or head.most < base.most
    return (GateChange("changed" if fewer else "stricter", GATE_SEEDS, before, after),)


def _changes_of_metric(base: Sequence[Gate], head: Sequence[Gate]) -> Iterator[GateChange]:
    """Yield the changes of the gates on one metric or ratio: pairs for the same cells first, then others in order."""
    left, right = _without_common(base, head)
    for gate in list(left):
        twin = next((other for other in right if other.only == gate.only), None)
        if twin is not None:
            left.remove(gate)
            right.remove(twin)
            yield _change(gate, twin)
    for gate, other in zip(left, right):
        yield _change(gate, other)
    for gate in left[len(right) :]:
        yield GateChange("removed", gate.name, _words(gate), "")
    for gate in right[len(left) :]:
        yield GateChange("added", gate.name, "", _words(gate))


def _without_common(base: Sequence[Gate], head: Sequence[Gate]) -> tuple[list[Gate], list[Gate]]:
    """Return the gates of both sides without those that both have."""
    left, right = [], [replace(gate, key=()) for gate in head]
    for gate in (replace(gate, key=()) for gate in base):
        if gate in right:
            right.remove(gate)
        else:
            left.append(gate)
    return left, right


def _change(base: Gate, head: Gate) -> GateChange:
    """Return the change from one gate to another; the words name what differs and nothing else."""
    effects = {
        effect for effect in (*_effects_on_rules(base.rules, head.rules), _effect_on_cells(base, head)) if effect
    }
    kind: ChangeKind = "changed"
    if effects == {"wider"}:
        kind = "wider"
    elif effects == {"stricter"}:
        kind = "stricter"
    if base.only != head.only:
        return GateChange(kind, base.name, _words(base), _words(head))
    cells = f" ({scope_text(base)})" if base.only else ""
    names = [rule for rule in ("min", "max", "tolerance") if base.rules.get(rule) != head.rules.get(rule)]
    if len(names) == 1:
        (rule,) = names
        before, after = (gate.rules.get(rule, "none") for gate in (base, head))
        return GateChange(kind, f"{base.name}{cells}", f"{rule} {_value(before)}", _value(after))
    return GateChange(kind, f"{base.name}{cells}", _rules_in_words(base), _rules_in_words(head))


def _effects_on_rules(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[ChangeKind]:
    """Yield what each rule that differs does to a loss. A gate without tolerance allows no loss in a comparison."""
    for rule, sign in (("min", -1.0), ("max", 1.0)):
        before, after = (float(rules[rule]) * sign if rule in rules else float("inf") for rules in (base, head))
        if before != after:
            yield "wider" if after > before else "stricter"
    before_tolerance, after_tolerance = base.get("tolerance", 0.0), head.get("tolerance", 0.0)
    numbers = [tolerance_number(tolerance) for tolerance in (before_tolerance, after_tolerance)]
    if before_tolerance == after_tolerance or not any(numbers):
        return
    if all(numbers) and isinstance(before_tolerance, str) is not isinstance(after_tolerance, str):
        yield "changed"  # a share of base, and a number in the metric's unit
    elif numbers[0] != numbers[1]:
        yield "wider" if numbers[1] > numbers[0] else "stricter"


def _effect_on_cells(base: Gate, head: Gate) -> ChangeKind | None:
    """Return what other cells do to a loss: fewer cells allow more."""
    if base.only == head.only:
        return None
    if _includes(base, head):
        return "wider"
    return "stricter" if _includes(head, base) else "changed"


def _includes(larger: Gate, smaller: Gate) -> bool:
    """Return whether a gate is for all cells of another one."""
    return all(
        axis in smaller.only and all(value in values for value in smaller.only[axis])
        for axis, values in larger.only.items()
    )


def _words(gate: Gate) -> str:
    scope = scope_text(gate)
    return _rules_in_words(gate) + (f" ({scope})" if scope != ALL_CELLS else "")


def _rules_in_words(gate: Gate) -> str:
    rules = [f"{rule} {_value(gate.rules[rule])}" for rule in ("min", "max", "tolerance") if rule in gate.rules]
    return ", ".join(rules) or "no rule"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
