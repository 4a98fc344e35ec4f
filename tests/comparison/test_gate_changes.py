"""Claims about changed gates: what lets more losses pass comes first, with the old and the new rule."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.comparison.gate_changes import changes_of_seeds, gate_changes
from bench_suite.comparison.gates import stated_gates
from bench_suite.suite.spec import SeedRange

NAME = "quality/accuracy"
DEFAULTS = {"undecided": "exit 4", "new": "pass"}


def changes(base: dict[str, Any], head: dict[str, Any]) -> list[str]:
    """Return the changes from the gates of one `run.json` to those of another, in words."""
    return [str(change) for change in gate_changes(stated_gates(base), stated_gates(head), DEFAULTS, DEFAULTS)]


@pytest.mark.parametrize(
    ("base", "head", "words"),
    [
        ({"tolerance": 0.01}, {"tolerance": 0.05}, "tolerance 0.01 → 0.05 (wider)"),
        ({"tolerance": 0.05}, {"tolerance": 0.01}, "tolerance 0.05 → 0.01 (stricter)"),
        ({"tolerance": "1%"}, {"tolerance": "5%"}, "tolerance 1% → 5% (wider)"),
        ({"tolerance": 0.01}, {"tolerance": "5%"}, "tolerance 0.01 → 5% (changed)"),
        ({"min": 0.7}, {"min": 0.6}, "min 0.7 → 0.6 (wider)"),
        ({"max": 0.7}, {"max": 0.6}, "max 0.7 → 0.6 (stricter)"),
        ({"min": 0.7, "max": 0.9}, {"max": 0.9}, "min 0.7 → none (wider)"),
        ({"min": 0.7}, {"min": 0.7, "tolerance": 0.1}, "tolerance none → 0.1 (wider)"),
        (
            {"min": 0.7, "tolerance": 0.1},
            {"min": 0.8, "tolerance": 0.2},
            "min 0.7, tolerance 0.1 → min 0.8, tolerance 0.2 (changed)",
        ),
        ({"min": 0.7}, {"min": 0.7, "only": {"model": ["mlp"]}}, "min 0.7 → min 0.7 (model mlp) (wider)"),
        ({"min": 0.7, "only": {"model": ["mlp"]}}, {"min": 0.7}, "min 0.7 (model mlp) → min 0.7 (stricter)"),
        (
            {"min": 0.7, "only": {"seed": [0]}},
            {"min": 0.7, "only": {"seed": [1]}},
            "min 0.7 (seed 0) → min 0.7 (seed 1) (changed)",
        ),
        ({"min": 0.7, "only": {"seed": [0]}}, {"min": 0.5, "only": {"seed": [0]}}, " (seed 0): min 0.7 → 0.5 (wider)"),
    ],
)  # fmt: skip
def test_a_change_shows_the_old_and_the_new_rule_and_what_it_does(base, head, words):
    expected = f"{NAME}{words}" if words.startswith(" ") else f"{NAME}: {words}"
    assert changes({NAME: base}, {NAME: head}) == [expected]


def test_removed_and_wider_gates_come_first_and_equal_ones_are_not_listed():
    base = {"q/same": {"min": 1}, "q/strict": {"min": 1}, "q/wide": {"min": 1}, "q/gone": {"min": 0.7}}
    head = {"q/new": {"max": 3}, "q/same": {"min": 1}, "q/strict": {"min": 2}, "q/wide": {"min": 0}}
    assert changes(base, head) == [
        "q/gone: removed: min 0.7",
        "q/wide: min 1 → 0 (wider)",
        "q/strict: min 1 → 2 (stricter)",
        "q/new: added: max 3",
    ]
    assert changes(base, base) == []


def test_a_list_of_rules_is_matched_by_its_cells():
    mlp = {"model": ["mlp"]}
    base = {NAME: [{"min": 0.7}, {"tolerance": 0.01, "only": mlp}]}
    assert changes(base, {NAME: [{"tolerance": 0.02, "only": mlp}, {"min": 0.7}]}) == [
        f"{NAME} (model mlp): tolerance 0.01 → 0.02 (wider)"
    ]
    assert changes(base, {NAME: {"min": 0.7}}) == [f"{NAME}: removed: tolerance 0.01 (model mlp)"]
    assert changes({NAME: {"min": 0.7}}, base) == [f"{NAME}: added: tolerance 0.01 (model mlp)"]


def test_an_option_of_the_section_that_lets_more_pass_is_a_wider_gate():
    strict = {"undecided": "fail", "new": "fail"}
    for before, after, kind in ((DEFAULTS, strict, "stricter"), (strict, DEFAULTS, "wider")):
        listed = gate_changes((), (), before, after)
        assert [(change.metric, change.kind) for change in listed] == [("undecided", kind), ("new", kind)]
    (change,) = gate_changes((), (), DEFAULTS, {**DEFAULTS, "undecided": "warn"})
    assert (str(change), change.weaker) == ('undecided: "exit 4" → "warn" (wider)', True)


def test_a_gate_of_a_ratio_is_another_gate_than_that_of_the_value_or_of_another_ratio():
    ratio = {"ratio_to": "linear", "tolerance": "5%"}
    wider = {**ratio, "tolerance": "20%"}
    words = f"{NAME}, ratio to linear"
    assert changes({NAME: ratio}, {NAME: wider}) == [f"{words}: tolerance 5% → 20% (wider)"]
    assert changes({NAME: [{"min": 0.7}, ratio]}, {NAME: {"min": 0.7}}) == [f"{words}: removed: tolerance 5%"]
    assert changes({NAME: ratio}, {NAME: {"tolerance": "5%"}}) == [
        f"{words}: removed: tolerance 5%",
        f"{NAME}: added: tolerance 5%",
    ]
    assert changes({NAME: ratio}, {NAME: {**ratio, "ratio_to": "cnn"}}) == [
        f"{words}: removed: tolerance 5%",
        f"{NAME}, ratio to cnn: added: tolerance 5%",
    ]
    assert changes({NAME: ratio}, {NAME: dict(ratio)}) == []


@pytest.mark.parametrize(
    ("base", "head", "line", "weaker"),
    [
        (SeedRange(3, 15), None, "seeds: removed: from 3 to 15", True),
        (None, SeedRange(3, 15), "seeds: added: from 3 to 15", False),
        (SeedRange(3, 15), SeedRange(2, 15), "seeds: from 3 to 15 → from 2 to 15 (changed)", True),
        (SeedRange(3, 15), SeedRange(3, 8), "seeds: from 3 to 15 → from 3 to 8 (changed)", True),
        (SeedRange(3, 8), SeedRange(3, 15), "seeds: from 3 to 8 → from 3 to 15 (stricter)", False),
    ],
)
def test_other_seeds_are_a_change(base: SeedRange | None, head: SeedRange | None, line: str, weaker: bool) -> None:
    (change,) = changes_of_seeds(base, head)
    assert (str(change), change.weaker) == (line, weaker)
    assert changes_of_seeds(base, base) == ()
