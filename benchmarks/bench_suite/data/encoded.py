"""Encoded splits: the inputs of a network, ready to be taken batch by batch.

A split in memory is encoded once, and its columns stay on the device as tensors: a batch is one index operation a
column. A split on disk is read and encoded as its rows are taken, and never held in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench_suite.contracts import Batch, Network, Split
from bench_suite.data.fingerprint import hash_of
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import CHUNK, Subset, column, concatenate

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache

DEVICE_LIMIT_BYTES = 4 << 30
"""Larger columns stay in main memory, and are copied to an accelerator batch by batch."""


class Encoded:
    """Columns of a split, in memory: tensors (n, ...), `Ragged` of n rows, or lists of n (such as target texts)."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = dict(columns)
        self.length = min((len(values) for values in self.columns.values()), default=0)
        # index_select is looked up once: it and the call take about 2 µs a column, `tensor[rows]` takes 5.
        self._selectors: list[tuple[str, Callable[..., Any]]] = []
        for name, values in self.columns.items():
            self._selectors.append((name, _selector(values)))

    def __len__(self) -> int:
        return self.length

    def take(self, rows: torch.Tensor) -> dict[str, Any]:
        """Return the columns at `rows` ((k,) int64 on the device of the columns), in that order."""
        return {name: select(rows) for name, select in self._selectors}

    def batch(self, network: Network, rows: torch.Tensor) -> Batch:
        """Return the batch of `rows` as the network's input."""
        return network.collate(self.take(rows))

    def subset(self, rows: Any) -> Encoded:
        """Return the examples at `rows` ((k,) positions), in that order."""
        return Encoded(self.take(torch.as_tensor(rows, device=self.device)))

    @property
    def device(self) -> torch.device:
        """The device of the columns, on which `rows` should be too."""
        for values in self.columns.values():
            if isinstance(values, torch.Tensor):
                return values.device
            if isinstance(values, Ragged):
                return values.values.device
        return torch.device("cpu")


class LazyEncoded(Encoded):
    """A split that is too large for memory: `take` reads and encodes its rows, and keeps nothing."""

    def __init__(self, network: Network, split: Split) -> None:
        super().__init__({})
        self._network = network
        self._split = split
        self.length = len(split)

    def take(self, rows: torch.Tensor) -> dict[str, Any]:
        """Return the columns at `rows` ((k,) int64), in that order, in main memory."""
        # Disks and Parquet files are read in order, and a row that occurs twice is read once.
        distinct, back = np.unique(rows.cpu().numpy(), return_inverse=True)
        columns = _encode(self._network, self._split, distinct)
        return Encoded({name: _tensors(values) for name, values in columns.items()}).take(torch.from_numpy(back))

    def subset(self, rows: Any) -> Encoded:
        """Return the examples at `rows` ((k,) positions), in that order; they stay on disk."""
        return LazyEncoded(self._network, Subset(self._split, np.asarray(rows)))


def _selector(values: Any) -> Callable[[torch.Tensor], Any]:
    """Return the function that takes rows of a column; never a closure, because it may be sent to another process."""
    if isinstance(values, torch.Tensor):
        return partial(torch.index_select, values, 0)
    if isinstance(values, Ragged):
        return values.__getitem__
    return partial(_items, values)


def _items(values: list[Any], rows: torch.Tensor) -> list[Any]:
    return [values[row] for row in rows.tolist()]


def encoded(
    network: Network,
    split: Split,
    *,
    cache: Cache | None = None,
    fingerprint: str = "",
    source_hash: str = "",
    device: str = "cpu",
    limit_bytes: int = DEVICE_LIMIT_BYTES,
    on_progress: Callable[[int], None] | None = None,
) -> Encoded:
    """Encode a split for a network.

    Args:
        network: Its `encode` computes the columns, `CHUNK` rows at a time; if it returns no `target`, the raw one is
            used.
        split: The raw values; they stay on disk if `in_memory` is False.
        cache: Stores the columns of splits in memory if `network.encoding` is not None.
        fingerprint: Fingerprint of the data (`Data.source.fingerprint`).
        source_hash: Hash of the source file that holds the model.
        device: Where the columns are placed if they take no more than `limit_bytes`.
        limit_bytes: Most bytes of columns on an accelerator.
        on_progress: Called with the number of encoded rows after each `CHUNK`.
    """
    if not split.in_memory:
        return LazyEncoded(network, split)
    if cache is None or network.encoding is None:
        columns, _ = _encode_all(network, split, on_progress)
    else:
        key = hash_of("encoded", 1, fingerprint, split.ids, source_hash, repr(network.encoding))
        columns = _encode_cached(network, split, cache, key, on_progress)
    tensors = {name: _tensors(values) for name, values in columns.items()}
    if device == "mps":  # Metal has no float64
        single = {n: v.float() for n, v in tensors.items() if isinstance(v, torch.Tensor) and v.dtype == torch.float64}
        tensors |= single
    if device != "cpu" and sum(_byte_count(values) for values in tensors.values()) <= limit_bytes:
        tensors = {name: values if isinstance(values, list) else values.to(device) for name, values in tensors.items()}
    return Encoded(tensors)


