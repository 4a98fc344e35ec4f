"""Sources: where a task's data come from, here and now: a folder, the Hugging Face hub, or an installed package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench_suite.contracts import DataInvalid, DataUnavailable
from bench_suite.data.hub import Asked, HubUnreachable, cached, first_line, load, with_columns
from bench_suite.data.hub import Fetched as Fetched
from bench_suite.data.hub import hub_command as hub_command
from bench_suite.data.layout import Folder, read_folder
from bench_suite.data.layout import data_folder as data_folder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from bench_suite.data.cache import Cache


@dataclass(frozen=True)
class Repository:
    """A data set of the hub, or a folder of the same layout: its splits, each read when it is asked for."""

    hub_id: str
    splits: tuple[str, ...]
    read: Callable[[str, Sequence[str] | None], Fetched]
    "A split and the columns that are needed (None: all). Raises DataInvalid where a column is not there."


@dataclass(frozen=True)
class Sources:
    """What every task's `load` is given to read from. Nothing is fetched until it is asked for."""

    offline: bool = False
    "Skip the hub at once; its local cache still serves."
    trust: bool = False
    "Remote code of a data set may run (`--trust`)."
    cache: Cache | None = None
    "Where decoded images and the like are kept; None keeps nothing."
    progress: bool = False
    "Show on standard error how far a download is."
    _unreachable: dict[str, HubUnreachable] = field(default_factory=dict, init=False, repr=False, compare=False)
    "By hub id: what the hub did not answer to. It is not asked again, or each cell of a run would wait anew."

    @property
    def is_offline(self) -> bool:
        """True under `offline` or `HF_HUB_OFFLINE=1`."""
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
        """One whole split of a data set: of `$BENCH_DATA/<hub id>`, else of the hub or its local cache.

        Args:
            hub_id: `owner/name`.
            split: the hub's name of the split.
            config: the hub's name of the configuration; None for the only one. A folder that holds one data set only
                needs no sub-folder of that name.
            columns: those that are needed; None for all.
            revision: branch, tag or commit on the hub; None for the newest. A folder is taken as it is.

        Raises:
            DataUnavailable: none of these places has it; the message holds the command that gets it.
            DataInvalid: it is there and cannot be read, or lacks a column.
        """
        folder = read_folder(hub_id)
        here = None if folder is not None and folder.is_flat else config
        if folder is not None and split in folder.splits(here):
            return folder.read(here, split, columns)
        asked = Asked(hub_id, config, revision, split, _looked_for(hub_id, folder, here, split))
        fetched = self._load(asked)[split]
        return replace(fetched, table=with_columns(fetched.table, hub_id, columns))

    def repository(self, hub_id: str, *, config: str | None = None, revision: str | None = None) -> Repository:
        """All splits of a data set, whatever they are called; the places and arguments are those of `hub`.

        A configuration that a folder does not have is not found in it, whatever it holds: a person has named it.

        Raises:
            DataUnavailable: none of these places has it; the message holds the command that gets it.
            DataInvalid: it has several configurations, and none of them is named.
        """
        folder = read_folder(hub_id)
        if folder is not None and (splits := folder.splits(config)):
            return Repository(hub_id, splits, partial(folder.read, config))
        loaded = self._load(Asked(hub_id, config, revision, None, _looked_for(hub_id, folder, config, None)))

        def read(split: str, columns: Sequence[str] | None) -> Fetched:
            table = with_columns(loaded[split].table, f"{hub_id}, split {split}", columns)
            return replace(loaded[split], table=table)

        return Repository(hub_id, tuple(loaded), read)

    def _load(self, asked: Asked) -> dict[str, Fetched]:
        if self.is_offline and not cached(asked.hub_id):
            reason = "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its local cache does not hold it"
            command = hub_command(asked.hub_id, revision=asked.revision)
            raise DataUnavailable(f"{asked.hub_id}: {asked.looked}; {reason}", command)
        if (earlier := self._unreachable.get(asked.hub_id)) is not None:
            raise earlier.with_traceback(None)
        try:
            return load(asked, offline=self.is_offline, trust=self.trust, progress=self.progress)
        except HubUnreachable as error:
            self._unreachable[asked.hub_id] = error
            raise

    def locate_hub(self, hub_id: str, *, downloads: bool = True) -> str | None:
        """Where `hub` would find a data set, without loading: `folder:ID`, `hub:ID (cached)` or `hub:ID (download)`.

        Args:
            downloads: False where a task reads only what is on this machine, by itself.
        """
        if data_folder(hub_id) is not None:
            return f"folder:{hub_id}"
        if downloads and importlib.util.find_spec("datasets") is None:
            return None
        if cached(hub_id):
            return f"hub:{hub_id} (cached)"
        return None if self.is_offline or not downloads else f"hub:{hub_id} (download)"

    # ── installed packages ──────────────────────────────────────────────────────────────────────

    def package(self, distribution: str, path: str) -> tuple[Path, str]:
        """A data file inside an installed distribution, and the distribution's version. Imports nothing of it.

        Raises:
            DataUnavailable: the distribution is not installed, or has no such file.
        """
        try:
            found = importlib.metadata.distribution(distribution)
        except importlib.metadata.PackageNotFoundError:
            message = f"the package `{distribution}`, which holds these data, is not installed"
            raise DataUnavailable(message, PACKAGE_COMMAND) from None
        file = Path(str(found.locate_file(path)))
        if not file.is_file():
            message = f"the package `{distribution}` {found.version} has no file `{path}`"
            raise DataUnavailable(message, f"{PACKAGE_COMMAND} --upgrade --force-reinstall {distribution}")
        return file, found.version

    def csv(
        self,
        distribution: str,
        path: str,
        *,
        header: bool = True,
        delimiter: str = ",",
        types: dict[str, Any] | None = None,
    ) -> tuple[pa.Table, str]:
        """A (compressed) CSV file inside an installed distribution, and `package:NAME VERSION` as its origin.

        Args:
            header: whether the first line names the columns; else they are `f0`, `f1`, ...
            types: Arrow types by column, where they should not be guessed.

        Raises:
            DataUnavailable: as `package`.
            DataInvalid: it does not read as such.
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
                f"  to mend it: pip install --force-reinstall {distribution}"
            ) from error
        return table, f"package:{distribution} {version}"

    def locate_package(self, distribution: str, path: str) -> str | None:
        """`package:NAME VERSION` where `package` would find the file, else None."""
        try:
            return f"package:{distribution} {self.package(distribution, path)[1]}"
        except DataUnavailable:
            return None


def numbers(column: pa.ChunkedArray, dtype: Literal["uint8", "int64", "float64"], name: str) -> np.ndarray:
    """(n,) numbers of an Arrow column.

    Read from its buffers, since Arrow's `to_numpy`, `fill_null` and the like import pandas: 0.12 s and more.

    Args:
        dtype: what they shall be; missing ones become NaN in `float64`.
        name: what the numbers are, for messages.

    Raises:
        DataInvalid: a value is missing or not a number of this kind.
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
    found = np.frombuffer(data, dtype=dtype)[rows].copy() if len(values) else np.empty(0, dtype)
    if values.null_count:
        found[np.unpackbits(np.frombuffer(valid, dtype=np.uint8), bitorder="little")[rows] == 0] = np.nan
    return found


PACKAGE_COMMAND = "pip install 'bench-suite[samples]'"
"""What to paste for the data that ship in packages."""


def _looked_for(hub_id: str, folder: Folder | None, config: str | None, split: str | None) -> str:
    """Where a data set is not, before the hub is asked."""
    if not os.environ.get("BENCH_DATA"):
        return "BENCH_DATA is not set"
    return f"no folder $BENCH_DATA/{hub_id}" if folder is None else folder.lacks(config, split)
