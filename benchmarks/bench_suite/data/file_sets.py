"""Which files of a person's data belong to which split: every file is read, listed as not read, or refused.

A folder is resolved by Hugging Face `datasets`, so its conventions hold: names of splits in names of files and folders,
numbered shards, the YAML head of the README, folders of classes, `metadata.csv`. It leaves some files out in silence,
reads others twice, or takes a file into the wrong split. Such folders are refused here, with what to do.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid, DataUnavailable

Format = Literal["csv", "json", "parquet", "arrow", "pictures"]

FORMATS: Mapping[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet",
    ".arrow": "arrow",
}  # fmt: skip
"Formats of tables by the ending of a file's name in lower case."
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
PICTURES = (".jpeg", ".jpg", ".jfif", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff", ".webp")
"Endings of pictures, in any case."
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
OTHER_DATA: Mapping[str, str] = {
    ".xlsx": "save each sheet as CSV", ".xls": "save each sheet as CSV", ".ods": "save each sheet as CSV",
    ".feather": "write it as Parquet", ".orc": "write it as Parquet", ".avro": "write it as Parquet",
    ".pkl": "write it as Parquet", ".pickle": "write it as Parquet", ".sav": "write it as CSV",
    ".dta": "write it as CSV", ".mat": "write it as CSV", ".arff": "write it as CSV", ".npz": "write it as Parquet",
    ".npy": "write it as Parquet", ".h5": "write it as Parquet", ".hdf5": "write it as Parquet",
    ".sqlite": "write the table as CSV", ".db": "write the table as CSV", ".zip": "unpack it", ".tar": "unpack it",
    ".tgz": "unpack it", ".7z": "unpack it", ".rar": "unpack it", ".txt": "write a CSV with a column of texts",
    ".xml": "write it as CSV",
}  # fmt: skip
"What to do with data of a format that is not read, by ending."
NOT_DATA = frozenset({
    "readme", "readme.md", "readme.txt", "license", "license.md", "license.txt", "licence", "dataset_info.json",
    "dataset_infos.json", "dataset_dict.json", "config.json", "state.json", "thumbs.db", "desktop.ini",
})  # fmt: skip
"Names of files that nobody takes for data, in lower case."
NO_FOLDERS = frozenset({"__MACOSX", "__pycache__", "_delta_log"})
"Names of folders that programs write beside data."
NO_PICTURES = (".heic", ".heif", ".avif", ".svg", ".jxl", ".dng", ".cr2", ".nef", ".arw", ".raw", ".psd", ".pdf")
"Endings of pictures that are not read."
SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"The split that a word in a name stands for, as in `datasets`."
MAX_LISTED = 5


@dataclass(frozen=True)
class FileSet:
    """The files of a data set, by split."""

    subject: str
    "What messages call the data: the path as the suite states it, or `owner/name`."
    root: Path
    "The folder that names of files are relative to. Only files below it are opened."
    format: Format
    splits: Mapping[str, tuple[Path, ...]]
    "In the order in which they are read. Pictures: the pictures, and metadata if there are any."
    unread: tuple[str, ...] = ()
    "Files that are not read, relative to `root`."
    stated: bool = False
    "Whether the suite or the README names the files of each split."
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    "Names of the classes of a column, if the README has them."
    licence: str | None = None
    shared_metadata: tuple[Path, ...] = ()
    "Metadata of pictures that lie above the folders of the splits."
    download: str = ""
    "The command that downloads the files again; empty for a person's own."

    def label(self, file: Path) -> str:
        """Return the full name of a file for messages, such as `photos/train/1.png`."""
        name = self.name(file)
        alone = name in self.subject.split(", ") or any(mark in self.subject for mark in "*?[")
        return name if alone else f"{self.subject}/{name}"

    def name(self, file: Path) -> str:
        """Return what messages call a file: its path below `root`."""
        return relative_name(file, self.root)


def relative_name(file: Path, root: Path) -> str:
    """Return the path of a file as messages state it: relative to `root`, with forward slashes."""
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return Path(os.path.relpath(file, root)).as_posix()


def ending(name: str) -> str:
    """Return the ending of a file's name in lower case, without the ending of a compression: `.csv` for `A.CSV.gz`."""
    return _suffix(_uncompressed(name))


def is_picture(name: str) -> bool:
    """Return whether a file is a picture, by its name."""
    return name.lower().endswith(PICTURES)


