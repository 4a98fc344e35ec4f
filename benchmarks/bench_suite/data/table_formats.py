"""The table of one file as it stands there: text for CSV, the stated types for JSON, Parquet and Arrow."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import TextOptions, decoded, read_bytes, read_text
from bench_suite.data.datasets_package import import_datasets
from bench_suite.data.file_names import COMPRESSIONS, ending
from bench_suite.data.file_sets import FileSet
from bench_suite.data.parquet_batches import bounded_batches
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(files: FileSet, file: Path, options: TextOptions, max_bytes: int) -> pa.Table:
    """Return the table of a file; an error names the file, and the command that downloads it again if there is one."""
    try:
        return _read(file, files.label(file), options, max_bytes)
    except DataInvalid as error:
        if not files.download:
            raise
        raise DataInvalid(f"{error}\n  to download it again: {files.download}") from error


def _read(file: Path, name: str, options: TextOptions, max_bytes: int) -> pa.Table:
    format = ending(file.name)
    if format in (".csv", ".tsv"):
        return read_text(file, name, options, max_bytes)
    if format == ".parquet":
        return _read_parquet(file, name, max_bytes)
    if format == ".arrow":
        return _read_arrow(file, name, max_bytes)
    return _read_json(file, name, max_bytes, options.encoding)


def _read_parquet(file: Path, name: str, max_bytes: int) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        before = file.stat()
        packed = file.suffix.lower() in COMPRESSIONS
        with pa.BufferReader(read_bytes(file, name, max_bytes)) if packed else file.open("rb") as stream:
            reader = pq.ParquetFile(stream)
            metadata = reader.metadata
            size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
            batches, total = [], size
            if size <= max_bytes:  # a column that repeats one value is small in the file and large in memory
                total = 0
                for batch in bounded_batches(reader, stream, max_bytes):
                    batches.append(batch)
                    total += batch.nbytes
                    if total > max_bytes:
                        break
            if total > max_bytes:
                raise DataInvalid(
                    f"{name} holds {format_bytes(total)} or more, and {format_bytes(max_bytes)} are allowed: state a "
                    "larger max_bytes"
                )
            table = pa.Table.from_batches(batches, reader.schema_arrow if not batches else batches[0].schema)
        after = file.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise DataInvalid(f"{name} changed while it was read: run again when nothing writes to it")
    except (pa.ArrowException, OSError, EOFError) as error:
        raise DataInvalid(f"{name} cannot be read as Parquet (is it complete?): {_reason(error)}") from error
    return _check_names(table, name)


def _read_arrow(file: Path, name: str, max_bytes: int) -> pa.Table:
    import pyarrow as pa

    content = read_bytes(file, name, max_bytes)  # not mapped: a file that changes later would change the values
    try:
        try:
            table = pa.ipc.open_stream(content).read_all()
        except pa.ArrowInvalid:
            table = pa.ipc.open_file(content).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataInvalid(f"{name} cannot be read as Arrow (is it complete?): {_reason(error)}") from error
    return _check_names(table, name)


def _read_json(file: Path, name: str, max_bytes: int, encoding: str | None) -> pa.Table:
    """Return the rows of a JSON file, one object a line or a list of objects, as `datasets` reads them."""
    datasets = import_datasets(name)
    content = decoded(read_bytes(file, name, max_bytes), name, encoding)  # bounded, and complete
    if content.strip() in (b"", b"[]", b"{}"):
        raise DataInvalid(f"{name} is empty: one object a line, or a list of objects, is expected")
    with tempfile.TemporaryDirectory() as folder:
        # `datasets` keeps what it read under a name and a time stamp; here it is thrown away with the folder.
        copy = Path(folder, f"rows{'.json' if content.lstrip().startswith(b'[') else '.jsonl'}")
        copy.write_bytes(content)
        try:
            with _quiet(datasets):
                loaded = datasets.load_dataset(  # in one part, so that the first rows do not decide the types of all
                    "json", data_files=str(copy), split="train", cache_dir=folder, keep_in_memory=True,
                    chunksize=len(content) + 1,
                )  # fmt: skip
        except Exception as error:  # `datasets` wraps the readers' errors in several types
            raise DataInvalid(f"{name}: {_json_error(error, folder)}") from error
        table = loaded.data.table.combine_chunks()
    _check_one_object(table, name)
    return _check_names(_with_all_digits(table, content).replace_schema_metadata(None), name)


def _with_all_digits(table: pa.Table, content: bytes) -> pa.Table:
    """Return a table with whole numbers of more than 64 bits as texts; as floats, different ones would be equal."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for number, column in enumerate(table.column_names):
        values = table[column]
        if not pa.types.is_floating(values.type) or (pc.max(pc.abs(values)).as_py() or 0) < 2**63:
            continue
        if re.search(rb":\s*-?[0-9]{19,}\s*[,}]", content) is None:
            break
        texts = [row.get(column) for row in _json_rows(content.decode())]
        if all(text is None or re.fullmatch("-?[0-9]+", text) for text in texts):
            table = table.set_column(number, column, pa.array(texts, pa.string()))
    return table


def _json_rows(text: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON file, one a line or in a list, with each number as the text that stands there."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    rows: list[dict[str, Any]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        row, at = decoder.raw_decode(text, at)
        rows += row if isinstance(row, list) else [row]
    return rows


def _check_one_object(table: pa.Table, name: str) -> None:
    """Raise DataInvalid if a file is one object that holds all rows, below a key or as a list for each column."""
    import pyarrow as pa

    lists = {c: table[c][0].as_py() or [] for c in table.column_names if pa.types.is_list(table[c].type)}
    if table.num_rows != 1 or not lists:
        return
    for column, rows in lists.items():
        if pa.types.is_struct(table[column].type.value_type) and len(rows) > 1:
            raise DataInvalid(
                f"{name} holds one object, and its key `{column}` the {len(rows):,} rows ({', '.join(rows[0])}): write "
                "the list alone, [{…}, {…}], or one object a line"
            )
    lengths = {len(values) for values in lists.values()}
    if len(lists) == len(table.column_names) > 1 and len(lengths) == 1 and lengths != {1}:
        raise DataInvalid(
            f"{name} holds one object with a list of {lengths.pop():,} values for each column ({', '.join(lists)}): "
            "write one object a row, as a list, [{…}, {…}], or one a line"
        )


def _json_error(error: BaseException, folder: str) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    line = (str(cause).splitlines() or [type(cause).__name__])[0].replace(folder + os.sep, "")
    return f"its rows cannot be read as JSON, one object a line or a list of objects: {line}"


class _quiet:
    """Context in which `datasets` shows no progress, writes no log and reports nothing to the hub."""

    def __init__(self, datasets: Any) -> None:
        self.datasets = datasets

    def __enter__(self) -> None:
        logging.getLogger("datasets").setLevel(logging.CRITICAL)
        self.datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
        self.enabled = self.datasets.is_progress_bar_enabled()
        self.datasets.disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            self.datasets.enable_progress_bars()


def _check_names(table: pa.Table, name: str) -> pa.Table:
    names = table.column_names
    if repeated := [column for column in dict.fromkeys(names) if names.count(column) > 1]:
        raise DataInvalid(
            f"{name}: {names.count(repeated[0])} columns are called `{repeated[0]}`: give each a name of its own"
        )
    return table


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
