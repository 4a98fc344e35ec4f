"""Layout of a folder `$BENCH_DATA/<hub id>`: the files of each split of each configuration.

The YAML head of the README decides, if it lists configurations; else the names of files do. The names of hub
repositories are understood (SPLIT is `train` or the like):

    CONFIG/SPLIT-00000-of-00001.parquet    data/SPLIT-00000-of-00001.parquet    SPLIT.parquet
    CONFIG/SPLIT/0000.parquet              SPLIT.csv, .tsv, .jsonl, .json, also below CONFIG/ or data/

Files in the folder itself or in `data/` belong to the configuration without a name. If no table is named after a usual
split, pictures in files of their own are found as described in `imagefolder`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.card import Card, read_card, with_class_names
from bench_suite.data.hub import Fetched, hub_command, with_columns
from bench_suite.data.imagefolder import (
    METADATA,
    SPLITS,
    class_of,
    is_picture,
    other_splits,
    picture_splits,
    picture_table,
)
from bench_suite.data.tables import read_tables

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "csv", "tsv", "jsonl", "json")
_FILE = re.compile(
    r"(?P<split>[^.]+?)(?:-\d+(?:-of-\d+)?(?:-[0-9a-f]{16})?)?\.(?P<format>parquet|csv|tsv|jsonl|json)(?:\.gz)?"
)
_NUMBERED = re.compile(r"\d{4,5}\.parquet")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".7z", ".rar")
_NOT_DATA = ("dataset_info", "dataset_dict", "state")
"""Beginnings of the names of files that describe data."""

Files = Mapping[str, tuple[Path, ...]]
"""Files of each split, in order."""


@dataclass(frozen=True)
class Folder:
    """A folder with the layout of a hub repository."""

    hub_id: str
    path: Path
    configs: Mapping[str | None, Files]
    "By configuration; None is the configuration without a name."
    card: Card

    @property
    def is_flat(self) -> bool:
        """Whether it holds one data set without configurations, as a user's own folder may."""
        return set(self.configs) == {None}

    def splits(self, name: str | None) -> tuple[str, ...]:
        """Return the splits of a configuration (`default` is also the one without a name); empty if there is none.

        Raises:
            DataInvalid: `name` is None, and there are several configurations.
        """
        return tuple(self.configs.get(self._config(name), ()))

    def _config(self, name: str | None) -> str | None:
        named = [config for config in self.configs if config is not None]
        if name in self.configs:
            return name
        if name is None and self.card.chosen in self.configs:
            return self.card.chosen
        if name is None and len(named) > 1:
            raise DataInvalid(
                f"{self.hub_id} has several configurations: state one of them as `config`; it has: {', '.join(named)}"
            )
        if name is None and named:
            return named[0]
        # The hub calls the only configuration of a repository without configurations `default`.
        return None if name == "default" else name

    def describe_missing(self, name: str | None, split: str | None) -> str:
        """Return the message for a configuration or a split that the folder does not have."""
        named = [config for config in self.configs if config is not None]
        folder = f"the folder $BENCH_DATA/{self.hub_id}"
        if not self.configs:
            archives = [file.name for file in sorted(self.path.glob("**/*")) if file.name.lower().endswith(ARCHIVES)]
            archive = f"; unpack {archives[0]} there" if archives else ""
            return (
                f"no file of Parquet, CSV, TSV or JSON that is named after its split, and no picture, in {folder}"
                f"{archive}"
            )
        if self._config(name) in self.configs:
            splits = self.splits(name)
            return f"no split `{split}` in {folder}{nearest(split or '', splits)} (it has: {', '.join(splits)})"
        if named:
            return f"no configuration `{name}` in {folder}{nearest(name or '', named)} (it has: {', '.join(named)})"
        return f"no configuration `{name}` in {folder}, which has none: leave `config` out, or put its files in {name}/"

    def read(self, name: str | None, split: str, columns: Sequence[str] | None) -> Fetched:
        """Return one of the `splits` of a configuration. Raise DataInvalid if it cannot be read or lacks a column."""
        config = self._config(name)
        files = self.configs[config][split]
        if is_picture(files[0].name):
            table = self._pictures(config, split, columns)
        else:
            _check_complete(files, self.path, self.hub_id)
            others = {file for other, paths in self.configs[config].items() if other != split for file in paths}
            excluded = other_splits(split, shared=not others.isdisjoint(files))
            table = read_tables(files, self.path, self.hub_id, columns, excluded)
        classes = {name: names for name, names in self.card.classes_of(config).items() if name in table.column_names}
        if classes:
            table = table.replace_schema_metadata(with_class_names(table.schema.metadata, classes))
        commit = _commit(self.path, files[0])
        return Fetched(table, f"folder:{self.hub_id}", commit, self.card.licence, (self.path,))

    def _pictures(self, config: str | None, split: str, columns: Sequence[str] | None) -> pa.Table:
        """Return the pictures of a split, by their paths. Raise DataInvalid if the classes are unknown."""
        if not any(class_of(file, self.path) for files in self.configs[config].values() for file in files):
            raise DataInvalid(
                f"{self.hub_id} holds pictures and no folder for each class, so their classes are unknown. Sort them "
                f"into {split}/CLASS/, or name them in {split}/metadata.csv: file_name,label"
            )
        table = picture_table(self.configs[config][split], self.path)
        described = [file for files in self.configs[config].values() for file in files if file.name in METADATA]
        if described and not {*(columns or ())} <= {*table.column_names}:
            raise DataInvalid(
                f"{self.hub_id}: {described[0].relative_to(self.path).as_posix()} describes the pictures of its split, "
                f"but no file describes those of `{split}`: add {split}/{described[0].name} with the same columns"
            )
        return with_columns(table, f"{self.hub_id}, split {split}", columns)


