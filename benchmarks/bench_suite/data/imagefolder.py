"""Image folders, the hub's layout `imagefolder`: pictures in files of their own, and what says what they show.

    SPLIT/CLASS/*.png    a folder a class, which is the text in the column `label`
    SPLIT/metadata.csv   or .jsonl or .parquet: a row a picture, its path in `file_name`, all else in columns of its own

Both may lie deeper, such as in `data/`; without a folder SPLIT all is `train`. Metadata go before folders of classes.
Names say all that is told here: a picture is opened when it is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".gif", ".ppm", ".tif", ".tiff", ".webp")
"""Endings of files that are taken for images, in whatever case."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SPLITS = ("train", "training", "validation", "valid", "dev", "val", "test", "testing", "eval", "evaluation")
"""Folders that `datasets` takes for splits."""


def is_picture(name: str) -> bool:
    """Whether a file is taken for an image, by its name."""
    return name.lower().endswith(ENDINGS)


def picture_splits(folder: Path, *, named: bool = False) -> dict[str, tuple[Path, ...]]:
    """Files of pictures, or of metadata where there are such, by split; none where there are none.

    Args:
        named: only what lies in a folder that is called as a split is.
    """
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*.*")):
        parts = file.relative_to(folder).parts
        if (is_picture(file.name) or file.name in METADATA) and not any(part.startswith(".") for part in parts):
            split, _ = _place(file, folder)
            if split or not named:
                found.setdefault(split or "train", []).append(file)
    if not any(is_picture(file.name) for files in found.values() for file in files):
        return {}
    metadata = {split: tuple(file for file in files if file.name in METADATA) for split, files in found.items()}
    chosen = metadata if any(metadata.values()) else {split: tuple(files) for split, files in found.items()}
    return {split: files for split, files in chosen.items() if files}


def class_of(file: Path, folder: Path) -> str | None:
    """The class of a picture, which is the folder it lies in; None where that is the split's, or `folder` itself."""
    return _place(file, folder)[1]


def _place(file: Path, folder: Path) -> tuple[str | None, str | None]:
    """Names of the folders of split and class that a file lies in, where it lies in such."""
    parts = file.relative_to(folder).parts[:-1]
    at = next((number for number, part in enumerate(parts) if part in SPLITS), None)
    below = parts[at + 1 :] if at is not None else parts[1:] if parts[:1] == ("data",) else parts
    return parts[at] if at is not None else None, below[-1] if below else None


def picture_table(files: Sequence[Path], folder: Path) -> pa.Table:
    """A row for each file: `image`, struct<bytes, path> without bytes, and `label`, null in no folder of a class."""
    import pyarrow as pa

    paths = pa.array([file.relative_to(folder).as_posix() for file in files], pa.string())
    labels = pa.array([class_of(file, folder) for file in files], pa.string())
    return pa.table({"image": _unread(paths), "label": labels})


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
    return rest.add_column(0, "image", _unread(paths))


def _unread(paths: pa.Array) -> pa.Array:
    """Images by their paths, as `datasets` writes them."""
    import pyarrow as pa

    return pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), paths], names=["bytes", "path"])
