"""Encoded: a split as a network is given it, ready to be taken batch by batch.

A split in memory is encoded once, and its columns lie on the device as tensors: a batch is one index operation a
column. A split on disk is read and encoded as its rows are taken, and never held.
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
from bench_suite.data.splits import CHUNK, Subset, column, joined

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache

DEVICE_LIMIT_BYTES = 4 << 30
"""Columns of more than this stay in the computer's own memory, and go to an accelerator batch by batch."""


class Encoded:
    """Columns of a split, in memory: tensors (n, ...), `Ragged` of n rows, or lists of n (such as target texts)."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = dict(columns)
        self.length = min((len(values) for values in self.columns.values()), default=0)
        # index_select is looked up once: it and the call cost about 2 µs a column where `tensor[rows]` costs 5.
        self._selectors: list[tuple[str, Callable[..., Any]]] = []
        for name, values in self.columns.items():
            self._selectors.append((name, _selector(values)))

    def __len__(self) -> int:
        return self.length

    def take(self, rows: torch.Tensor) -> dict[str, Any]:
        """The columns at `rows` ((k,) int64 on the device of the columns), in that order."""
        return {name: select(rows) for name, select in self._selectors}

    def batch(self, network: Network, rows: torch.Tensor) -> Batch:
        """`rows` as the network is given them."""
        return network.collate(self.take(rows))

    def subset(self, rows: Any) -> Encoded:
        """Only the examples at `rows` ((k,) positions), in that order."""
        return Encoded(self.take(torch.as_tensor(rows, device=self.device)))

    @property
    def device(self) -> torch.device:
        """Where the columns lie, and where `rows` should."""
        for values in self.columns.values():
            if isinstance(values, torch.Tensor):
                return values.device
            if isinstance(values, Ragged):
                return values.values.device
        return torch.device("cpu")


class LazyEncoded(Encoded):
    """A split that is too large to hold: `take` reads and encodes its rows, and keeps nothing."""

    def __init__(self, network: Network, split: Split) -> None:
        super().__init__({})
        self._network = network
        self._split = split
        self.length = len(split)

    def take(self, rows: torch.Tensor) -> dict[str, Any]:
        """The columns at `rows` ((k,) int64), in that order, in the computer's own memory."""
        wanted = rows.cpu().numpy()
        order = np.argsort(wanted, kind="stable")  # disks and Parquet files are read in order
        columns = _encode(self._network, self._split, wanted[order])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return Encoded({name: _tensors(values) for name, values in columns.items()}).take(torch.from_numpy(back))

    def subset(self, rows: Any) -> Encoded:
        """Only the examples at `rows` ((k,) positions), in that order; still on disk."""
        return LazyEncoded(self._network, Subset(self._split, np.asarray(rows)))


def _selector(values: Any) -> Callable[[torch.Tensor], Any]:
    """No closures: what is encoded may be sent to another process."""
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
    told: Callable[[int], None] | None = None,
) -> Encoded:
    """A split as a network is given it.

    Args:
        network: whose `encode` makes the columns, `CHUNK` rows at a time; `target` is passed on where it gives none.
        split: the raw values; with `in_memory` False it is left on disk.
        cache: where the columns are kept; used for splits in memory, where `network.encoding` is not None.
        fingerprint: of the data (`Data.source.fingerprint`).
        source_hash: of the source file that holds the model.
        device: where the columns shall lie, if they take no more than `limit_bytes`.
        told: called with how many rows are encoded, after every `CHUNK`, to show it.
    """
    if not split.in_memory:
        return LazyEncoded(network, split)
    columns = None
    keeps = cache is not None and network.encoding is not None
    key = hash_of("encoded", 1, fingerprint, split.ids, source_hash, repr(network.encoding)) if keeps else ""
    if cache is not None and keeps and (found := cache.find(key)) is not None:
        columns = _unflattened(found)
        if "target" not in columns and (target := column(split, "target")) is not None:
            columns["target"] = target
    if columns is None:
        columns, passed = _encode_all(network, split, told)
        if cache is not None and keeps:
            flat = _flattened({name: values for name, values in columns.items() if name not in passed})
            if flat is not None:
                cache.keep(key, flat)
    tensors = {name: _tensors(values) for name, values in columns.items()}
    if device == "mps":  # Metal has no float64
        single = {n: v.float() for n, v in tensors.items() if isinstance(v, torch.Tensor) and v.dtype == torch.float64}
        tensors |= single
    if device != "cpu" and sum(_bytes(values) for values in tensors.values()) <= limit_bytes:
        tensors = {name: values if isinstance(values, list) else values.to(device) for name, values in tensors.items()}
    return Encoded(tensors)


def stack(columns: Mapping[str, Any], inputs: tuple[str, ...] | None = None) -> Batch:
    """The usual `collate`: the columns named (by default all but `target`) are the inputs, `target` the targets."""
    names = [name for name in columns if name != "target"] if inputs is None else inputs
    return Batch({name: columns[name] for name in names}, columns.get("target"))


def _encode(network: Network, split: Split, rows: np.ndarray) -> dict[str, Any]:
    raw = split.take(rows)
    columns = dict(network.encode(raw))
    if "target" not in columns and "target" in raw:
        columns["target"] = raw["target"]
    return columns


def _encode_all(network: Network, split: Split, told: Callable[[int], None] | None) -> tuple[dict[str, Any], set[str]]:
    """All columns, and the names of those that come from the raw values unchanged."""
    parts: dict[str, list[Any]] = {}
    passed: set[str] = set()
    for start in range(0, len(split), CHUNK):
        end = min(start + CHUNK, len(split))
        raw = split.take(np.arange(start, end))
        columns = network.encode(raw)
        for name, values in columns.items():
            parts.setdefault(name, []).append(_arrays(values))
        if "target" not in columns and "target" in raw:
            passed.add("target")
            parts.setdefault("target", []).append(raw["target"])
        if told is not None:
            told(end)
    return {name: joined(values) for name, values in parts.items()}, passed


def _arrays(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.cpu().numpy()
    if isinstance(values, Ragged) and isinstance(values.values, torch.Tensor):
        return Ragged(values.values.cpu().numpy(), values.offsets.cpu().numpy())
    return values


def _tensors(values: Any) -> Any:
    """Tensors of their own memory: a mapped file would be read page by page within the first epoch."""
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.array(values))
    if isinstance(values, Ragged):
        arrays = _arrays(values)
        return Ragged(torch.from_numpy(np.array(arrays.values)), torch.from_numpy(np.array(arrays.offsets)))
    return values


def _bytes(values: Any) -> int:
    if isinstance(values, torch.Tensor):
        return values.nbytes
    return values.values.nbytes + values.offsets.nbytes if isinstance(values, Ragged) else 0


def _flattened(columns: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Columns as plain arrays for the cache; None where one is a list, which it does not hold."""
    flat: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if isinstance(values, Ragged):
            flat[f"values {name}"], flat[f"offsets {name}"] = values.values, values.offsets
        elif isinstance(values, np.ndarray):
            flat[f"array {name}"] = values
        else:
            return None
    return flat


def _unflattened(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for label, array in flat.items():
        kind, name = label.split(" ", 1)
        if kind == "array":
            columns[name] = array
        elif kind == "values":
            columns[name] = Ragged(array, flat[f"offsets {name}"])
    return columns
