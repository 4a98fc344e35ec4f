"""Refusals of folders of which `datasets` would leave files out in silence, read some twice, or mix splits up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_names import (
    FORMATS,
    METADATA,
    NO_FOLDERS,
    NO_PICTURES,
    NOT_DATA,
    OTHER_DATA,
    SPLIT_WORDS,
    advice_on,
    ending,
    is_picture,
    split_of,
    stem,
    suffix,
)
from bench_suite.data.file_sets import FileSet


def check_links(file_set: FileSet, unread: Sequence[Path], links: frozenset[Path]) -> None:
    """Refuse data below a linked folder, into which `datasets` does not look."""
    for file in unread:
        if linked := [link for link in links if file.is_relative_to(link)]:
            name = file_set.name(linked[0])
            raise DataInvalid(
                f"{file_set.subject}: the folder {name}/ is a link, which is not followed, so its files such as "
                f"{file.name} would be left out: put the folder itself there"
            )


def check_formats(file_set: FileSet) -> None:
    """Refuse a file that `datasets` takes for a part of a split by its name, such as `train.csv.bak`."""
    for split, files in file_set.splits.items() if file_set.format != "pictures" else ():
        for file in files:
            if FORMATS.get(ending(file.name)) != file_set.format:
                advice = OTHER_DATA.get(suffix(file.name), "rename it to the format that it has, or remove it")
                raise DataInvalid(
                    f"{file_set.subject}: {file_set.name(file)} would be read as part of `{split}`, and its ending is "
                    f"not one of data: {advice}"
                )


def check_class_folders(file_set: FileSet, unread: Sequence[Path]) -> None:
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


def check_splits(file_set: FileSet) -> None:
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


def check_read_twice(file_set: FileSet) -> None:
    """Refuse two files of one split that seem to be one table: `test.csv` and `test.csv.gz`, or `data/test.csv`."""
    for split, files in file_set.splits.items():
        seen: dict[str, list[Path]] = {}
        for file in files:
            if not is_picture(file.name) and file.name not in METADATA:
                seen.setdefault(stem(file.name), []).append(file)
        for same in seen.values():
            for one, other in pairwise(same):
                folders = [file.parent for file in (one, other)]
                if folders[0] == folders[1] or any(a in b.parents for a, b in (folders, folders[::-1])):
                    raise DataInvalid(
                        f"{file_set.subject}: {file_set.name(one)} and {file_set.name(other)} would both be read as "
                        f"`{split}`: remove one of them, or name the files in path"
                    )


def check_left_out(file_set: FileSet, unread: Iterable[Path]) -> None:
    """Refuse data that are not read although a name says a split, such as `test.jsonl` beside `train.csv`."""
    for file in unread:
        if file_set.format == "pictures" and is_picture(file.name):
            folders = Path(file_set.name(file)).parts[:-1]
            if "train" not in file_set.splits or any(map(split_of, folders)):
                raise DataInvalid(
                    f"{file_set.subject}: pictures such as {file_set.name(file)} would not be read, because only "
                    f"folders that name a split are ({', '.join(file_set.splits)}; in lower case): move them into one"
                )
        other = advice_on(file.name)
        table = ending(file.name) in FORMATS and file.name.lower() not in NOT_DATA
        if split_of(file.name) is None or not (table or (other and file_set.format != "pictures")):
            continue
        read = next(iter(file_set.splits.values()))[0]
        advice = other or "write all splits in one format"
        if FORMATS.get(ending(file.name)) == file_set.format and file.name != file.name.lower():
            advice = f"write its name in lower case, {file.name.lower()}"
        raise DataInvalid(
            f"{file_set.subject}: {file_set.name(file)} would not be read beside {file_set.name(read)}: {advice}, or "
            "remove it"
        )
