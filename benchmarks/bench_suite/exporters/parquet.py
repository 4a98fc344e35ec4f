"""Export the metrics of a run as Parquet: the table of the format `csv` with types, for pandas, DuckDB and Spark.

`value`, `low`, `high` and `level` are 64-bit floats, and `n` is a 64-bit integer. A label or coordinate has the type of
its values: integer, float, true or false, or text; values of several types are text, and lists are JSON. An integer
value above 2⁵³ loses digits as a float. The schema describes each column, and its metadata name the run and the suite.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench_suite._version import __version__
from bench_suite.reports.long_table import long_table
from bench_suite.store.records import plain
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet",)
BINARY = True
FLOATS = ("value", "low", "high", "level")
SCHEMA = 1
"Version of the table's columns, in its metadata."


def export(run: Run) -> bytes:
    """Return the content of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = long_table(run)
    columns: list[list[Any]] = [[] for _ in table.columns]
    appends = [column.append for column in columns]
    for row in table.rows():
        for append, value in zip(appends, row):
            append(value)
    fields, arrays = [], []
    for name, values in zip(table.columns, columns):
        kind = pa.float64() if name in FLOATS else pa.int64() if name == "n" else type_of(values)
        arrays.append(pa.array(_converted(values, kind), type=kind))
        fields.append(pa.field(_text(name), kind, metadata={"description": table.description(name)}))
    facts = {"run": run.name, "suite": str(run.info["suite"]), "schema": str(SCHEMA), "program": f"bench {__version__}"}
    schema = pa.schema(fields, metadata={f"bench-suite.{key}": _text(value) for key, value in facts.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def type_of(values: Sequence[Any]) -> pa.DataType:
    """Return the narrowest of bool, int64, float64 and string that has all values; string if there are none."""
    import pyarrow as pa

    kinds = {*map(type, values)} - {type(None)}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pa.int64()
    if kinds and kinds <= {int, float} and all(type(value) is not int or abs(value) <= 2**53 for value in values):
        return pa.float64()
    return pa.string()


def _converted(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Return values as a column of this type takes them."""
    import pyarrow as pa

    if kind == pa.float64():
        return [None if value is None else float(value) for value in values]
    if kind != pa.string():
        return values
    texts: dict[str, str] = {}
    converted: list[Any] = []
    for value in values:
        text = value if value is None or isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
        converted.append(text if text is None else texts.get(text) or texts.setdefault(text, _text(text)))
    return converted


def _text(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair is replaced by its escape sequence."""
    return text if text.isascii() else text.encode("utf-8", errors="backslashreplace").decode()
