"""Export a comparison as JUnit XML, which CI services show as tests.

There is one test for each gated metric, cell that is not compared, and failed probe.
"""

from __future__ import annotations

from xml.etree import ElementTree

from bench_suite.comparison.compare import FAILED, Comparison
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row, Verdict

ELEMENTS: dict[Verdict, str] = {"regressed": "failure", "cannot tell": "error"}
"Element of the verdicts that do not pass."


def export(comparison: Comparison) -> bytes:
    """Return the XML: `regressed` is a failure; `cannot tell` and cells that failed or are not compared are errors.

    Cells that do not change the exit status are skipped: cells that head was to leave out and, in a suite without a
    gate, all that have not failed, unless no cell is compared. All other tests pass.
    """
    rows = [row for row in comparison.rows if row.gated]
    skipped = [cell for cell in comparison.uncompared if _is_skipped(cell, comparison)]
    failures = sum(row.verdict == "regressed" for row in rows)
    errors = sum(row.verdict == "cannot tell" for row in rows) + len(comparison.uncompared) - len(skipped)
    numbers = {"tests": len(rows) + len(comparison.uncompared), "failures": failures, "errors": errors}
    counts = {name: str(number) for name, number in {**numbers, "skipped": len(skipped)}.items()}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "bench compare", **counts})
    for row in rows:
        name = f"{row.metric} ({row.coordinates})" if row.coordinates else row.metric
        test = ElementTree.SubElement(suite, "testcase", {"classname": _clean(row.where), "name": _clean(name)})
        element = ELEMENTS.get(row.verdict)
        if element is None:
            ElementTree.SubElement(test, "system-out").text = _clean(_message(row))
        else:
            ElementTree.SubElement(test, element, {"message": _clean(_message(row)), "type": row.verdict})
    for cell in comparison.uncompared:
        name = f"probe {cell.probe}" if cell.probe else "compared"
        test = ElementTree.SubElement(suite, "testcase", {"classname": _clean(cell.where), "name": _clean(name)})
        if cell in skipped:
            ElementTree.SubElement(test, "skipped", {"message": _clean(f"{cell.reason_code}: {cell.detail}")})
        else:
            ElementTree.SubElement(test, "error", {"message": _clean(cell.detail), "type": cell.reason_code})
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def _is_skipped(cell: UncomparedCell, comparison: Comparison) -> bool:
    """Return whether a cell that is not compared leaves the exit status as it is."""
    counts = comparison.gated or comparison.status == 4 or cell.reason_code in FAILED
    return cell.reason_code == "left out" or not counts


def _message(row: Row) -> str:
    words: list[str] = [row.verdict]
    if row.base is not None and row.head is not None:
        words.append(f"{row.base:.5g} to {row.head:.5g}")
    if row.interval is not None:
        words.append(f"difference {row.difference:.4g} [{row.interval[0]:.4g}, {row.interval[1]:.4g}]")
    return "; ".join([*words, *([row.note] if row.note else [])])


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold: control characters, surrogates and non-characters."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)