def split_of(name: str) -> str | None:
    """Return the split that the words of a name stand for, such as `test` for `Test_24.csv`; None for no or several."""
    words = re.split(r"[-._ 0-9]+", name.lower())
    splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return splits.pop() if len(splits) == 1 else None


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _uncompressed(name: str) -> str:
    return name[: -len(_suffix(name))] if _suffix(name) in COMPRESSIONS else name


# ── files that a suite names ────────────────────────────────────────────────────────────────────


def stated_files(stated: str | Mapping[str, str | Sequence[str]], base: Path, config: str | None = None) -> FileSet:
    """Return the files of `path = …` in a suite.

    Args:
        stated: A file, a folder or a pattern (`*`, `?`, `[…]`, `**`), or one or several for each split.
        base: The folder that relative paths start from: that of the suite.
        config: The configuration of a folder.

    Raises:
        DataInvalid: There is no such file, its format is not read, or it is not clear which files make which split.
    """
    unread: list[Path] = []
    if isinstance(stated, str):
        path = _absolute(base, stated)
        if os.path.isdir(path):
            return folder_files(path, path.name, config)
        files = _expand(base, stated, unread)
        file_set = _of_files(path.name, {"train": files}, path.parent if len(files) == 1 else _common_folder(files))
        _check_one_split(file_set)
        return file_set
    files_of: dict[str, tuple[Path, ...]] = {}
    for split, paths in stated.items():
        entries = [paths] if isinstance(paths, str) else list(paths)
        files_of[split] = tuple(file for entry in entries for file in _expand(base, entry, unread))
        if not files_of[split]:
            raise DataInvalid(f"path names no file for {split}")
    every = [file for files in files_of.values() for file in files]
    subject = ", ".join(
        Path(path).name for paths in stated.values() for path in ([paths] if isinstance(paths, str) else paths)
    )
    for file, count in Counter(every).items():
        if count > 1:
            splits = [split for split, files in files_of.items() if file in files]
            raise DataInvalid(
                f"{relative_name(file, base)} is named {count} times in path, for {' and '.join(splits)}: "
                "an example would stand in both"
            )
    file_set = _of_files(subject, files_of, _common_folder(every))
    return replace(file_set, unread=tuple(map(file_set.name, unread)))


def _absolute(base: Path, path: str) -> Path:
    return Path(os.path.abspath(base / os.path.expanduser(path)))


def _expand(base: Path, stated: str, unread: list[Path]) -> tuple[Path, ...]:
    """Return the files that a path or a pattern names, in order; a folder stands for all files in it.

    Files of a folder that are no data are appended to `unread`.
    """
    import glob

    if not stated:
        raise DataInvalid("path holds an empty text: write the name of a file")
    path = _absolute(base, stated)
    if os.path.isdir(path):
        files = tuple(file for file in _walk(path) if _is_data(file.name))
        unread += [file for file in _walk(path) if not _is_data(file.name) and file.name.lower() not in NOT_DATA]
        if not files:
            raise DataInvalid(_no_data(path, path.name, unread))
        return files
    if os.path.exists(path):
        return (path,)
    if os.path.islink(path):
        raise DataInvalid(f"{path.name} is a link to {os.readlink(path)}, which does not exist")
    if re.match(r"[a-z][a-z0-9+]*://", stated):
        raise DataInvalid(f"{stated} is an address, and path names files of this machine: download it first")
    names = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(stated) else []
    files = tuple(Path(name) for name in names if os.path.isfile(name))
    for name in names if not stated.endswith("**") and "**" not in stated else ():
        if os.path.isdir(name):
            raise DataInvalid(
                f"the pattern {stated} names the folder {Path(name).name}/ too, whose files would be left out: write "
                f"{stated}/* for files in folders, or a pattern that names files alone"
            )
    if dangling := next((name for name in names if not os.path.exists(name)), None):
        raise DataInvalid(f"{Path(dangling).name} is a link to {os.readlink(dangling)}, which does not exist")
    if not files:
        raise DataInvalid(_missing(stated, path))
    return files


def _missing(stated: str, path: Path) -> str:
    """Return the message for a path that names no file, with the nearest name."""
    parent = next((parent for parent in path.parents if parent.is_dir()), Path("/"))
    try:
        entries = sorted(entry.name for entry in parent.iterdir() if not entry.name.startswith("."))
    except OSError:
        entries = []
    near = nearest(path.relative_to(parent).parts[0], entries)
    missing = path.relative_to(parent).as_posix()
    return f"there is no file or folder {missing}{near} (paths start from the suite's folder)"


