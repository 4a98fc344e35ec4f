"""Which pairs of cells each metric is compared in, and which gates of a suite judge it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bench_suite.comparison.gates import applies, is_not_asked, seeds_text
from bench_suite.comparison.pairing import Group, Pair, Pairing
from bench_suite.store.columns import heads_of
from bench_suite.store.records import label_of
from bench_suite.suite.spec import Gate


@dataclass(frozen=True)
class Part:
    """Some pairs of a group, with the metrics that are compared in exactly these pairs."""

    group: Group
    "The group, reduced to these pairs."
    gates: dict[str, list[Gate | None]] = field(default_factory=dict)
    "By metric: the gates that judge it there, each by itself; None for a metric that is compared without a gate."


def parts_of(group: Group, gates: Sequence[Gate]) -> list[Part]:
    """Return the parts of a group; there is one unless `only` of a probe or of a gate chooses some seeds or folds.

    A metric is compared in the pairs that its probe was asked of, in at least one run. It is judged once for each gate
    with a tolerance, in the pairs that the gate is for; gates without one count once, with the tolerance 0.
    """
    parts: dict[tuple[int, ...], dict[str, list[Gate | None]]] = {}
    heads = [(heads_of(pair.base), heads_of(pair.head)) for pair in group.pairs]
    # Nearly all cells of a large run have the same metrics, whose heads are then one object.
    different = {(id(base), id(head)): (base, head) for base, head in heads}
    names = {key: dict.fromkeys(row.name for side in pair for row in side) for key, pair in different.items()}
    names_of_pairs = [names[id(base), id(head)] for base, head in heads]
    for metric in dict.fromkeys(name for own in names.values() for name in own):
        asked = tuple(
            index
            for index, (pair, own) in enumerate(zip(group.pairs, names_of_pairs, strict=True))
            if metric in own or is_asked(metric, pair)
        )
        decisions = _judged_pairs([gate for gate in gates if gate.metric == metric], group, asked)
        if not any(indices == asked for _, indices in decisions):
            decisions = [(None, asked), *decisions]
        for gate, indices in decisions:
            parts.setdefault(indices, {}).setdefault(metric, []).append(gate)
    return [Part(_reduced(group, indices), judges) for indices, judges in parts.items()]


def pairs_of(gate: Gate, pairing: Pairing) -> list[Pair]:
    """Return the compared cells that a gate is for, each in both runs."""
    return [pair for group in pairing.groups for pair in group.pairs if applies(gate, pair.head.cell)]


def is_asked(metric: str, pair: Pair) -> bool:
    """Return whether the probe of a metric was asked of a cell in at least one run."""
    return not all(is_not_asked(label_of(metric), record) for record in (pair.base, pair.head))


def _judged_pairs(
    gates: Sequence[Gate], group: Group, asked: tuple[int, ...]
) -> list[tuple[Gate | None, tuple[int, ...]]]:
    """Return the gates that judge a metric of a group, each with the pairs that it is for."""
    chosen: dict[tuple[int, ...], list[Gate]] = {}
    for gate in gates:
        indices = tuple(index for index in asked if applies(gate, group.pairs[index].head.cell))
        if indices:
            chosen.setdefault(indices, []).append(gate)
    covered = [set(indices) for indices, own in chosen.items() if any("tolerance" in gate.rules for gate in own)]
    return [
        (gate, indices)
        for indices, own in chosen.items()
        for gate in deciding(own)
        if "tolerance" in gate.rules or not any(set(indices) <= other for other in covered)
    ]


def deciding(gates: Iterable[Gate]) -> list[Gate]:
    """Return the gates on one metric of the same cells that have a tolerance; else the first, which allows no loss."""
    listed = list(gates)
    return [gate for gate in listed if "tolerance" in gate.rules] or listed[:1]


def _reduced(group: Group, indices: tuple[int, ...]) -> Group:
    """Return a group with some of its pairs; its name then has their seeds."""
    if len(indices) == len(group.pairs):
        return group
    pairs = tuple(group.pairs[index] for index in indices)
    return replace(group, pairs=pairs, where=f"{group.where}, {seeds_text(p.head.cell for p in pairs)}")
