"""Export a comparison as JUnit XML, which CI services show as tests.

There is one test for each gated metric, cell that is not compared, and failed probe.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.verdicts import Row, Verdict

UNDECIDED: dict[str, str | None] = {"exit 4": "error", "fail": "failure", "warn": None}
"Element of *cannot tell* by the option `undecided` of the section `[gate]`; None: it passes."


def export(comparison: Comparison) -> bytes:
    """Return the XML: `regressed` is a failure; `cannot tell` and cells that failed or are not compared are errors.

    The option `undecided` of `[gate]` can make `cannot tell` a failure or a test that passes. Cells that do not change
    the exit status are skipped: cells that head was to leave out, new cells unless `new = "fail"`, and, in a suite
    without a gate, all that have not failed, unless no cell is compared. All other tests pass.
    """
    rows = [row for row in comparison.rows if row.gated]
    elements: dict[Verdict, str | None] = {
        "regressed": "failure", "cannot tell": UNDECIDED[comparison.options["undecided"]],
    }  # fmt: skip
    skipped = [cell for cell in comparison.uncompared if comparison.is_ignored(cell)]
    of_rows = [elements.get(row.verdict) for row in rows]
    failures = of_rows.count("failure")
    errors = of_rows.count("error") + len(comparison.uncompared) - len(skipped)
    numbers = {"tests": len(rows) + len(comparison.uncompared), "failures": failures, "errors": errors}
    counts = {name: str(number) for name, number in {**numbers, "skipped": len(skipped)}.items()}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "bench compare", **counts})
    tests = Counter((row.where, row.name) for row in rows)
    for row, element in zip(rows, of_rows, strict=True):
        name = row.name
        if tests[row.where, name] > 1:  # a list of rules; a CI service may keep one test of each name
            name += f", tolerance {row.tolerance or 0:.4g}"
        test = ElementTree.SubElement(suite, "testcase", {"classname": _clean(row.where), "name": _clean(name)})
        if element is None:
            ElementTree.SubElement(test, "system-out").text = _clean(row_message(row))
        else:
            ElementTree.SubElement(test, element, {"message": _clean(row_message(row)), "type": row.verdict})
    for cell in comparison.uncompared:
        name = f"probe {cell.probe}" if cell.probe else "compared"
        test = ElementTree.SubElement(suite, "testcase", {"classname": _clean(cell.where), "name": _clean(name)})
        if cell in skipped:
            ElementTree.SubElement(test, "skipped", {"message": _clean(f"{cell.reason_code}: {cell.detail}")})
        else:
            ElementTree.SubElement(test, "error", {"message": _clean(cell.detail), "type": cell.reason_code})
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def row_message(row: Row) -> str:
    """Return the verdict of a metric in one line: values of both sides, difference, interval and note."""
    words: list[str] = [row.verdict]
    if row.base is not None and row.head is not None:
        pairs = ((f"{row.base:.{digits}g}", f"{row.head:.{digits}g}") for digits in range(5, 18))
        base, head = next((pair for pair in pairs if pair[0] != pair[1]), (f"{row.base:.5g}", f"{row.head:.5g}"))
        words.append(f"{base} to {head}")
    if row.interval is not None:
        words.append(f"difference {(row.difference or 0.0) + 0.0:.4g} [{row.interval[0]:.4g}, {row.interval[1]:.4g}]")
    return "; ".join([*words, *([row.note] if row.note else [])])


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold: control characters, surrogates and non-characters."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)
