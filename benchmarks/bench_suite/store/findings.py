"""Findings as JSON, in `run.json` and in the output of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench_suite.contracts import Evidence, Finding


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    evidence = [{**vars(part), "rows": list(part.rows), "ids": list(part.ids)} for part in finding.evidence]
    return {**vars(finding), "subjects": list(finding.subjects), "values": dict(finding.values), "evidence": evidence}


def finding_from_json(entry: Mapping[str, Any]) -> Finding:
    """Return the finding of an entry that has the form `forms.FINDING`."""
    evidence = tuple(
        Evidence(part["split"], part["count"], tuple(part.get("rows", ())), tuple(part.get("ids", ())))
        for part in entry.get("evidence", ())
    )
    texts = {name: entry[name] for name in ("code", "severity", "task", "summary", "mend")}
    subjects = tuple(entry.get("subjects", ()))
    return Finding(
        **texts, subject=entry.get("subject", ""), values=entry.get("values", {}), evidence=evidence, subjects=subjects
    )
