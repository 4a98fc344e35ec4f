"""Notes on two runs: what differs between them as a whole, and which gates judge nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench_suite.comparison.gates import scope_text
from bench_suite.comparison.judged_cells import pairs_of, parts_of
from bench_suite.comparison.metric_rows import key_text, keys_of, rows_of, without_value
from bench_suite.comparison.pairing import Pairing
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate


def reversed_runs(base: Run, head: Run) -> Iterator[str]:
    """Yield a note if head is the older run: then *regressed* is what the newer run mended."""
    if str(base.info.get("started", "")) > str(head.info.get("started", "")) > "":
        yield "HEAD is older than BASE: the verdicts say what a change back to the older run does; swap the two runs"


def one_sided_metrics(pairing: Pairing) -> Iterator[str]:
    """Yield notes on metrics of compared cells that only one run has, everywhere or in some cells or coordinates."""
    base, head = (
        {group.where: keys_of(map(side, group.pairs)).keys() for group in pairing.groups}
        for side in (lambda pair: pair.base, lambda pair: pair.head)
    )
    for word, mine, theirs in (("base", base, head), ("head", head, base)):
        shared = {key[0] for keys in theirs.values() for key in keys}
        names = sorted({key[0] for keys in mine.values() for key in keys} - shared)
        for where, keys in mine.items():
            missing = sorted((key for key in keys - theirs[where] if key[0] in shared), key=str)
            names += [f"{key_text(key)} in {where}" for key in missing]
        if names:
            yield f"only {word} has {', '.join(names)}"


def gated_without_value(pairing: Pairing, gates: Sequence[Gate]) -> Iterator[str]:
    """Yield notes on gated metrics that have no value on either side at some coordinates."""
    names = {gate.metric for gate in gates}
    for group in pairing.groups:
        keys = keys_of(side for pair in group.pairs for side in (pair.base, pair.head))
        divided = {name for name, coordinates in keys if coordinates and name in names}
        for part in parts_of(group, gates) if divided else ():
            gated = {metric: own for metric, own in part.gates.items() if metric in divided and any(own)}
            for key, reason in without_value(rows_of(replace(part, gates=gated))).items():
                yield f"no value on either side: {key_text(key)} in {part.group.where}: {reason}"


def gates_without_cells(pairing: Pairing, gates: Sequence[Gate]) -> Iterator[str]:
    """Yield notes on gates for some cells of which none is compared."""
    for gate in gates:
        if gate.only and pairing.groups and not pairs_of(gate, pairing):
            yield f"the gate on {gate.name} for {scope_text(gate)} judges nothing: no such cell is compared"
