"""Findings as reports show them: one for each task and code, the worst first, with one advice.

A check states one finding for all that it concerns. Several of one code remain if they are about different splits, or
in runs of earlier versions, which have one for each column or attribute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from bench_suite.contracts import Evidence, Finding, Severity


@dataclass(frozen=True)
class ShownFinding:
    """All findings of one code on one task."""

    code: str
    severity: Severity
    "The worst of them."
    task: str
    summary: str
    mend: str
    evidence: tuple[Evidence, ...] = ()


def shown_findings(findings: Iterable[Finding], *, notes: bool = True) -> list[ShownFinding]:
    """Return findings, those of one code and task as one, the worst first.

    Args:
        findings: of a run.
        notes: whether to show those that are mere remarks.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        if notes or one.severity != "note":
            groups.setdefault((one.task, one.code), []).append(one)
    order = {severity: number for number, severity in enumerate(get_args(Severity))}
    shown = [_shown(sorted(group, key=lambda one: order[one.severity])) for group in groups.values()]
    return sorted(shown, key=lambda one: (order[one.severity], one.task, one.code))


def _shown(group: list[Finding]) -> ShownFinding:
    first = group[0]
    summaries, advice = dict.fromkeys(one.summary for one in group), dict.fromkeys(one.mend for one in group)
    if len(advice) == 1:
        mend = first.mend
    else:  # each of them is right only by itself, and says what it is about
        own = {one.mend: [other.subject for other in group if other.mend == one.mend] for one in group}
        mend = "; ".join(
            f"for {', '.join(filter(None, subjects))} alone: {text}" if any(subjects) else text
            for text, subjects in own.items()
        )
    evidence = tuple(part for one in group for part in one.evidence)
    return ShownFinding(first.code, first.severity, first.task, "; ".join(summaries), mend, evidence)
