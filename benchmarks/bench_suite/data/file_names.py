"""What the name of a file says: its format, whether it holds data, and the split that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Format = Literal["csv", "json", "parquet", "arrow", "pictures"]
FORMATS: Mapping[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet",
    ".arrow": "arrow",
}  # fmt: skip
"Formats of tables by the ending of a file's name in lower case."
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
"Endings of compressed files."
PICTURES = (".jpeg", ".jpg", ".jfif", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff", ".webp")
"Endings of pictures, in any case."
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"Names of files that describe pictures, as in `datasets`."
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
NO_PICTURES = (
    ".heic", ".heif", ".avif", ".svg", ".jxl", ".dng", ".cr2", ".nef", ".arw", ".raw", ".psd", ".pdf", ".npy", ".npz",
    ".dcm", ".dicom", ".nii", ".nii.gz", ".mat", ".pt", ".jp2", ".j2k", ".tga", ".exr", ".hdr", ".ico", ".eps", ".mp4",
    ".avi", ".mov", ".mkv", ".webm",
)  # fmt: skip
"Endings of pictures that are not read."
SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"The split that a word in a name stands for, as in `datasets`."


def ending(name: str) -> str:
    """Return the ending of a file's name in lower case, without the ending of a compression: `.csv` for `A.CSV.gz`."""
    return suffix(uncompressed(name))


def is_picture(name: str) -> bool:
    """Return whether a file is a picture, by its name."""
    return name.lower().endswith(PICTURES)


def is_data(name: str) -> bool:
    """Return whether a file has a format that is read, by its name."""
    return ending(name) in FORMATS or is_picture(name)


def format_of(file: Path) -> Format:
    """Return the format of a file for which `is_data` holds."""
    return "pictures" if is_picture(file.name) else FORMATS[ending(file.name)]


def split_of(name: str) -> str | None:
    """Return the split that the words of a name stand for, such as `test` for `Test_24.csv`; None for no or several."""
    words = re.split(r"[-._ 0-9]+", name.lower())
    splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return splits.pop() if len(splits) == 1 else None


def advice_on(name: str) -> str | None:
    """Return what to do with data of a format that is not read, such as "save each sheet as CSV"; else None."""
    return OTHER_DATA.get(ending(name)) or OTHER_DATA.get(suffix(name))


def suffix(name: str) -> str:
    """Return the last ending of a file's name in lower case: `.gz` for `A.CSV.gz`."""
    return Path(name).suffix.lower()


def uncompressed(name: str) -> str:
    """Return a file's name without the ending of a compression."""
    return name[: -len(suffix(name))] if suffix(name) in COMPRESSIONS else name


def stem(name: str) -> str:
    """Return a file's name in lower case without its endings: `a` for `A.CSV.gz`."""
    return uncompressed(name).rpartition(".")[0].lower()
