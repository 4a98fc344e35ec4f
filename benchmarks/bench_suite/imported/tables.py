"""Tables of other tools: CSV, TSV, Parquet, Arrow and JSON as columns of texts or numbers, refused if they are wrong.

Files are read whole, up to a number of bytes and of rows: a larger one is refused before it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, DataInvalid
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_access import check_file
from bench_suite.data.file_sets import FileSet
from bench_suite.data.table_formats import read_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ENDINGS = (".csv", ".tsv", ".parquet", ".arrow", ".json", ".jsonl", ".ndjson")
"Endings of the names of tables, without a compression such as `.gz`."
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
MAX_BYTES = 2 << 30
"Most bytes of one file, uncompressed."
MAX_ROWS = 50_000_000
"Most rows of all files together: a score of each takes about 100 bytes of memory while they are sorted."
REMEDY = "split it by task or model, and import each part"
_TRUTHS = {"true": 1.0, "false": 0.0, "correct": 1.0, "incorrect": 0.0, "c": 1.0, "i": 0.0}
"Texts that stand for a score: of a table that wrote truth values, and of Inspect's grades."


def ending_of(path: Path) -> str:
    """Return the ending of a file's name, in lower case and without that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in COMPRESSIONS), "")


def is_table(path: Path) -> bool:
    """Return whether a file's name has the ending of a table."""
    return ending_of(path) in ENDINGS


def read_rows(
    paths: Sequence[Path], columns: Mapping[str, str], *, encoding: str | None = None, max_bytes: int = MAX_BYTES
) -> pa.Table:
    """Return the rows of some files one after another, with the columns that are asked for.

    Args:
        paths: the files.
        columns: names of columns that must be there, by the option that names them.
        encoding: encoding of text files; None: UTF-8, or UTF-16 if the file begins so.
        max_bytes: most bytes of one file.

    Raises:
        BenchError: a file cannot be read as a table, is too large, has no rows, or lacks a column.
    """
    import pyarrow as pa

    tables = []
    for path in paths:
        try:
            check_file(path, path.name)
        except DataInvalid as error:
            raise BenchError(str(error)) from error
        if not is_table(path):
            raise BenchError(f"{path.name} is no table: its name must end in {', '.join(ENDINGS)}")
        if path.stat().st_size > max_bytes:
            raise BenchError(
                f"{path.name} has {path.stat().st_size:,} bytes, and {max_bytes:,} are allowed: {REMEDY}, "
                "or state a larger --max-bytes"
            )
        files = FileSet(path.name, path.parent, "csv", {"test": (path,)})
        try:
            table = read_table(files, path, TextOptions(encoding=encoding), max_bytes)
        except DataInvalid as error:  # here the file is the input of a command, not the data of a suite
            raise BenchError(str(error)) from error
        for option, column in columns.items():
            if column not in table.column_names:
                known = ", ".join(map(repr, table.column_names[:20]))
                raise BenchError(
                    f"{path.name} has no column {column!r}{nearest(column, table.column_names)}; it has {known}\n"
                    f"  name the column with --{option} COLUMN"
                )
        tables.append(table)
    rows = sum(table.num_rows for table in tables)
    names = ", ".join(path.name for path in paths[:3])
    if not rows:
        raise BenchError(f"{names}: there are no rows, only names of columns")
    if rows > MAX_ROWS:
        raise BenchError(f"{names}: {rows:,} rows are more than the {MAX_ROWS:,} that can be imported: {REMEDY}")
    if len(tables) == 1:
        return tables[0]
    shared = [name for name in tables[0].column_names if all(name in table.column_names for table in tables)]
    return pa.concat_tables([table.select(shared) for table in tables], promote_options="permissive")


def texts(table: pa.Table, column: str) -> np.ndarray:
    """Return a column as texts, (n,) of objects that equal rows share.

    Raises:
        BenchError: a row has no value.
    """
    import numpy as np
    import pyarrow as pa

    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise BenchError(f"the column {column!r} contains lists or objects, and one value a row is expected")
    _require_values(values, column)
    codes = values.cast(pa.string()).combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    words = np.array(codes.dictionary.to_pylist(), dtype=object)
    return np.asarray(words[codes.indices.to_numpy(zero_copy_only=False)])


def numbers(table: pa.Table, column: str, *, what: str = "a number", truths: bool = False) -> np.ndarray:
    """Return a column as numbers, (n,) float64.

    Args:
        table: the rows.
        column: its name.
        what: what is expected, for errors.
        truths: whether `true`, `false`, `correct`, `incorrect`, and the grades `C` and `I`, stand for 1 and 0.

    Raises:
        BenchError: a row has no value, or one that is no finite number; the message names the first such row.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise BenchError(f"the column {column!r} contains lists or objects, and {what} is expected in each row")
    _require_values(values, column)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = pc.utf8_trim_whitespace(values)
        try:
            values = values.cast(pa.float64())
        except pa.ArrowInvalid:
            values = pa.array([_number(text, position, column, what, truths) for position, text in _rows(values)])
    elif not (
        pa.types.is_boolean(values.type) or pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    ):
        raise BenchError(f"the column {column!r} contains {values.type}, and {what} is expected in each row")
    result = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(result))
    if len(bad):
        others = f" and {len(bad) - 1:,} more rows" if len(bad) > 1 else ""
        raise BenchError(
            f"the column {column!r} has {result[bad[0]]} in row {bad[0] + 1:,}{others}: {what} is expected; remove "
            "these rows, or decide which score a missing answer has"
        )
    return result


def _rows(values: Any) -> Any:
    return enumerate(values.to_pylist())


def _number(text: str, position: int, column: str, what: str, truths: bool) -> float:
    """Return the number that a text stands for; `float` alone also reads `1_0`."""
    known = _TRUTHS.get(text.lower()) if truths else None
    if known is not None:
        return known
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise BenchError(f"the column {column!r} has {text[:40]!r} in row {position + 1:,}, and {what} is expected")


def _require_values(values: pa.ChunkedArray, column: str) -> None:
    """Raise BenchError if a row of a column has no value, or an empty text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pc.is_null(values)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        absent = pc.or_kleene(absent, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True))
    rows = np.flatnonzero(absent.to_numpy())
    if len(rows):
        raise BenchError(
            f"the column {column!r} has no value in {len(rows):,} of {len(values):,} rows, the first is row "
            f"{rows[0] + 1:,}: remove these rows, or give them a value"
        )
