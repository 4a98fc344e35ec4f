"""Sources: where a task's data come from, here and now: a folder, the Hugging Face hub, or an installed package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench_suite.contracts import DataInvalid, DataUnavailable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from bench_suite.data.cache import Cache


@dataclass(frozen=True)
class Fetched:
    """One split as it was found: an Arrow table, images still encoded as struct<bytes, path>."""

    table: pa.Table
    origin: str
    "`folder:HUB-ID` or `hub:HUB-ID`."
    revision: str | None = None
    "Commit of the hub repository, where it is known."


@dataclass(frozen=True)
class Sources:
    """What every task's `load` is given to read from. Nothing is fetched until it is asked for."""

    offline: bool = False
    "Skip the hub at once; its local cache still serves."
    trust: bool = False
    "Remote code of a data set may run (`--trust`)."
    cache: Cache | None = None
    "Where decoded images and the like are kept; None keeps nothing."

    @property
    def is_offline(self) -> bool:
        """True under `offline` or `HF_HUB_OFFLINE=1`."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}

    # ── the Hugging Face hub, or a folder of the same layout ────────────────────────────────────

    def hub(
        self, hub_id: str, split: str, *, config: str | None = None, columns: Sequence[str] | None = None
    ) -> Fetched:
        """One whole split of a data set: of `$BENCH_DATA/<hub id>`, else of the hub or its local cache.

        Args:
            hub_id: `owner/name`.
            split: the hub's name of the split.
            config: the hub's name of the configuration; None for the only one.
            columns: those that are needed; None for all.

        Raises:
            DataUnavailable: none of these places has it; the message holds the command that gets it.
            DataInvalid: it is there and cannot be read, or lacks a column.
        """
        folder = data_folder(hub_id)
        files = [] if folder is None else _parquet_files(folder, hub_id, split, config)
        if folder is not None and files:
            return Fetched(_read_parquet(files, folder, hub_id, columns), f"folder:{hub_id}")
        if self.is_offline and not _in_hub_cache(hub_id):
            reason = "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its local cache does not hold it"
            raise DataUnavailable(f"{hub_id}: {_looked_for(hub_id, split)}; {reason}", hub_command(hub_id))
        fetched = _load_from_hub(hub_id, split, config, offline=self.is_offline, trust=self.trust)
        return Fetched(_with_columns(fetched.table, hub_id, columns), fetched.origin, fetched.revision)

    def locate_hub(self, hub_id: str) -> str | None:
        """Where `hub` would find a data set, without loading: `folder:ID`, `hub:ID (cached)` or `hub:ID (download)`."""
        if data_folder(hub_id) is not None:
            return f"folder:{hub_id}"
        if importlib.util.find_spec("datasets") is None:
            return None
        if _in_hub_cache(hub_id):
            return f"hub:{hub_id} (cached)"
        return None if self.is_offline else f"hub:{hub_id} (download)"

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
            reason = _first_line(error, file.parent)
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
        raise DataInvalid(f"{name}: {_first_line(error)}") from error
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


def hub_command(hub_id: str) -> str:
    """What to paste to get a hub data set on this machine."""
    prefix = "" if os.environ.get("BENCH_DATA") else "export BENCH_DATA=~/bench-data && "
    return f'{prefix}huggingface-cli download --repo-type dataset {hub_id} --local-dir "$BENCH_DATA/{hub_id}"'


def data_folder(hub_id: str) -> Path | None:
    """`$BENCH_DATA/<hub id>` where it is a folder, else None."""
    root = os.environ.get("BENCH_DATA")
    if not root:
        return None
    folder = Path(root) / hub_id
    return folder if folder.is_dir() else None


def _looked_for(hub_id: str, split: str) -> str:
    if not os.environ.get("BENCH_DATA"):
        return "BENCH_DATA is not set"
    if data_folder(hub_id) is None:
        return f"no folder $BENCH_DATA/{hub_id}"
    return f"no {split}-*.parquet in the folder $BENCH_DATA/{hub_id}"


def _parquet_files(folder: Path, hub_id: str, split: str, config: str | None) -> list[Path]:
    """The files of a split, in order; none where the folder lacks it.

    Hub repositories name them CONFIG/SPLIT-00000-of-00001.parquet, the same under data/, or SPLIT.parquet."""
    places = [*([config] if config else []), ".", "data"]
    for place in places:
        for pattern in (f"{split}-[0-9]*.parquet", f"{split}.parquet"):
            files = sorted((folder / place).glob(pattern))
            if files:
                _check_complete(files, folder, hub_id)
                return files
    return []


def _check_complete(files: list[Path], folder: Path, hub_id: str) -> None:
    counted = re.search(r"-of-(\d+)\.parquet$", files[0].name)
    if counted and len(files) != int(counted[1]):
        place = files[0].parent.relative_to(folder)
        raise DataInvalid(
            f"{hub_id}: {len(files)} of {int(counted[1])} files {place}/{files[0].name.split('-')[0]}-*.parquet are "
            f"there\n  to get the rest: {hub_command(hub_id)}"
        )


def _read_parquet(files: list[Path], folder: Path, hub_id: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for file in files:
        name = f"{hub_id}/{file.relative_to(folder).as_posix()}"
        try:
            with file.open("rb") as stream:
                reader = pq.ParquetFile(stream)
                names = reader.schema_arrow.names
                read = None if columns is None else [column for column in columns if column in names]
                tables.append(_with_columns(reader.read(columns=read), name, columns, names))
        except (pa.ArrowException, OSError, EOFError) as error:
            reason = _first_line(error, folder)
            raise DataInvalid(
                f"{name} cannot be read as Parquet (truncated, or not fully downloaded?): {reason}\n"
                f"  to get it anew: {hub_command(hub_id)}"
            ) from error
    return pa.concat_tables(tables)


def _with_columns(
    table: pa.Table, name: str, columns: Sequence[str] | None, there: Sequence[str] | None = None
) -> pa.Table:
    if columns is None:
        return table
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise DataInvalid(f"{name} has no column `{missing[0]}`; it has: {', '.join(there or table.column_names)}")
    return table.select(list(columns))


def _first_line(error: BaseException, folder: Path | None = None) -> str:
    """An error's first line, without the path of `folder`."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if folder is None else line.replace(f"{folder}{os.sep}", "")


