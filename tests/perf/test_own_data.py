"""A person's CSV of a million rows, from the file to encoded splits, beside what `datasets` and pandas take by hand.

Each way runs in a process of its own, first with an empty cache and then with the cache that it left; the ways take
turns. `tox -e perf` runs it; alone: `pytest -m perf tests/perf/test_own_data.py -s`. The file is a script, too:
`python tests/perf/test_own_data.py ours|hand FILE CACHE` prints the seconds of processor time, those of the clock, and
MiB of memory at most.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pytest

pytestmark = pytest.mark.perf
ROWS = 1_000_000
NUMBERS, CATEGORIES = 13, 6
ROUNDS = 3
FIRST, SECOND = 1.5, 1.2
"The greatest ratios to the way by hand that are wanted."


def write_csv(file: Path, rows: int) -> None:
    """Write columns of numbers, columns of three to eight categories, and a label of two classes."""
    import pyarrow as pa
    from pyarrow import csv

    drawn = np.random.default_rng(0)
    columns = {f"number {n}": np.round(drawn.normal(0, 10, rows), 4) for n in range(NUMBERS)}
    for n in range(CATEGORIES):
        columns[f"category {n}"] = np.array([f"level {level}" for level in range(3 + n)])[
            drawn.integers(0, 3 + n, rows)
        ]
    columns["label"] = np.where(columns["number 0"] + drawn.normal(0, 10, rows) > 0, "yes", "no")
    with file.open("wb") as stream:
        stream.write((",".join(columns) + "\n").encode())
        csv.write_csv(pa.table(columns), stream, csv.WriteOptions(include_header=False, quoting_style="none"))


def ours(file: Path, cache: Path) -> tuple[float, float]:
    """Return the seconds of processor time and of the clock that the program takes."""
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401 - imported before the clock starts

    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources
    from bench_suite.tasks import files

    began, clock = process_time(), perf_counter()
    data = files.load(files.Options(path=str(file)), Sources(offline=True, cache=Cache(cache)))
    taken = process_time() - began, perf_counter() - clock
    assert data.splits["train"].columns["table"].shape[1] == NUMBERS + sum(3 + n for n in range(CATEGORIES))
    return taken


def by_hand(file: Path, cache: Path) -> tuple[float, float]:
    """Return the seconds of processor time and of the clock that a script takes."""
    import datasets
    import pandas as pd

    datasets.disable_progress_bars()
    began, clock = process_time(), perf_counter()
    frame = datasets.load_dataset("csv", data_files=str(file), cache_dir=str(cache))["train"].to_pandas()
    target, _ = pd.factorize(frame.pop("label"))
    numbers = list(frame.select_dtypes("number"))
    table = pd.get_dummies(frame, dtype=float)
    order = np.random.default_rng(0).permutation(len(table))
    test, train = np.split(order, [len(table) // 5])
    mean, deviation = table.loc[train, numbers].mean(), table.loc[train, numbers].std()
    table[numbers] = (table[numbers] - mean) / deviation
    values = table.to_numpy()
    splits = {name: (values[rows], target[rows]) for name, rows in (("train", train), ("test", test))}
    taken = process_time() - began, perf_counter() - clock
    assert splits["train"][0].shape[1] == NUMBERS + sum(3 + n for n in range(CATEGORIES))
    return taken


def measured(way: str, file: Path, cache: Path) -> tuple[float, float, float]:
    """Return the seconds of processor time and of the clock, and the MiB of memory, of one way in a process."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, way, str(file), str(cache)]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    processor, clock, memory = map(float, printed.split()[-3:])
    return processor, clock, memory


@pytest.mark.skipif(sys.platform == "win32", reason="the memory of a process is read with `resource`")
def test_a_csv_of_a_million_rows_takes_about_as_long_as_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "million.csv"
    write_csv(file, ROWS)
    taken: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for number in range(ROUNDS):
        for time in ("first", "second"):
            for way in ("hand", "ours"):
                taken.setdefault((way, time), []).append(measured(way, file, tmp_path / f"{way} {number}"))
    medians = {
        key: tuple(statistics.median(values) for values in zip(*runs, strict=True)) for key, runs in taken.items()
    }
    print()
    for (way, time), (processor, clock, memory) in medians.items():
        print(f"{way:4s}, {time:6s} time: {processor:5.2f} s of processor, {clock:5.1f} s, at most {memory:.0f} MiB")
    ratios = {time: medians["ours", time][0] / medians["hand", time][0] for time in ("first", "second")}
    print(", ".join(f"{time} time {ratio:.2f} times by hand" for time, ratio in ratios.items()))
    assert ratios["first"] <= FIRST
    assert ratios["second"] <= SECOND
    assert medians["ours", "first"][2] <= medians["hand", "first"][2]


if __name__ == "__main__":
    import resource

    seconds = {"ours": ours, "hand": by_hand}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(*seconds, peak)
