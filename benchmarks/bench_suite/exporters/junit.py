"""A comparison as JUnit XML, which CI services show as tests: one for each gated metric, odd cell and failed probe."""

from __future__ import annotations

from xml.etree import ElementTree

from bench_suite.comparison.compare import FAILED, Comparison
from bench_suite.comparison.verdicts import Row


def export(comparison: Comparison) -> bytes:
    """`regressed` is a failure; `cannot tell`, what failed and cells that are not compared are errors.

    Cells that change no exit status are skipped: those that head was to leave out, and without a gate all that have not
    failed, unless none is compared. All else has passed.
    """
    rows = [row for row in comparison.rows if row.gated]
    counted = comparison.gated or comparison.status == 4
    skipped = [each for each in comparison.odd if each.why == "left out" or not (counted or each.why in FAILED)]
    failures = sum(row.verdict == "regressed" for row in rows)
    errors = sum(row.verdict == "cannot tell" for row in rows) + len(comparison.odd) - len(skipped)
    numbers = {"tests": len(rows) + len(comparison.odd), "failures": failures, "errors": errors}
    counts = {name: str(number) for name, number in {**numbers, "skipped": len(skipped)}.items()}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "bench compare", **counts})
    for row in rows:
        name = f"{row.metric} ({row.coordinates})" if row.coordinates else row.metric
        test = ElementTree.SubElement(suite, "testcase", {"classname": _text(row.where), "name": _text(name)})
        kind = {"regressed": "failure", "cannot tell": "error"}.get(row.verdict)
        if kind is None:
            ElementTree.SubElement(test, "system-out").text = _text(_said(row))
        else:
            ElementTree.SubElement(test, kind, {"message": _text(_said(row)), "type": row.verdict})
    for each in comparison.odd:
        name = f"probe {each.probe}" if each.probe else "compared"
        test = ElementTree.SubElement(suite, "testcase", {"classname": _text(each.where), "name": _text(name)})
        if each in skipped:
            ElementTree.SubElement(test, "skipped", {"message": _text(f"{each.why}: {each.detail}")})
        else:
            ElementTree.SubElement(test, "error", {"message": _text(each.detail), "type": each.why})
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def _said(row: Row) -> str:
    words: list[str] = [row.verdict]
    if row.base is not None and row.head is not None:
        words.append(f"{row.base:.5g} to {row.head:.5g}")
    if row.interval is not None:
        words.append(f"difference {row.difference:.4g} [{row.interval[0]:.4g}, {row.interval[1]:.4g}]")
    return "; ".join([*words, *([row.note] if row.note else [])])


def _text(text: str) -> str:
    """Without what XML 1.0 cannot hold: control characters, surrogates and non-characters."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)
