"""The index of a run: its records as columns in an Arrow file, `index/records.arrows`, beside the records.

The index is derived. It is used only if it was made of exactly what the files of records contain, or of what they
contained before lines were added, by this version of the program, and if it is undamaged; otherwise the records are
read, and the index is written again. If it is removed, nothing is lost, and if it cannot be written, there is no error.
The file is an Arrow stream, followed by its checksum.

pyarrow is imported in the functions that use it.
"""

from __future__ import annotations

import json
import mmap
import time
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench_suite._version import __version__
from bench_suite.store.atomic import replace_file, replacing
from bench_suite.store.columns import CELL_COLUMNS, LAYOUT, Columns, Texts
from bench_suite.store.records import SCHEMA

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "index"
FILE = f"{FOLDER}/records.arrows"
FORM = f"{__version__} schema {SCHEMA} form 2 layout {zlib.crc32(repr(LAYOUT).encode()):x}"
"What wrote an index; an index of another form is not read."
_KEY = b"bench-suite"
_BLOCK = 1 << 20
_CHECKSUM_BYTES = 8
_LEFTOVER_SECONDS = 3600
_NUMBERS = {"value": "d", "low": "d", "high": "d", "n": "q"}
_TEXTS = ("head", "reason", "exact")


@dataclass(frozen=True)
class FileStamp:
    """What an index contains of a file of records."""

    name: str
    size: int
    "Number of its bytes that were read: all that there were."
    checksum: int
    "Of these bytes."
    complete: bool
    "Whether they end with a line, so that what is added later begins with one."
    lines: int
    cells: int
    "Number of cells of which the first record is in this file."
    torn: int
    "Number of lines that are torn or are no records."
    damages: tuple[str, ...]
    "Why these lines could not be read."


@dataclass(frozen=True)
class Index:
    """What the files of records contain, or contained before lines were added."""

    columns: Columns
    files: tuple[FileStamp, ...]


def checksum(file: IO[bytes], size: int | None = None) -> int:
    """Return the checksum of the next `size` bytes of a file, by default of all that follow, block by block."""
    value, rest = 0, size
    while block := file.read(_BLOCK if rest is None else min(rest, _BLOCK)):
        value = zlib.crc32(block, value)
        rest = None if rest is None else rest - len(block)
    return value


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def read_index(run: Path) -> Index | None:
    """Return the index of a run, of whatever files it was made; None if there is none, or if it is damaged."""
    path = run / FILE
    try:
        if not path.exists():
            return None
        with path.open("rb") as file:
            size = file.seek(0, 2) - _CHECKSUM_BYTES
            if size <= 0:
                return None
            file.seek(0)
            if checksum(file, size).to_bytes(_CHECKSUM_BYTES, "little") != file.read(_CHECKSUM_BYTES):
                return None
            # The pages that are read count as memory of the process, and no others.
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _from_arrow(content, size)
    except Exception:  # noqa: BLE001 - whatever pyarrow raises at an index of another program, records are read instead
        return None


def begins(index: Index, files: Sequence[Path]) -> bool:
    """Return whether an index was made of what the files of records contain, or of what they began with.

    Args:
        index: the index.
        files: all present files of records.
    """
    present = {path.name: path for path in files}
    try:
        return all(stamp.name in present and _is_beginning(stamp, present[stamp.name]) for stamp in index.files)
    except OSError:
        return False


def _is_beginning(stamp: FileStamp, path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        grows_well = size == stamp.size or (size > stamp.size and stamp.complete)
        return grows_well and checksum(file, stamp.size) == stamp.checksum


def _from_arrow(content: mmap.mmap, size: int) -> Index | None:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(content).slice(0, size)) as reader:
        facts = json.loads((reader.schema.metadata or {}).get(_KEY, b"{}"))
        if facts.get("form") != FORM:
            return None
        batch = reader.read_next_batch()
    metrics = batch.column("metrics")
    rows = metrics.values
    samples = rows.field("samples")
    numbers: dict[str, Any] = {name: _numbers(rows.field(name), code) for name, code in _NUMBERS.items()}
    texts: dict[str, Any] = {name: _texts(rows.field(name)) for name in _TEXTS}
    columns = Columns(
        cells={name: _texts(batch.column(name)) for name in CELL_COLUMNS},
        ends=_ends(metrics), sample_ends=_ends(samples), samples=_numbers(samples.values, "d"), **numbers, **texts,
    )  # fmt: skip
    stamps = (FileStamp(**{**values, "damages": tuple(values["damages"])}) for values in facts["files"])
    return Index(columns, tuple(stamps))


