"""A page of 10,000 records: its size, and how soon it can be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

TIMES = """() => {
  const entry = performance.getEntriesByType("navigation")[0];
  return {parsed: entry.domInteractive, loaded: entry.loadEventEnd, ready: performance.now()};
}"""


def test_a_page_of_10_000_records_is_below_a_megabyte_and_its_times_are_printed(
    large_page: Path, visit: Callable, capsys
) -> None:
    size = large_page.stat().st_size
    assert size < 1_000_000
    times = [visit(large_page).page.evaluate(TIMES) for _ in range(3)]
    board = visit(large_page).board()
    sorting = board.section.evaluate(
        """section => { const before = performance.now(); section.querySelector("th[data-sort] button").click();
           return performance.now() - before; }"""
    )
    with capsys.disabled():
        print(f"\n10,000 records: {size / 1000:,.0f} kB; in milliseconds:", end=" ")
        print("; ".join(f"{name} {min(one[name] for one in times):.0f}" for name in times[0]), end="")
        print(f" (all rows can be sorted and filtered); a sort {sorting:.0f}")
