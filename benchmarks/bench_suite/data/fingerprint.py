"""Hashes of content that identify data, the same on every machine and in every process.

All are BLAKE2b (RFC 7693), at about 1 GB/s on one core; Python's own `hash` differs between processes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.contracts import DataInvalid
from bench_suite.data.ragged import Ragged

CONTENT_BITS = 44
"""Bits of an id that hash the content; the bits above count the occurrence.

With 44 bits, the chance that a million examples contain two different ones with equal hashes is one in 35. Such a pair
is treated as a duplicate, which does no other harm. Small numbers that a task uses as ids count as contents."""
ROWS_BYTES = 1 << 20
"Bytes of rows that are copied and hashed at a time."
_CONTENT = (1 << CONTENT_BITS) - 1
_MAX_OCCURRENCES = 1 << (63 - CONTENT_BITS)


def hash_of(*parts: Any) -> str:
    """Return the hash, 32 hexadecimal digits, of arrays, `Ragged`, bytes, texts, numbers, sequences and mappings."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the hash, 32 hexadecimal digits, of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _feed(digest: Any, part: Any) -> None:
    """Add a part to the digest, with its kind and length first, so that different parts never add the same bytes."""
    if isinstance(part, np.ndarray) and part.dtype != object:
        array = np.ascontiguousarray(part)
        digest.update(f"array {array.dtype.newbyteorder('<').str} {part.shape} ".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8))
    elif isinstance(part, Ragged):
        digest.update(b"ragged ")
        _feed(digest, np.asarray(part.values))
        _feed(digest, np.asarray(part.offsets))
    elif isinstance(part, bytes | memoryview):
        digest.update(b"bytes %d " % len(part))
        digest.update(part)
    elif isinstance(part, str):
        encoded = part.encode(errors="surrogatepass")
        digest.update(b"text %d " % len(encoded))
        digest.update(encoded)
    elif isinstance(part, Mapping):
        digest.update(b"mapping %d " % len(part))
        for key in sorted(part):
            _feed(digest, key)
            _feed(digest, part[key])
    elif isinstance(part, Sequence | np.ndarray):
        digest.update(b"sequence %d " % len(part))
        for item in part:
            _feed(digest, item)
    else:
        digest.update(f"value {json.dumps(part)} ".encode())


def content_ids(*columns: Any) -> np.ndarray:
    """Return the (n,) int64 ids of rows: a hash of their content and the number of equal rows before them.

    Ids are never negative. Rows of equal content have ids of equal `contents`.

    Args:
        columns: The columns that identify an example, mostly the inputs without the target: arrays (n, ...), lists of
            n texts or bytes, or `Ragged` of n rows.

    Raises:
        DataInvalid: One example occurs more often than an id can count.
    """
    return _counted(_contents_of(columns[0]) if len(columns) == 1 else _joined(columns))


def recounted(ids: np.ndarray) -> np.ndarray:
    """Return the ids of some rows of those that `ids` were made for: equal rows are counted among these rows only.

    Raises:
        DataInvalid: One example occurs more often than an id can count.
    """
    return _counted(contents(ids))


def _counted(content: np.ndarray) -> np.ndarray:
    """Return (n,) int64 ids: hashes of contents, with the number of equal ones before each in the upper bits."""
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.empty(0, dtype=bool)
    positions = np.arange(len(ordered))
    occurrence = positions - np.maximum.accumulate(np.where(first, positions, 0))
    if len(occurrence) and occurrence.max() >= _MAX_OCCURRENCES:
        raise DataInvalid(
            f"one example occurs {occurrence.max() + 1} times in the data; ids count to {_MAX_OCCURRENCES}"
        )
    ids = np.empty(len(content), dtype=np.int64)
    ids[order] = ordered | (occurrence << CONTENT_BITS)
    return ids


def contents(ids: np.ndarray) -> np.ndarray:
    """Return `ids` without their occurrence numbers, (n,) int64, equal for rows of equal content."""
    return np.asarray(ids) & _CONTENT


def mixed(keys: np.ndarray) -> np.ndarray:
    """Return (n,) uint64 pseudo-random numbers that are equal for equal keys (SplitMix64, Steele et al. 2014)."""
    bits = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def row_hashes(ids: np.ndarray, *columns: Any) -> np.ndarray:
    """Return the (n,) uint64 hashes of rows: of their content, without the occurrence number, and of some columns.

    Args:
        ids: (n,) int64, from `content_ids`.
        columns: Further columns of n rows, such as the targets: arrays (n, ...), `Ragged`, or lists of texts, numbers
            or sequences. Whole numbers of any type are equal if their values are.
    """
    hashes = mixed(contents(ids))
    for column in columns:
        hashes = mixed(hashes + _hashes_of(column))
    return hashes


def _hashes_of(column: Any) -> np.ndarray:
    """Return the (n,) uint64 hashes of the rows of one column."""
    if isinstance(column, Ragged):
        return _contents_of(column).astype(np.uint64)
    if isinstance(column, np.ndarray) and column.dtype.kind not in "OUST":
        if column.ndim > 1 or column.dtype.kind not in "iubf":
            return _contents_of(column).astype(np.uint64)
        # Adding 0 makes the negative zero a positive one.
        numbers = column.astype(np.float64) + 0.0 if column.dtype.kind == "f" else column.astype(np.int64)
        return mixed(numbers.view(np.uint64))
    rows = column.tolist() if isinstance(column, np.ndarray) else column
    digests = [hash_of(row.item() if isinstance(row, np.generic) else row)[:16] for row in rows]
    return np.array([int(digest, 16) for digest in digests], dtype=np.uint64)


def _contents_of(column: Any) -> np.ndarray:
    """Return the (n,) int64 hashes of rows. One hash object a row: 70,000 images of 784 bytes take 0.15 s."""
    blake2b = hashlib.blake2b
    digests: Iterable[bytes]
    if isinstance(column, np.ndarray) and column.dtype != object:
        array = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False))
        width = array.dtype.itemsize * (array[0].size if len(array) else 1)
        digests = _digests(array.reshape(-1).view(np.uint8), width, len(array))
    elif isinstance(column, Ragged):
        digests = [blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).digest() for row in column]
    else:
        rows = (row.encode(errors="surrogatepass") if isinstance(row, str) else row for row in column)
        digests = [blake2b(row, digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64) & _CONTENT


def _digests(data: np.ndarray, width: int, count: int) -> Iterator[bytes]:
    """Yield the digests of `count` rows of `width` bytes each, some rows at a time.

    A hash object that is copied costs half as much as one that is made with a digest size.
    """
    empty = hashlib.blake2b(digest_size=8)
    if not width:
        yield empty.digest() * count
        return
    step = max(1, ROWS_BYTES // width)
    for start in range(0, count, step):
        rows = data[start * width : (start + step) * width].view(f"V{width}").tolist()
        digests = []
        for row in rows:
            digest = empty.copy()
            digest.update(row)
            digests.append(digest.digest())
        yield b"".join(digests)


def _joined(columns: Sequence[Any]) -> np.ndarray:
    return _contents_of(np.stack([_contents_of(column) for column in columns], axis=1))
