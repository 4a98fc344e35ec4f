"""Which files of a folder belong to which split: every file is read, listed as not read, or the folder is refused.

A folder is resolved by Hugging Face `datasets`, so its conventions hold: names of splits in names of files and folders,
numbered shards, the YAML head of the README, folders of classes, `metadata.csv`. It leaves some files out in silence,
reads others twice, or takes a file into the wrong split. Such folders are refused here, with what to do.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.datasets_package import import_datasets
from bench_suite.data.file_listing import list_data, no_data
from bench_suite.data.file_names import (
    METADATA,
    NOT_DATA,
    Format,
    advice_on,
    ending,
    format_of,
    is_data,
    is_picture,
    split_of,
)
from bench_suite.data.file_sets import FileSet, relative_name
from bench_suite.data.folder_checks import (
    check_class_folders,
    check_formats,
    check_left_out,
    check_links,
    check_read_twice,
    check_splits,
)

PATTERN_MARKS = ("[", "::")
"What `datasets` does not take for a letter in the path of a folder."


def folder_files(folder: Path, subject: str, config: str | None = None, *, optional_config: bool = False) -> FileSet:
    """Return the files of a folder by split, as `datasets` resolves them.

    Args:
        folder: The folder.
        subject: What messages call it.
        config: The configuration: one of the README's, else a folder of that name.
        optional_config: Whether a folder without configurations may be read instead.

    Raises:
        DataInvalid: The folder holds no data, several configurations, or files that would be left out or read twice.
    """
    files, links = list_data(folder, subject)
    saved = _saved_to_disk(folder, subject)
    if saved is not None:
        return saved
    if optional_config and config is not None and not _card_configs(folder) and not (folder / config).is_dir():
        config = None
    file_set, start = _resolve(folder, subject, config, files)
    read = {file for paths in file_set.splits.values() for file in paths}
    unread = [file for file in files if file not in read and file.is_relative_to(start)]
    check_links(file_set, [file for file in unread if is_data(file.name)], links)
    check_formats(file_set)
    check_read_twice(file_set)
    if file_set.stated:
        return file_set
    check_splits(file_set)
    if file_set.format == "pictures":
        shared = tuple(file for file in unread if file.name in METADATA)
        file_set = replace(file_set, shared_metadata=shared)
        unread = [file for file in unread if file not in shared]
        check_class_folders(file_set, unread)
    check_left_out(file_set, unread)
    return replace(file_set, unread=tuple(map(file_set.name, (f for f in unread if f.name.lower() not in NOT_DATA))))


def _resolve(folder: Path, subject: str, config: str | None, files: Sequence[Path]) -> tuple[FileSet, Path]:
    """Return the files of each split as `datasets` finds them, and the folder that it looked into.

    Raises:
        DataInvalid: `datasets` cannot tell, or the configuration is not there.
    """
    configs = _card_configs(folder)
    if configs:
        _check_config(subject, config, configs)
        return _ask_datasets(folder, subject, config, files), folder
    if config is not None and (folder / config).is_dir():
        return replace(_ask_datasets(folder / config, subject, None, files), root=folder), folder / config
    if config not in (None, "default"):
        folders = {relative_name(file, folder).partition("/")[0] for file in files if file.parent != folder}
        below = sorted(name for name in folders if name != "data" and split_of(name) is None)
        listed = f"{nearest(config or '', below)} (it has the folders: {', '.join(below)})" if below else ""
        raise DataInvalid(f"{subject} has no configuration `{config}`{listed or ': leave `config` out'}")
    _check_configurations(folder, subject, files)
    return _ask_datasets(folder, subject, None, files), folder


def _card_configs(folder: Path) -> Mapping[str, bool]:
    """Return the configurations that the YAML head of the README lists, and which of them is the default."""
    if not (folder / "README.md").is_file():
        return {}
    import_datasets(folder.name)
    from huggingface_hub import metadata_load  # which comes with `datasets`

    try:
        card = metadata_load(folder / "README.md")
    except (OSError, ValueError):  # no README, or one that cannot be read
        return {}
    entries = card.get("configs") if isinstance(card, dict) else None
    configs = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {
        str(entry.get("config_name", "default")): bool(entry.get("default"))
        for entry in configs
        if entry.get("data_files") or entry.get("data_dir")
    }


def _check_config(subject: str, config: str | None, configs: Mapping[str, bool]) -> None:
    listed = ", ".join(configs)
    if config is None and len(configs) > 1 and "default" not in configs and not any(configs.values()):
        raise DataInvalid(f"{subject} has several configurations: state one of them as `config`; it has: {listed}")
    if config is not None and config not in configs:
        raise DataInvalid(f"{subject} has no configuration `{config}`{nearest(config, configs)} (it has: {listed})")


_MODULES: Mapping[str, Format] = {
    "csv": "csv", "json": "json", "parquet": "parquet", "arrow": "arrow", "imagefolder": "pictures",
}  # fmt: skip


def _ask_datasets(folder: Path, subject: str, config: str | None, files: Sequence[Path]) -> FileSet:
    """Return the format and the files of each split that `datasets` finds in a folder."""
    import logging
    import tempfile

    datasets = import_datasets(subject)
    for library in ("huggingface_hub", "datasets"):  # they log each README without a YAML head
        logging.getLogger(library).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as cache:
        try:
            builder = datasets.load_dataset_builder(str(folder), config, cache_dir=cache)
        except Exception as error:  # `datasets` raises many types, and what there is decides the message
            raise DataInvalid(_unresolved(folder, subject, files, error)) from error
    module = type(builder).__module__.rpartition(".")[2]
    splits = {
        str(split): tuple(sorted(_below(folder, Path(os.path.abspath(file))) for file in paths))
        for split, paths in (builder.config.data_files or {}).items()
    }
    splits = {split: paths for split, paths in splits.items() if paths}
    if module not in _MODULES or not splits:
        raise DataInvalid(no_data(folder, subject, files))
    features = builder.info.features or {}
    classes = {name: tuple(f.names) for name, f in features.items() if isinstance(f, datasets.ClassLabel) and f.names}
    stated = bool(_card_configs(folder))
    licence, settings = builder.info.license or None, _reader_settings(builder.config)
    types = {name: f.dtype for name, f in features.items() if isinstance(f, datasets.Value) and _is_card_type(f.dtype)}
    return FileSet(subject, folder, _MODULES[module], splits, (), stated, classes, licence, settings, types=types)


def _reader_settings(config: Any) -> dict[str, Any]:
    """Return what a README states about how `datasets` is to read the files; separators are found in the files."""
    usual, of_files = type(config)(), ("name", "version", "data_dir", "data_files", "description", "features")
    values = {one.name: getattr(config, one.name) for one in fields(config) if one.name not in of_files}
    detected = {name for name in ("sep", "delimiter") if values.get(name) in (None, ",", ";", "\t", "|")}
    return {name: value for name, value in values.items() if name not in detected and value != getattr(usual, name)}


def _below(folder: Path, file: Path) -> Path:
    """Return a file that `datasets` found as a path below the folder, which it follows if it is a link."""
    real = os.path.realpath(folder)
    return folder / file.relative_to(real) if file.is_relative_to(real) else file


def _unresolved(folder: Path, subject: str, files: Sequence[Path], error: BaseException) -> str:
    """Return the message for a folder that `datasets` cannot resolve."""
    data = [file for file in files if is_data(file.name)]
    formats = {".tsv" if ending(file.name) == ".tsv" else format_of(file): file for file in data}
    if len(formats) > 1:
        named = " and ".join(relative_name(file, folder) for file in list(formats.values())[:2])
        return (
            f"{subject} holds data of several formats, such as {named}: write all splits in one format, or remove "
            "what is not meant"
        )
    odd = [file for file in data if file.suffix != file.suffix.lower()]
    if odd and formats.keys() != {"pictures"}:
        name = relative_name(odd[0], folder)
        return f"{subject}: {name} is found only with an ending in lower case: rename it to {name.lower()}"
    if any(split_of(file.name) and advice_on(file.name) for file in files):
        return no_data(folder, subject, [file for file in files if split_of(file.name)])
    if marks := [mark for mark in PATTERN_MARKS if mark in os.path.realpath(folder)]:
        return (
            f"{subject}: the path of the folder holds {marks[0]!r}, which `datasets` takes for a pattern: rename that "
            "folder, or name the files in path"
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0].replace(f"{folder}{os.sep}", "")
    reason = reason.replace(str(folder), subject)
    return f"{subject} cannot be read as a data set: {reason}"


def _check_configurations(folder: Path, subject: str, files: Sequence[Path]) -> None:
    """Refuse folders that hold a data set each, because `datasets` would read all of them as one.

    They do if no folder's name is a split's, each holds a file of the same split, and there is none beside them.
    """
    tops: dict[str, set[str | None]] = {}
    for file in files:
        if not is_data(file.name) or is_picture(file.name):
            continue
        first, _, rest = relative_name(file, folder).partition("/")
        if not rest or split_of(first) is not None or first == "data":
            return
        named = split_of(file.name) or next(filter(None, map(split_of, Path(rest).parts)), None)
        tops.setdefault(first, set()).add(named)
    repeated = [split for split, count in Counter(s for splits in tops.values() for s in splits).items() if count > 1]
    if len(tops) > 1 and any(repeated):
        raise DataInvalid(
            f"{subject} has several configurations: state one of them as `config`; it has: {', '.join(tops)}"
        )


def _saved_to_disk(folder: Path, subject: str) -> FileSet | None:
    """Return the files of a folder that `save_to_disk` of `datasets` wrote; None for any other folder."""
    import json

    if (folder / "dataset_dict.json").is_file():
        try:
            splits = [str(split) for split in json.loads((folder / "dataset_dict.json").read_bytes())["splits"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataInvalid(f"{subject}: dataset_dict.json is damaged: {error}") from error
    elif (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        splits = [""]
    else:
        return None
    files: dict[str, tuple[Path, ...]] = {}
    for split in splits:
        try:
            state = json.loads((folder / split / "state.json").read_bytes())
            names = [str(entry["filename"]) for entry in state["_data_files"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataInvalid(f"{subject}: {split or '.'}/state.json cannot be read: {error}") from error
        files[split or "train"] = tuple(folder / split / Path(name).name for name in names)
        if missing := [file for file in files[split or "train"] if not file.is_file()]:
            raise DataInvalid(f"{subject}: {relative_name(missing[0], folder)} is missing: copy the folder again")
    return FileSet(subject, folder, "arrow", files)


_CARD_TYPE = re.compile(r"(large_)?string|u?int\d+|float\d+")


def _is_card_type(dtype: str) -> bool:
    """Return whether a type that a README states, as `datasets` writes it, is one of texts or numbers."""
    return _CARD_TYPE.fullmatch(dtype) is not None
