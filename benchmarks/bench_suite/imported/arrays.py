"""NumPy arrays as a table: the arrays of `.npz` files by their names, and each `.npy` file by the name of the file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.contracts import BenchError
from bench_suite.imported.table_memory import REMEDY

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ENDINGS = (".npz", ".npy")


def is_array(path: Path) -> bool:
    """Return whether a file's name has the ending of an array."""
    return path.suffix.lower() in ENDINGS


def read_arrays(paths: Sequence[Path], max_bytes: int) -> pa.Table:
    """Return arrays with one row an example as columns; an array (n, k) becomes a column of lists.

    Raises:
        BenchError: a file cannot be read, is too large, or contains objects; or the arrays have different lengths.
    """
    import numpy as np
    import pyarrow as pa

    columns: dict[str, np.ndarray] = {}
    for name, array in (pair for path in paths for pair in _arrays(path, max_bytes)):
        if name in columns:
            raise BenchError(f"two arrays are called {name!r}: give each a name of its own")
        if array.ndim not in (1, 2) or array.dtype.kind not in "biufUS":
            raise BenchError(
                f"the array {name!r} is {array.dtype} {array.shape}: numbers or texts are expected, one row an "
                "example, (n,) or (n, classes)"
            )
        columns[name] = array.astype(str) if array.dtype.kind == "S" else array
    lengths = {name: len(array) for name, array in columns.items()}
    if len(set(lengths.values())) != 1:
        listed = ", ".join(f"{name}: {length:,}" for name, length in lengths.items())
        raise BenchError(f"the arrays have different lengths ({listed}): one row an example is expected in each")
    if not next(iter(lengths.values())):
        raise BenchError("the arrays have no rows")
    arrays = {}
    for name, array in columns.items():
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        if native.ndim == 2:
            flat = pa.array(np.ascontiguousarray(native).reshape(-1).astype(np.float64))
            arrays[name] = pa.FixedSizeListArray.from_arrays(flat, native.shape[1]).cast(pa.list_(pa.float64()))
        else:
            arrays[name] = pa.array(native.tolist() if native.dtype.kind == "U" else native)
    return pa.table(arrays)


def _arrays(path: Path, max_bytes: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of a file with their names."""
    import numpy as np

    try:
        if path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:  # the sizes that it states are checked before anything is unpacked
                _check_size(path, sum(entry.file_size for entry in archive.infolist()), max_bytes)
            with np.load(path, allow_pickle=False) as archive:
                yield from ((name, archive[name]) for name in archive.files)
            return
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        _check_size(path, mapped.nbytes, max_bytes)
        yield path.stem, np.array(mapped)
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = "it contains objects, which are not read" if "allow_pickle" in str(error) else str(error)
        raise BenchError(f"{path.name} cannot be read as arrays of NumPy: {reason.splitlines()[0]}") from error


def _check_size(path: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BenchError(
            f"{path.name} contains {size:,} bytes, and {max_bytes:,} are allowed: {REMEDY}, or state "
            "a larger --max-bytes"
        )
