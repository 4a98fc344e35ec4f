"""Image folders, the hub's layout `imagefolder`: pictures in files of their own, and what says what they show.

    SPLIT/CLASS/*.png    a folder a class, which is the text in the column `label`
    SPLIT/metadata.csv   or .jsonl or .parquet: a row a picture, its path in `file_name`, all else in columns of its own

Both may lie deeper, such as in `data/`; without a folder SPLIT all is `train`. SPLIT is any name that holds a word of
`SPLITS`, such as `training_set`. Metadata go before folders of classes; those that lie above the folders of splits are
of all splits that have none of their own, and a picture's path says which it is of. Names say all that is told here: a
picture is opened when it is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench_suite.contracts import DataInvalid

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".gif", ".ppm", ".tif", ".tiff", ".webp")
"""Endings of files that are taken for images, in whatever case."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""Words for splits in the names of folders, as `datasets` takes them (only in lower case), and what each stands for."""
_BETWEEN_WORDS = re.compile(r"[-._ 0-9]+")


def is_picture(name: str) -> bool:
    """Whether a file is taken for an image, by its name."""
    return name.lower().endswith(ENDINGS)


def picture_splits(folder: Path, *, named: bool = False) -> dict[str, tuple[Path, ...]]:
    """Files by split, of metadata where a split has such, else of pictures; none where there are no pictures.

    Where a folder names a split, pictures in folders that name none are left out, as `datasets` does.

    Args:
        named: only what lies in a folder that is called as a split is.

    Raises:
        DataInvalid: a picture lies in folders that name two splits, or nothing says which are to be trained on.
    """
    pictures: dict[str | None, list[Path]] = {}
    metadata: dict[str | None, list[Path]] = {}
    for file in sorted(folder.rglob("*.*")):
        parts = file.relative_to(folder).parts
        if (is_picture(file.name) or file.name in METADATA) and not any(part.startswith(".") for part in parts):
            kind = pictures if is_picture(file.name) else metadata
            kind.setdefault(_split(parts[:-1]), []).append(file)
    if not any(split or not named for split in pictures):
        return {}
    splits = sorted({split for split in (*pictures, *metadata) if split})
    if not splits:
        return {"train": tuple(metadata.get(None) or pictures[None])}
    if "train" not in splits and None in pictures and not named:
        one, other = (pictures[split][0].relative_to(folder) for split in (next(filter(None, pictures)), None))
        raise DataInvalid(
            f"the pictures in {one.parent.as_posix()}/ are of a split by the name of their folder, those such as "
            f"{other.as_posix()} of none: move what is to be trained on into train/, or rename the one folder"
        )
    return {split: _described_by(metadata, split, pictures.get(split, ())) for split in splits}


def _described_by(
    metadata: Mapping[str | None, Sequence[Path]], split: str, pictures: Sequence[Path]
) -> tuple[Path, ...]:
    """The metadata of a split, which lie in its folder or above; its pictures where there are none."""
    above = [file for file in metadata.get(None, ()) if any(file.parent in picture.parents for picture in pictures)]
    return tuple(metadata.get(split) or above or pictures)


def class_of(file: Path, folder: Path) -> str | None:
    """The class of a picture, which is the folder it lies in; None where that is the split's, or `folder` itself."""
    folders = file.relative_to(folder).parts[:-1]
    at = next((number for number, part in enumerate(folders) if _splits_named(part)), None)
    below = folders[at + 1 :] if at is not None else folders[1:] if folders[:1] == ("data",) else folders
    return below[-1] if below else None


def _split(folders: Sequence[str]) -> str | None:
    """The split that the outermost folder with a name of one says; None where no folder has such a name.

    Below `train` a folder `test` is a class. Below `training_data` it may as well be a split, so that is refused.
    """
    said = [(part, splits) for part in folders if (splits := _splits_named(part))]
    if not said:
        return None
    outermost, splits = said[0]
    both = frozenset().union(*(splits for _, splits in said))
    if len(both) > 1 and outermost.lower() not in SPLITS:
        raise DataInvalid(
            f"the folder {'/'.join(folders)}/ is called after several splits, {' and '.join(sorted(both))}: rename it "
            "or those it lies in so that the outermost says which it is"
        )
    return next(iter(splits))


@lru_cache(maxsize=1024)
def _splits_named(name: str) -> frozenset[str]:
    """The splits that the name of a folder has words for."""
    return frozenset(SPLITS[word] for word in _BETWEEN_WORDS.split(name.lower()) if word in SPLITS)


def picture_table(files: Sequence[Path], folder: Path) -> pa.Table:
    """A row for each file: `image`, struct<bytes, path> without bytes, and `label`, null in no folder of a class."""
    import pyarrow as pa

    paths = pa.array([file.relative_to(folder).as_posix() for file in files], pa.string())
    labels = pa.array([class_of(file, folder) for file in files], pa.string())
    return pa.table({"image": _by_path(paths), "label": labels})


def with_pictures(table: pa.Table, place: str) -> pa.Table:
    """A table of metadata with its `file_name` as `image`; as it is where it has none.

    Args:
        place: where the metadata lie in the data set's folder, which the paths start from.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if "file_name" not in table.column_names:
        return table
    names = table["file_name"].cast(pa.string()).combine_chunks()
    paths = pc.binary_join_element_wise(place, names, "/") if place else names
    rest = table.drop_columns([name for name in ("file_name", "image") if name in table.column_names])
    return rest.add_column(0, "image", _by_path(paths))


def foreign_splits(split: str, *, shared: bool) -> frozenset[str | None]:
    """The splits whose pictures are none of `split`, though metadata may name them; None is that of no split.

    Args:
        shared: the metadata are those of other splits too.
    """
    if split not in SPLITS.values():  # a name that the README gives, which says nothing of folders
        return frozenset()
    return frozenset({*SPLITS.values()} - {split}) | (frozenset({None}) if shared else frozenset())


def without_pictures(table: pa.Table, splits: Collection[str | None]) -> pa.Table:
    """The rows of metadata whose picture lies in the folder of none of `splits`. Raises DataInvalid."""
    import pyarrow as pa

    if not splits or "image" not in table.column_names:
        return table
    paths = [(row or {}).get("path") or "" for row in table["image"].to_pylist()]
    return table.filter(pa.array([_split(PurePosixPath(path).parts[:-1]) not in splits for path in paths], pa.bool_()))


def _by_path(paths: pa.Array) -> pa.Array:
    """Images by their paths, as `datasets` writes them."""
    import pyarrow as pa

    return pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), paths], names=["bytes", "path"])