def data_folder(hub_id: str) -> Path | None:
    """Return `$BENCH_DATA/<hub id>` if it is a folder, else None."""
    root = os.environ.get("BENCH_DATA")
    if not root:
        return None
    folder = Path(root).expanduser() / hub_id
    return folder if os.path.isdir(folder) else None  # for a name that is too long `is_dir` would raise


def read_folder(hub_id: str) -> Folder | None:
    """Return the layout of `$BENCH_DATA/<hub id>`, from names alone; None if there is no such folder."""
    path = data_folder(hub_id)
    if path is None:
        return None
    card = read_card(path)
    configs: dict[str | None, Files] = {}
    for config, splits in card.files.items():
        named = {split: _of_one_kind(_matching(path, patterns)) for split, patterns in splits.items()}
        configs[config] = {split: files for split, files in named.items() if files}
    configs = {config: files for config, files in configs.items() if files} or _by_name(path)
    tables = [split for splits in configs.values() for split in splits if split != "metadata"]
    # A repository of tables may hold some pictures, and one of pictures a table of its classes.
    if not any(split in SPLITS for split in tables) and (pictures := picture_splits(path, named=bool(tables))):
        configs = {None: pictures}
    return Folder(hub_id, path, configs, card)


def _matching(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        if ".." not in Path(pattern).parts and not Path(pattern).is_absolute():
            files = folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)
            yield from sorted(file for file in files if _FILE.fullmatch(file.name) or is_picture(file.name))


def _of_one_kind(files: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of one kind: metadata of pictures if there are any, else tables, else pictures."""
    files = tuple(files)
    metadata = tuple(file for file in files if file.name in METADATA)
    tables = tuple(file for file in files if not is_picture(file.name))
    return metadata or tables or files


def _by_name(folder: Path) -> dict[str | None, Files]:
    """Return configurations and splits from the names of folders and files."""
    configs: dict[str | None, dict[str, list[Path]]] = {}
    for file in sorted((*folder.glob("*.*"), *folder.glob("*/*.*"), *folder.glob("*/*/*.*"))):
        match = _FILE.fullmatch(file.name)
        parents = [part for part in file.relative_to(folder).parts[:-1] if part != "data"]
        if match is None or file.name.startswith(_NOT_DATA) or any(part.startswith(".") for part in parents):
            continue
        split = parents.pop() if _NUMBERED.fullmatch(file.name) and parents else match["split"]
        configs.setdefault("/".join(parents) or None, {}).setdefault(split, []).append(file)
    return {config: _of_one_format(splits) for config, splits in configs.items()}


def _of_one_format(splits: Mapping[str, Sequence[Path]]) -> Files:
    """Return the files of the first format that there is, Parquet first, so that each row is read once."""
    for kind in FORMATS:
        chosen = {
            split: tuple(file for file in files if file.name.removesuffix(".gz").endswith(f".{kind}"))
            for split, files in splits.items()
        }
        if any(chosen.values()):
            return {split: files for split, files in chosen.items() if files}
    return {}


def _check_complete(files: Sequence[Path], folder: Path, hub_id: str) -> None:
    counted = re.search(r"-of-(\d+)\b", files[0].name)
    if counted and len(files) != int(counted[1]):
        named = files[0].relative_to(folder).with_name(f"{files[0].name.split('-')[0]}-*{''.join(files[0].suffixes)}")
        raise DataInvalid(
            f"{hub_id}: {len(files)} of {int(counted[1])} files {named.as_posix()} are there\n"
            f"  to get the rest: {hub_command(hub_id)}"
        )


def _commit(folder: Path, file: Path) -> str | None:
    """Return the commit that a file was downloaded at, from the metadata that `hf download` writes; None without."""
    metadata = folder / ".cache" / "huggingface" / "download" / f"{file.relative_to(folder).as_posix()}.metadata"
    try:
        first = (metadata.read_text(encoding="utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError):
        return None
    return first if re.fullmatch(r"[0-9a-f]{40}", first) else None