# ── the hub ─────────────────────────────────────────────────────────────────────────────────────


def _in_hub_cache(hub_id: str) -> bool:
    """Whether the hub's local caches hold something of a data set: a look at two folders, nothing imported."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()
    downloaded = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    places = (
        prepared / hub_id.replace("/", "___"),
        downloaded / f"datasets--{hub_id.replace('/', '--')}" / "snapshots",
    )
    return any(place.is_dir() and any(place.iterdir()) for place in places)


def _load_from_hub(hub_id: str, split: str, config: str | None, *, offline: bool, trust: bool) -> Fetched:
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when `datasets` is imported, which is below
    try:
        import datasets
    except ImportError:
        reason = "fetching from the hub needs the package `datasets`"
        raise DataUnavailable(
            f"{hub_id}: {_looked_for(hub_id, split)}, and {reason}",
            f"pip install 'bench-suite[hub]'  or  {hub_command(hub_id)}",
        ) from None
    # Up to version 3 a data set could bring code, which 2.19 ran unasked.
    old = int(datasets.__version__.split(".")[0]) < 4
    code = {"trust_remote_code": trust} if old else {}
    # What goes wrong is said once, in the record; the library would say it at each of its attempts.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    try:
        found: Any = datasets.load_dataset(hub_id, config, split=split, **code)
    except _hub_faults(datasets) as error:
        message = (
            f"{hub_id}: {_looked_for(hub_id, split)}, and the hub did not give it: {_first_line(error, Path.home())}"
        )
        raise DataUnavailable(message, hub_command(hub_id)) from error
    commits = re.findall(r"@([0-9a-f]{40})/", " ".join(found.info.download_checksums or {}))
    return Fetched(found.data.table, f"hub:{hub_id}", commits[0] if commits else None)


def _hub_faults(datasets: Any) -> tuple[type[BaseException], ...]:
    """What `load_dataset` raises where a set, a configuration or the network is not there."""
    faults: list[type[BaseException]] = [OSError, ValueError, datasets.exceptions.DatasetsError]
    for library, name in (("httpx", "HTTPError"), ("requests", "RequestException")):
        if library in sys.modules:
            faults.append(getattr(sys.modules[library], name))
    return tuple(faults)
