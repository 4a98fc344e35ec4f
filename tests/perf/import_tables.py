"""Peak memory and processor time of `bench import` on generated tables: five models, two epochs, one unneeded column.

    python tests/perf/import_tables.py 1000000 csv

The second word is `csv`, `parquet` or `jsonl`. The table and the run are written to a temporary folder.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

MODELS, EPOCHS = 5, 2
PART = 200_000
"Rows that are generated at a time."


def part(start: int, count: int, items: int) -> pa.Table:
    """Return some rows of the table, from row `start` on."""
    rows = np.arange(start, start + count)
    rest = rows % (items * EPOCHS)
    scores = np.random.default_rng(start).random(count) < 0.6
    answers = np.array(["an answer of fifty letters, with a comma in it", 'another "answer" of fifty letters'])
    return pa.table(
        {
            "item_id": [f"item-{number:08d}" for number in rest % items],
            "model_id": [f"org/model-{number}" for number in rows // (items * EPOCHS)],
            "epoch": rest // items,
            "score": scores.astype(float),
            "response": answers[scores.astype(int)].tolist(),
        }
    )


def write_table(path: Path, rows: int) -> None:
    """Write a table of some rows in the format that the ending of its name states."""
    writer: Any = None
    with path.open("wb") as file:
        for start in range(0, rows, PART):
            table = part(start, min(PART, rows - start), rows // (MODELS * EPOCHS))
            if path.suffix == ".jsonl":
                file.write("".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode())
                continue
            if writer is None:
                new = arrow_csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
                writer = new(file, table.schema)
            writer.write_table(table) if path.suffix == ".parquet" else writer.write(table)
        if writer is not None:
            writer.close()


def main(rows: int, form: str) -> None:
    """Print the figures of one table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table.{form}")
        write_table(path, rows)
        subprocess.run(
            [sys.executable, "-m", "bench_suite", "import", str(path), "--results", f"{folder}/results"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{rows:,} rows, {form}, {path.stat().st_size / 1e6:,.0f} MB: {used.ru_maxrss / 1024:,.0f} MiB, "
            f"{used.ru_utime + used.ru_stime:.0f} s of processor time"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
