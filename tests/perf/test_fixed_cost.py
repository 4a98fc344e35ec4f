"""The fixed cost of a cell: a run of hundreds of cells without training and with almost no measurement."""

import os
import statistics
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.perf


def test_a_cells_fixed_cost_does_not_grow_with_the_run(tmp_path, run_of):
    run_of(5)
    few, many = zip(*((run_of(100) / 100, run_of(400) / 400) for _ in range(5)))
    line = (Path(next((tmp_path / "results").glob("*/records/*.jsonl")))).read_bytes().splitlines()[0]
    synced = []
    with (tmp_path / "probe.log").open("ab") as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            synced.append(time.perf_counter() - began)
    hundred, hundreds, flushed = (statistics.median(times) * 1000 for times in (few, many, synced))
    print(f"\nfixed cost of a cell: {hundred:.2f} ms in runs of 100, {hundreds:.2f} ms in runs of 400;")
    print(f"of it, a record of {len(line)} bytes written and flushed to this disk: {flushed:.2f} ms")
    assert statistics.median(many) < 1.5 * statistics.median(few)
