"""Sources of a task's data on this machine: a folder, the Hugging Face hub, or an installed package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench_suite.contracts import DataInvalid, DataUnavailable
from bench_suite.data.hub import Fetched as Fetched
from bench_suite.data.hub import HubRequest, HubUnreachable, cached, first_line, load, with_columns
from bench_suite.data.hub import hub_command as hub_command
from bench_suite.data.places import data_folder as data_folder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from bench_suite.data.cache import Cache


SourceKind = Literal["folder", "files", "cache", "package", "download"]
"""A folder (of `$BENCH_DATA`, or one of weights that a suite names), files of data that a suite names, the hub's local
cache, an installed package, or the hub."""


@dataclass(frozen=True)
class Location:
    """The place from which a run would take data or weights."""

    source: SourceKind
    name: str
    "The hub id, the name of the folder, the path of the files as stated, or the name of the distribution."
    version: str | None = None
    "Version of the distribution, for a package."

    def __str__(self) -> str:
        """Return `folder:ID`, `files:PATH`, `hub:ID (cached)`, `hub:ID (download)` or `package:NAME VERSION`."""
        if self.source in ("folder", "files"):
            return f"{self.source}:{self.name}"
        if self.source == "package":
            return f"package:{self.name} {self.version}"
        return f"hub:{self.name} ({'cached' if self.source == 'cache' else 'download'})"


@dataclass(frozen=True)
class Repository:
    """A data set of the hub, or a folder of the same layout, whose splits are read one by one."""

    hub_id: str
    splits: tuple[str, ...]
    read: Callable[[str, Sequence[str] | None], Fetched]
    "Takes a split and the needed columns (None: all). Raises DataInvalid if a column is missing."


@dataclass(frozen=True)
class Sources:
    """The sources that every task's `load` reads from. Nothing is fetched before a task asks for it."""

    offline: bool = False
    "Skip the hub; its local cache is still read."
    cache: Cache | None = None
    "Keeps decoded images and other prepared arrays; None keeps nothing."
    progress: bool = False
    "Show the progress of downloads on standard error."
    _unreachable: dict[str, HubUnreachable] = field(default_factory=dict, init=False, repr=False, compare=False)
    "Earlier errors of the hub by hub id. The hub is not asked again, because each cell of a run would wait for it."

    @property
    def is_offline(self) -> bool:
        """Whether `offline` or `HF_HUB_OFFLINE=1` is set."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}

    # ── the Hugging Face hub, or a folder of the same layout ────────────────────────────────────

    def hub(
        self,
        hub_id: str,
        split: str,
        *,
        config: str | None = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
    ) -> Fetched:
        """Return one whole split of a data set from `$BENCH_DATA/<hub id>`, else from the hub or its local cache.

        Args:
            hub_id: `owner/name`.
            split: The hub's name of the split.
            config: The hub's name of the configuration; None for the only one. A folder that holds a single data set
                needs no sub-folder of that name.
            columns: The needed columns; None for all.
            revision: Branch, tag or commit on the hub; None for the newest. It does not apply to a folder.

        Raises:
            DataUnavailable: None of these sources has it; the message holds the command that downloads it.
            DataInvalid: It cannot be read, or lacks a column.
        """
        from bench_suite.data.published import folder_split  # it needs numpy

        folder = data_folder(hub_id)
        known: tuple[str, ...] = ()
        if folder is not None:
            local = folder_split(folder, hub_id, config, split)
            if isinstance(local, Fetched):
                return replace(local, table=with_columns(local.table, f"{hub_id}, split {split}", columns))
            known = local
        request = HubRequest(hub_id, config, revision, split, _not_found_locally(hub_id, split, known))
        fetched = self._load(request)[split]
        return replace(fetched, table=with_columns(fetched.table, hub_id, columns))

    def repository(self, hub_id: str, *, config: str | None = None, revision: str | None = None) -> Repository:
        """Return all splits of a data set of the hub or its local cache, whatever their names; no folder is read.

        Raises:
            DataUnavailable: None of these sources has it; the message holds the command that downloads it.
            DataInvalid: It has several configurations, and `config` names none of them.
        """
        loaded = self._load(HubRequest(hub_id, config, revision, None, _not_found_locally(hub_id)))

        def read(split: str, columns: Sequence[str] | None) -> Fetched:
            table = with_columns(loaded[split].table, f"{hub_id}, split {split}", columns)
            return replace(loaded[split], table=table)

        return Repository(hub_id, tuple(loaded), read)

    def _load(self, request: HubRequest) -> dict[str, Fetched]:
        if self.is_offline and not cached(request.hub_id):
            raise request.unavailable(
                "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its local cache does not hold it"
            )
        if (earlier := self._unreachable.get(request.hub_id)) is not None:
            raise earlier.with_traceback(None)
        try:
            return load(request, offline=self.is_offline, progress=self.progress)
        except HubUnreachable as error:
            self._unreachable[request.hub_id] = error
            raise

    def locate_hub(self, hub_id: str, *, downloads: bool = True) -> Location | None:
        """Return where `hub` would find a data set, without loading it; None if it cannot be had.

        Args:
            hub_id: `owner/name`.
            downloads: False if the task never downloads and reads this machine's files itself.
        """
        if data_folder(hub_id) is not None:
            return Location("folder", hub_id)
        if downloads and importlib.util.find_spec("datasets") is None:
            return None
        if cached(hub_id):
            return Location("cache", hub_id)
        return None if self.is_offline or not downloads else Location("download", hub_id)

    # ── installed packages ──────────────────────────────────────────────────────────────────────

    def package(self, distribution: str, path: str) -> tuple[Path, str]:
        """Return a data file of an installed distribution, and the distribution's version, without importing it.

        Raises:
            DataUnavailable: The distribution is not installed, or has no such file.
        """
        try:
            installed = importlib.metadata.distribution(distribution)
        except importlib.metadata.PackageNotFoundError:
            message = f"the package `{distribution}`, which holds these data, is not installed"
            raise DataUnavailable(message, PACKAGE_COMMAND) from None
        file = Path(str(installed.locate_file(path)))
        if not file.is_file():
            message = f"the package `{distribution}` {installed.version} has no file `{path}`"
            raise DataUnavailable(message, f"{PACKAGE_COMMAND} --upgrade --force-reinstall {distribution}")
        return file, installed.version

    def csv(
        self,
        distribution: str,
        path: str,
        *,
        header: bool = True,
        delimiter: str = ",",
        types: dict[str, Any] | None = None,
    ) -> tuple[pa.Table, str]:
        """Return a (compressed) CSV file of an installed distribution, and `package:NAME VERSION` as its origin.

        Args:
            distribution: Name of the distribution.
            path: The file's path within the distribution.
            header: Whether the first line names the columns; if not, they are called `f0`, `f1`, ...
            delimiter: The character between two values.
            types: Arrow types by column; the types of the other columns are inferred.

        Raises:
            DataUnavailable: The distribution is not installed, or has no such file.
            DataInvalid: The file cannot be read as CSV.
        """
        import pyarrow as pa
        from pyarrow import csv

        file, version = self.package(distribution, path)
        try:
            table = csv.read_csv(
                file,
                read_options=csv.ReadOptions(autogenerate_column_names=not header),
                parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=csv.ConvertOptions(column_types=types),
            )
        except (pa.ArrowInvalid, OSError, EOFError) as error:
            reason = first_line(error, file.parent)
            raise DataInvalid(
                f"`{path}` of the package `{distribution}` {version} cannot be read: {reason}\n"
                f"  to repair it: pip install --force-reinstall {distribution}"
            ) from error
        return table, f"package:{distribution} {version}"

    def locate_package(self, distribution: str, path: str) -> Location | None:
        """Return the location of the file that `package` would return; None if it would raise."""
        try:
            return Location("package", distribution, self.package(distribution, path)[1])
        except DataUnavailable:
            return None


def numbers(column: pa.ChunkedArray, dtype: Literal["uint8", "int64", "float64"], name: str) -> np.ndarray:
    """Return the (n,) numbers of an Arrow column.

    They are read from its buffers, because Arrow's `to_numpy`, `fill_null` and others import pandas: 0.12 s and more.

    Args:
        column: The column.
        dtype: Type of the result; in `float64` missing values become NaN.
        name: What messages call the numbers.

    Raises:
        DataInvalid: A value is not a number of this type, or is missing and `dtype` is not `float64`.
    """
    import numpy as np
    import pyarrow as pa

    try:
        values = column.combine_chunks().cast(getattr(pa, dtype)())
    except pa.ArrowException as error:
        raise DataInvalid(f"{name}: {first_line(error)}") from error
    if values.null_count and dtype != "float64":
        raise DataInvalid(f"{name}: {values.null_count} of {len(values)} values are missing")
    valid, data = values.buffers()
    rows = slice(values.offset, values.offset + len(values))
    array = np.frombuffer(data, dtype=dtype)[rows].copy() if len(values) else np.empty(0, dtype)
    if values.null_count:
        array[np.unpackbits(np.frombuffer(valid, dtype=np.uint8), bitorder="little")[rows] == 0] = np.nan
    return array


PACKAGE_COMMAND = "pip install 'bench-suite[samples]'"
"""The command that installs the data that ship in packages."""


def _not_found_locally(hub_id: str, split: str | None = None, known: Sequence[str] = ()) -> str:
    """Return why `$BENCH_DATA` does not hold the data set, for the message of a failed request to the hub."""
    if not os.environ.get("BENCH_DATA"):
        return "BENCH_DATA is not set"
    if data_folder(hub_id) is None:
        return f"no folder $BENCH_DATA/{hub_id}"
    if not known:
        return f"no file of CSV, TSV, JSON, Parquet or Arrow, and no picture, in the folder $BENCH_DATA/{hub_id}"
    return f"no split `{split}` in the folder $BENCH_DATA/{hub_id} (it has: {', '.join(known)})"