def _encode_cached(
    network: Network, split: Split, cache: Cache, key: str, on_progress: Callable[[int], None] | None
) -> dict[str, Any]:
    """Return all columns, from the cache if it holds them. Raw values that pass unchanged are not stored."""
    if (arrays := cache.find(key)) is not None:
        columns = _unflatten(arrays)
        if "target" not in columns and (target := column(split, "target")) is not None:
            columns["target"] = target
        return columns
    columns, unchanged = _encode_all(network, split, on_progress)
    flat = _flatten({name: values for name, values in columns.items() if name not in unchanged})
    if flat is not None:
        cache.keep(key, flat)
    return columns


def stack(columns: Mapping[str, Any], inputs: tuple[str, ...] | None = None) -> Batch:
    """Return a batch with the named columns (by default all but `target`) as inputs: the usual `collate`."""
    names = [name for name in columns if name != "target"] if inputs is None else inputs
    return Batch({name: columns[name] for name in names}, columns.get("target"))


def _encode(network: Network, split: Split, rows: np.ndarray) -> dict[str, Any]:
    raw = split.take(rows)
    columns = dict(network.encode(raw))
    if "target" not in columns and "target" in raw:
        columns["target"] = raw["target"]
    return columns


def _encode_all(
    network: Network, split: Split, on_progress: Callable[[int], None] | None
) -> tuple[dict[str, Any], set[str]]:
    """Return all columns, and the names of those that are raw values unchanged."""
    parts: dict[str, list[Any]] = {}
    unchanged: set[str] = set()
    for start in range(0, len(split), CHUNK):
        end = min(start + CHUNK, len(split))
        raw = split.take(np.arange(start, end))
        columns = network.encode(raw)
        for name, values in columns.items():
            parts.setdefault(name, []).append(_arrays(values))
        if "target" not in columns and "target" in raw:
            unchanged.add("target")
            parts.setdefault("target", []).append(raw["target"])
        if on_progress is not None:
            on_progress(end)
    return {name: concatenate(values) for name, values in parts.items()}, unchanged


def _arrays(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.cpu().numpy()
    if isinstance(values, Ragged) and isinstance(values.values, torch.Tensor):
        return Ragged(values.values.cpu().numpy(), values.offsets.cpu().numpy())
    return values


def _tensors(values: Any) -> Any:
    """Return tensors with their own memory: a mapped file would be read page by page during the first epoch."""
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.array(values))
    if isinstance(values, Ragged):
        arrays = _arrays(values)
        return Ragged(torch.from_numpy(np.array(arrays.values)), torch.from_numpy(np.array(arrays.offsets)))
    return values


def _byte_count(values: Any) -> int:
    if isinstance(values, torch.Tensor):
        return values.nbytes
    return values.values.nbytes + values.offsets.nbytes if isinstance(values, Ragged) else 0


def _flatten(columns: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Return columns as plain arrays for the cache; None if one is a list, which the cache cannot store."""
    flat: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if isinstance(values, Ragged):
            flat[f"values {name}"], flat[f"offsets {name}"] = values.values, values.offsets
        elif isinstance(values, np.ndarray):
            flat[f"array {name}"] = values
        else:
            return None
    return flat


def _unflatten(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the columns that `_flatten` made plain arrays of."""
    columns: dict[str, Any] = {}
    for label, array in flat.items():
        kind, name = label.split(" ", 1)
        if kind == "array":
            columns[name] = array
        elif kind == "values":
            columns[name] = Ragged(array, flat[f"offsets {name}"])
    return columns