class _ArrowTexts(Sequence[str]):
    """The strings of an Arrow array, each made when it is read."""

    def __init__(self, values: pa.LargeStringArray) -> None:
        _, ends, content = values.buffers()
        # A third of the time of `values[index].as_py()`.
        self._ends = memoryview(ends).cast("B").cast("q")[: len(values) + 1]
        self._content = memoryview(content if content is not None else b"")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        return (str(self._content[first:end], "utf-8") for first, end in pairwise(self._ends))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return str(self._content[self._ends[index] : self._ends[index + 1]], "utf-8")


def _texts(column: pa.DictionaryArray) -> Texts:
    return Texts(_numbers(column.indices, "i"), _ArrowTexts(column.dictionary))


def _numbers(column: pa.Array, code: str) -> Any:
    """Return the numbers of an Arrow array as a view that yields Python numbers."""
    buffer = column.buffers()[1]
    view: Any = array(code) if buffer is None else memoryview(buffer).cast("B")
    return view if buffer is None else view.cast(code)[: len(column)]


def _ends(column: pa.LargeListArray) -> Any:
    return _numbers(column.offsets, "q")[1:]


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def write_index(run: Path, index: Index) -> None:
    """Write the index of a run, completely or not at all; if it cannot be written, there is none.

    A run is read in the same way without it, so no error is raised: the folder may be read-only, or the disk full.
    """
    folder = run / FOLDER
    # ValueError: a text with half of a surrogate pair, or what pyarrow refuses.
    with suppress(OSError, ImportError, MemoryError, OverflowError, ValueError):
        batch = _to_arrow(index)
        folder.mkdir(exist_ok=True)
        for path in folder.glob(".*.tmp"):  # a process that was killed may have left it
            if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                path.unlink()
        if not (folder / ".gitignore").exists():
            replace_file(folder / ".gitignore", b"*\n")  # it belongs into no repository
        with replacing(run / FILE) as file:
            _write(batch, file)


class _Checked:
    """A file to which pyarrow writes, with the checksum of what was written."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = 0

    def write(self, content: bytes) -> int:
        self.checksum = zlib.crc32(content, self.checksum)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _write(batch: pa.RecordBatch, file: IO[bytes]) -> None:
    """Write columns block by block: the whole file is never in memory."""
    import pyarrow as pa

    checked = _Checked(file)
    with pa.ipc.new_stream(pa.PythonFile(checked, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    file.write(checked.checksum.to_bytes(_CHECKSUM_BYTES, "little"))


def _to_arrow(index: Index) -> pa.RecordBatch:
    import pyarrow as pa

    columns = index.columns
    fields: dict[str, Any] = {
        name: _view(getattr(columns, name), pa.int64() if code == "q" else pa.float64())
        for name, code in _NUMBERS.items()
    }
    fields |= {name: _dictionary(getattr(columns, name)) for name in _TEXTS}
    fields["samples"] = _lists(columns.sample_ends, _view(columns.samples, pa.float64()))
    rows = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    arrays: dict[str, Any] = {name: _dictionary(columns.cells[name]) for name in CELL_COLUMNS}
    arrays["metrics"] = _lists(columns.ends, rows)
    facts = {"form": FORM, "files": [asdict(stamp) for stamp in index.files]}
    return pa.record_batch(arrays).replace_schema_metadata({_KEY: json.dumps(facts)})


def _dictionary(texts: Texts) -> pa.DictionaryArray:
    import pyarrow as pa

    # `pa.array` would import pandas, if it is installed: 60 MB and a second.
    encoded = [text.encode() for text in texts.texts]
    ends = array("q", accumulate(map(len, encoded), initial=0))
    strings = pa.LargeStringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.DictionaryArray.from_arrays(_view(texts.codes, pa.int32()), strings)


def _lists(ends: Sequence[int], values: pa.Array) -> pa.LargeListArray:
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(_view(array("q", [0, *ends]), pa.int64()), values)


def _view(numbers: Any, kind: pa.DataType) -> pa.Array:
    """Return numbers in an array or view as an Arrow array, without a copy."""
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])
