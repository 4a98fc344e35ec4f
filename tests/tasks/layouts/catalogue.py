"""Folders of data as people bring them: each function writes one, and says how our reading of it is to compare.

A layout without `difference` is read by the task `files` and by Hugging Face `datasets` with the same rows, columns,
values and classes. For any other, `difference` names what differs, and both results are stated as they were measured.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.compression import compr
from PIL import Image

Values = Mapping[str, Mapping[str, Sequence[Any]]]
"The values of each column, by split and column."


@dataclass(frozen=True)
class Read:
    """What was read."""

    splits: Values
    classes: tuple[str, ...] = ()
    """Names of the classes: of `datasets` if it has a `ClassLabel`, ours if the problem is a classification."""


@dataclass(frozen=True)
class Refused:
    """That nothing was read."""

    message: str
    "A part of the message."
    error: str = "DataInvalid"
    "Name of the error's class."


@dataclass(frozen=True)
class Layout:
    """A folder of data, and what two readers make of it."""

    name: str
    write: Callable[[Path], None]
    path: str = ""
    "What the suite states as `path`, relative to the folder; by default the folder."
    options: Mapping[str, Any] = field(default_factory=dict)
    "Further options of the task `files`."
    config: str | None = None
    saved: bool = False
    "Whether `datasets` reads it by `load_from_disk`, and not by `load_dataset`."
    difference: str = ""
    "What differs; empty if both read the same."
    datasets: Read | Refused | None = None
    ours: Read | Refused | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    "Parts of notes that our reading makes."


def layout(**facts: Any) -> Callable[[Callable[[Path], None]], Layout]:
    """Return a layout of the name of the function that writes it, with what its reading is to be compared with."""

    def described(write: Callable[[Path], None]) -> Layout:
        return Layout(write.__name__, write, **facts)

    return described


# ── how files are written ───────────────────────────────────────────────────────────────────────────


def save(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, with the folders that they lie in."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def save_parquet(folder: Path, tables: Mapping[str, Mapping[str, Any]]) -> None:
    for name, columns in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(columns)), folder / name)


def arrow(columns: Mapping[str, Any], *, stream: bool) -> bytes:
    table, sink = pa.table(dict(columns)), io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def paint(folder: Path, *names: str, format: str | None = None) -> None:
    """Write grey pictures of 4×4 pixels, each with shades of its own."""
    for name in names:
        pixels = (np.arange(16).reshape(4, 4) + sum(name.encode()) % 199).astype(np.uint8)
        picture(folder, name, Image.fromarray(pixels), format=format)


def picture(folder: Path, name: str, image: Image.Image, **settings: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(folder / name, **settings)


def in_classes(*folders: str, names: Sequence[str] = ("ant", "bee"), ending: str = "png") -> list[str]:
    return [f"{folder}{name}/{number}.{ending}" for folder in folders for name in names for number in range(2)]


TRAIN, TEST = "n,w,y\n1,red,p\n2.5,blue,q\n-3,red,p\n", "n,w,y\n4,blue,q\n5,red,p\n"
"The texts of most tables here: numbers, words and classes."
TRAIN_ROWS = [{"n": 1.0, "w": "red", "y": "p"}, {"n": 2.5, "w": "blue", "y": "q"}, {"n": -3.0, "w": "red", "y": "p"}]
TEST_ROWS = [{"n": 4.0, "w": "blue", "y": "q"}, {"n": 5.0, "w": "red", "y": "p"}]
TRAIN_COLUMNS = {key: [row[key] for row in TRAIN_ROWS] for key in "nwy"}
TEST_COLUMNS = {key: [row[key] for row in TEST_ROWS] for key in "nwy"}
CLASSES = ("p", "q")
BOTH = Read({"train": TRAIN_COLUMNS, "test": TEST_COLUMNS})
"What `datasets` reads of these texts."
OURS = Read(BOTH.splits, CLASSES)
TWO_FORMATS = Refused("Couldn't infer the same data file format for all splits", "ValueError")
ZSTD = "zstd" in compr
"Whether a package is installed with which `datasets` reads what zstd compressed."
PICTURES = {"label": "label"}
DESCRIBED = {"label": "y", "inputs": "image"}


def in_both(**columns: Sequence[Any]) -> Values:
    """Return the same columns for train and test."""
    return {"train": columns, "test": columns}


def twice(columns: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """Return the rows of a file that is read twice."""
    return {name: [*values, *values] for name, values in columns.items()}


def of_classes(*names: str) -> Mapping[str, Sequence[Any]]:
    """Return the columns of pictures that lie in folders of classes."""
    return {"image": [*names], "label": [Path(name).parent.name for name in names]}


TWO_CLASSES = Read({split: of_classes(*in_classes(f"{split}/")) for split in ("train", "test")}, ("ant", "bee"))
"What `datasets` reads of pictures in `train/` and `test/`."