def _common_folder(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def _of_files(subject: str, splits: Mapping[str, tuple[Path, ...]], root: Path) -> FileSet:
    """Return files that are named one by one as a file set; all must have one format.

    Raises:
        DataInvalid: A format is not read, or there are several.
    """
    for file in (file for files in splits.values() for file in files):
        _check_format(file, relative_name(file, root))
    formats = {_format_of(file): file for files in splits.values() for file in files if file.name not in METADATA}
    if not formats:  # metadata of pictures alone
        formats = {_format_of(file): file for files in splits.values() for file in files}
    if len(formats) > 1:
        named = " and ".join(relative_name(file, root) for file in formats.values())
        raise DataInvalid(f"{subject}: files of several formats, {named}: write all in one format")
    (format,) = formats
    return FileSet(subject, root, format, {split: tuple(files) for split, files in splits.items()}, stated=True)


def _check_format(file: Path, name: str) -> None:
    if FORMATS.get(ending(file.name)) or is_picture(file.name):
        return
    advice = OTHER_DATA.get(ending(file.name)) or OTHER_DATA.get(_suffix(file.name))
    raise DataInvalid(
        f"{name} has a format that is not read{f': {advice}' if advice else ''}\n"
        "  these are read: CSV, TSV, JSON, Parquet and Arrow (also .gz, .bz2, .xz), and pictures"
    )


def _format_of(file: Path) -> Format:
    return "pictures" if is_picture(file.name) else FORMATS[ending(file.name)]


def _is_data(name: str) -> bool:
    return ending(name) in FORMATS or is_picture(name)


def _check_one_split(file_set: FileSet) -> None:
    """Refuse a pattern whose files have the names of several splits, since all of them would be trained on."""
    splits = {split_of(file.name): file for files in file_set.splits.values() for file in files}
    if "test" in splits or "validation" in splits:
        named = splits.get("test") or splits["validation"]
        if len(file_set.splits["train"]) > 1:
            raise DataInvalid(
                f"{file_set.subject} names {file_set.name(named)} among the files to train on: name the splits, "
                f'path = {{ train = "…", {split_of(named.name)} = "{file_set.name(named)}" }}'
            )


# ── a folder ────────────────────────────────────────────────────────────────────────────────────


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
    saved = _saved_to_disk(folder, subject)
    if saved is not None:
        return saved
    files, links = _list(folder, subject)
    if not any(_is_data(file.name) for file in files):
        raise DataInvalid(_no_data(folder, subject, files))
    if optional_config and config is not None and not _card_configs(folder) and not (folder / config).is_dir():
        config = None
    file_set, start = _resolve(folder, subject, config, files)
    read = {file for paths in file_set.splits.values() for file in paths}
    unread = [file for file in files if file not in read and file.is_relative_to(start)]
    _check_links(file_set, [file for file in unread if _is_data(file.name)], links)
    _check_formats(file_set)
    _check_read_twice(file_set)
    if file_set.stated:
        return file_set
    _check_splits(file_set)
    if file_set.format == "pictures":
        shared = tuple(file for file in unread if file.name in METADATA)
        file_set = replace(file_set, shared_metadata=shared)
        unread = [file for file in unread if file not in shared]
        _check_class_folders(file_set, unread)
    _check_left_out(file_set, unread)
    return replace(file_set, unread=tuple(map(file_set.name, (f for f in unread if f.name.lower() not in NOT_DATA))))


def has_data(folder: Path) -> bool:
    """Return whether a folder holds any file of a format that is read, by names alone."""
    return any(_is_data(name) for _, _, names in os.walk(folder, followlinks=True) for name in names)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files of a folder in order, through links, without what is hidden."""
    files, _ = _list(folder, str(folder))
    yield from files


def _list(folder: Path, subject: str) -> tuple[list[Path], frozenset[Path]]:
    """Return all files of a folder in order, without what is hidden; and those links below it that lead to folders.

    Raises:
        DataInvalid: A folder cannot be read, or a link leads nowhere or in a circle.
    """
    files: list[Path] = []
    links: set[Path] = set()

    def fail(error: OSError) -> None:
        name = relative_name(Path(error.filename), folder) if error.filename else subject
        raise DataInvalid(f"{subject}: the folder {name} cannot be read: {error.strerror}") from error

    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NO_FOLDERS)
        links |= {Path(parent, name) for name in folders if os.path.islink(Path(parent, name))}
        for name in sorted(names):
            file = Path(parent, name)
            if name.startswith(".") or (name.startswith("_") and not _is_data(name)):
                continue
            if file.is_symlink() and not file.exists():
                raise DataInvalid(
                    f"{subject}: {relative_name(file, folder)} is a link to {os.readlink(file)}, which does not exist"
                )
            files.append(file)
    return files, frozenset(links)


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


def import_datasets(subject: str) -> Any:
    """Return the package `datasets`, whose import takes two seconds.

    Raises:
        DataUnavailable: It is not installed.
    """
    try:
        import datasets
    except ImportError:
        reason = "the package `datasets`, which reads folders and JSON files, is not installed"
        raise DataUnavailable(f"{subject}: {reason}", "pip install datasets") from None
    return datasets


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
        str(split): tuple(sorted(Path(os.path.abspath(file)) for file in paths))
        for split, paths in (builder.config.data_files or {}).items()
    }
    splits = {split: paths for split, paths in splits.items() if paths}
    if module not in _MODULES or not splits:
        raise DataInvalid(_no_data(folder, subject, files))
    features = builder.info.features or {}
    classes = {name: tuple(f.names) for name, f in features.items() if isinstance(f, datasets.ClassLabel) and f.names}
    stated = bool(_card_configs(folder))
    return FileSet(subject, folder, _MODULES[module], splits, (), stated, classes, builder.info.license or None)


def _unresolved(folder: Path, subject: str, files: Sequence[Path], error: BaseException) -> str:
    """Return the message for a folder that `datasets` cannot resolve."""
    data = [file for file in files if _is_data(file.name)]
    formats = {".tsv" if ending(file.name) == ".tsv" else _format_of(file): file for file in data}
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
    reason = (str(error).splitlines() or [type(error).__name__])[0].replace(f"{folder}{os.sep}", "")
    return f"{subject} cannot be read as a data set: {reason}"


def _no_data(folder: Path, subject: str, files: Sequence[Path]) -> str:
    others = [file for file in files if ending(file.name) in OTHER_DATA or _suffix(file.name) in OTHER_DATA]
    if others:
        name = relative_name(others[0], folder)
        advice = OTHER_DATA.get(ending(others[0].name)) or OTHER_DATA[_suffix(others[0].name)]
        return f"{subject}: {name} has a format that is not read: {advice}"
    return f"{subject} holds no file of CSV, TSV, JSON, Parquet or Arrow, and no picture"


def _check_configurations(folder: Path, subject: str, files: Sequence[Path]) -> None:
    """Refuse folders that hold a data set each, because `datasets` would read all of them as one.

    They do if no folder's name is a split's, each holds a file of the same split, and there is none beside them.
    """
    tops: dict[str, set[str | None]] = {}
    for file in files:
        if not _is_data(file.name) or is_picture(file.name):
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


# ── checks ──────────────────────────────────────────────────────────────────────────────────────


def _check_links(file_set: FileSet, unread: Sequence[Path], links: frozenset[Path]) -> None:
    """Refuse data below a linked folder, into which `datasets` does not look."""
    for file in unread:
        if linked := [link for link in links if file.is_relative_to(link)]:
            name = file_set.name(linked[0])
            raise DataInvalid(
                f"{file_set.subject}: the folder {name}/ is a link, which is not followed, so its files such as "
                f"{file.name} would be left out: put the folder itself there"
            )


def _check_formats(file_set: FileSet) -> None:
    """Refuse a file that `datasets` takes for a part of a split by its name, such as `train.csv.bak`."""
    for split, files in file_set.splits.items() if file_set.format != "pictures" else ():
        for file in files:
            if FORMATS.get(ending(file.name)) != file_set.format:
                advice = OTHER_DATA.get(_suffix(file.name), "rename it to the format that it has, or remove it")
                raise DataInvalid(
                    f"{file_set.subject}: {file_set.name(file)} would be read as part of `{split}`, and its ending is "
                    f"not one of data: {advice}"
                )


def _check_class_folders(file_set: FileSet, unread: Sequence[Path]) -> None:
    """Refuse a folder beside those of classes that holds no picture that is read: a class would be missing."""
    read = [file for files in file_set.splits.values() for file in files]
    if any(file.name in METADATA for file in [*read, *file_set.shared_metadata]):
        return
    classes = {file.parent for file in read}
    for parent in sorted({folder.parent for folder in classes} - {file_set.root.parent}):
        for entry in sorted(parent.iterdir()):
            hidden = entry.name.startswith(".") or entry.name in NO_FOLDERS
            if hidden or not entry.is_dir() or any(folder.is_relative_to(entry) for folder in classes):
                continue
            inside = [file for file in unread if file.is_relative_to(entry)]
            if inside and not any(is_picture(f.name) or f.name.lower().endswith(NO_PICTURES) for f in inside):
                continue  # no pictures: listed as not read
            what = f"holds {inside[0].name}, which is not read" if inside else "is empty"
            advice = "rename the folder" if entry.name.startswith("__") else "save its pictures as PNG or JPEG"
            if inside and is_picture(inside[0].name) and not entry.name.startswith("__"):
                advice = "another folder has the name of a split, so rename that one"
            raise DataInvalid(
                f"{file_set.subject}: the folder {file_set.name(entry)}/ {what}, so a class would be missing: "
                f"{advice if inside else 'add its pictures'}, or remove the folder"
            )


def _check_splits(file_set: FileSet) -> None:
    """Refuse a file in one split whose name says another, such as `Test.csv` (`datasets` knows lower case only)."""
    roles: dict[Path, str] = {}
    for split, files in file_set.splits.items():
        for file in files:
            if (other := roles.setdefault(file, split)) != split:
                raise DataInvalid(
                    f"{file_set.subject}: {file_set.name(file)} would be read as part of `{other}` and of `{split}`, "
                    "because its path holds both words: rename the folder or the file"
                )
    for split, files in file_set.splits.items():
        role = SPLIT_WORDS.get(split, split)
        for file in files:
            parts = Path(file_set.name(file)).parts
            named = next(filter(None, map(split_of, parts[:-1] if is_picture(file.name) else parts)), None)
            if named is not None and role in SPLIT_WORDS.values() and named != role:
                word = next(part for part in parts if split_of(part) == named)
                raise DataInvalid(
                    f"{file_set.subject}: {file_set.name(file)} would be read as part of `{split}`, although its name "
                    f"says `{named}`: write its name in lower case, such as {word.lower()}"
                )


def _check_read_twice(file_set: FileSet) -> None:
    """Refuse two files of one split that seem to be one table: `test.csv` and `test.csv.gz`, or `data/test.csv`."""
    for split, files in file_set.splits.items():
        seen: dict[str, list[Path]] = {}
        for file in files:
            if not is_picture(file.name) and file.name not in METADATA:
                seen.setdefault(_stem(file.name), []).append(file)
        for same in seen.values():
            for one, other in pairwise(same):
                folders = [file.parent for file in (one, other)]
                if folders[0] == folders[1] or any(a in b.parents for a, b in (folders, folders[::-1])):
                    raise DataInvalid(
                        f"{file_set.subject}: {file_set.name(one)} and {file_set.name(other)} would both be read as "
                        f"`{split}`: remove one of them, or name the files in path"
                    )


def _stem(name: str) -> str:
    return _uncompressed(name).rpartition(".")[0].lower()


def _check_left_out(file_set: FileSet, unread: Iterable[Path]) -> None:
    """Refuse data that are not read although a name says a split, such as `test.jsonl` beside `train.csv`."""
    for file in unread:
        if file_set.format == "pictures" and is_picture(file.name):
            folders = Path(file_set.name(file)).parts[:-1]
            if "train" not in file_set.splits or any(map(split_of, folders)):
                raise DataInvalid(
                    f"{file_set.subject}: pictures such as {file_set.name(file)} would not be read, because only "
                    f"folders that name a split are ({', '.join(file_set.splits)}; in lower case): move them into one"
                )
        other = OTHER_DATA.get(ending(file.name)) or OTHER_DATA.get(_suffix(file.name))
        table = ending(file.name) in FORMATS and file.name.lower() not in NOT_DATA
        if split_of(file.name) is None or not (table or (other and file_set.format != "pictures")):
            continue
        read = next(iter(file_set.splits.values()))[0]
        advice = other or "write all splits in one format"
        raise DataInvalid(
            f"{file_set.subject}: {file_set.name(file)} would not be read beside {file_set.name(read)}: {advice}, or "
            "remove it"
        )


# ── other layouts ───────────────────────────────────────────────────────────────────────────────


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
