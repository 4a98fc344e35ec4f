"""Tables in each format: the same rows, as text, JSON, Parquet and Arrow, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
from tests.tasks.layouts.catalogue import (
    OURS,
    TEST,
    TEST_COLUMNS,
    TEST_ROWS,
    TRAIN,
    TRAIN_COLUMNS,
    TRAIN_ROWS,
    ZSTD,
    Read,
    Refused,
    arrow,
    layout,
    lines,
    save,
    save_parquet,
)


@layout()
def csv(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST})


@layout()
def csv_with_byte_order_mark_and_crlf(folder: Path) -> None:
    for name, text in (("train.csv", TRAIN), ("test.csv", TEST)):
        save(folder, {name: "\ufeff" + text.replace("\n", "\r\n")})


@layout()
def tsv(folder: Path) -> None:
    save(folder, {"train.tsv": TRAIN.replace(",", "\t"), "test.tsv": TEST.replace(",", "\t")})


@layout()
def csv_gz(folder: Path) -> None:
    save(folder, {f"{name}.csv.gz": gzip.compress(t.encode()) for name, t in (("train", TRAIN), ("test", TEST))})


@layout()
def csv_bz2(folder: Path) -> None:
    save(folder, {f"{name}.csv.bz2": bz2.compress(t.encode()) for name, t in (("train", TRAIN), ("test", TEST))})


@layout()
def csv_xz(folder: Path) -> None:
    save(folder, {f"{name}.csv.xz": lzma.compress(t.encode()) for name, t in (("train", TRAIN), ("test", TEST))})


@layout(
    difference="" if ZSTD else "`datasets` needs a further package to read what zstd compressed",
    datasets=None if ZSTD else Refused("Compression type zstd not supported", "DatasetGenerationError"),
    ours=None if ZSTD else OURS,
)
def csv_zst(folder: Path) -> None:
    for name, text in (("train", TRAIN), ("test", TEST)):
        save(folder, {f"{name}.csv.zst": pa.compress(text.encode(), codec="zstd", asbytes=True)})


@layout()
def tsv_gz(folder: Path) -> None:
    for name, text in (("train", TRAIN), ("test", TEST)):
        save(folder, {f"{name}.tsv.gz": gzip.compress(text.replace(",", "\t").encode())})


@layout()
def jsonl(folder: Path) -> None:
    save(folder, {"train.jsonl": lines(TRAIN_ROWS), "test.jsonl": lines(TEST_ROWS)})


@layout()
def ndjson(folder: Path) -> None:
    save(folder, {"train.ndjson": lines(TRAIN_ROWS), "test.ndjson": lines(TEST_ROWS)})


@layout()
def json_list(folder: Path) -> None:
    save(folder, {"train.json": json.dumps(TRAIN_ROWS), "test.json": json.dumps(TEST_ROWS)})


@layout()
def json_of_lines(folder: Path) -> None:
    save(folder, {"train.json": lines(TRAIN_ROWS), "test.json": lines(TEST_ROWS)})


@layout()
def jsonl_gz(folder: Path) -> None:
    for name, rows in (("train", TRAIN_ROWS), ("test", TEST_ROWS)):
        save(folder, {f"{name}.jsonl.gz": gzip.compress(lines(rows).encode())})


@layout(
    difference="`datasets` reads one row whose values are lists, which no model takes",
    datasets=Read(
        {"train": {k: [v] for k, v in TRAIN_COLUMNS.items()}, "test": {k: [v] for k, v in TEST_COLUMNS.items()}}
    ),
    ours=Refused("holds one object with a list of 3 values for each column (n, w, y): write one object a row"),
)
def json_of_columns(folder: Path) -> None:
    save(folder, {"train.json": json.dumps(TRAIN_COLUMNS), "test.json": json.dumps(TEST_COLUMNS)})


@layout(
    difference="`datasets` reads one row that holds all rows",
    datasets=Read({"train": {"data": [TRAIN_ROWS]}, "test": {"data": [TEST_ROWS]}}),
    ours=Refused("holds one object, and its key `data` the 3 rows (n, w, y): write the list alone"),
)
def json_below_a_key(folder: Path) -> None:
    save(folder, {"train.json": json.dumps({"data": TRAIN_ROWS}), "test.json": json.dumps({"data": TEST_ROWS})})


@layout()
def parquet(folder: Path) -> None:
    save_parquet(folder, {"train.parquet": TRAIN_COLUMNS, "test.parquet": TEST_COLUMNS})


@layout()
def arrow_stream(folder: Path) -> None:
    save(folder, {"train.arrow": arrow(TRAIN_COLUMNS, stream=True), "test.arrow": arrow(TEST_COLUMNS, stream=True)})


@layout()
def arrow_file(folder: Path) -> None:
    save(folder, {"train.arrow": arrow(TRAIN_COLUMNS, stream=False), "test.arrow": arrow(TEST_COLUMNS, stream=False)})


@layout(
    difference="neither reads the ending, and ours says what to do",
    datasets=Refused("No (supported) data files found", "DataFilesNotFoundError"),
    ours=Refused("test.feather has a format that is not read: write it as Parquet"),
)
def feather(folder: Path) -> None:
    for name, columns in (("train", TRAIN_COLUMNS), ("test", TEST_COLUMNS)):
        pa.feather.write_feather(pa.table(columns), str(folder / f"{name}.feather"))


@layout(
    difference="`datasets` reads each line as a text without a label",
    datasets=Read({"train": {"text": ["one", "two"]}, "test": {"text": ["three"]}}),
    ours=Refused("test.txt has a format that is not read: write a CSV with a column of texts"),
)
def txt(folder: Path) -> None:
    save(folder, {"train.txt": "one\ntwo\n", "test.txt": "three\n"})


@layout(
    difference="both refuse, and ours says what to do",
    datasets=Refused("'utf-8' codec can't decode byte 0xfc", "DatasetGenerationError"),
    ours=Refused('it is not written in UTF-8: state its encoding, such as encoding = "cp1252"'),
)
def text_that_is_not_utf_8(folder: Path) -> None:
    save(folder, {f"{split}.csv": "n,y\n1,grün\n2,rot\n".encode("cp1252") for split in ("train", "test")})


@layout(
    difference="`datasets` reads one column",
    datasets=Read(
        {"train": {"n;w;y": ["1;red;p", "2.5;blue;q", "-3;red;p"]}, "test": {"n;w;y": ["4;blue;q", "5;red;p"]}}
    ),
    ours=OURS,
)
def separated_by_semicolons(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN.replace(",", ";"), "test.csv": TEST.replace(",", ";")})


@layout(
    difference="both refuse, and ours names the file",
    datasets=Refused("No columns to parse from file", "DatasetGenerationError"),
    ours=Refused("test.csv is empty: a line with the names of the columns is expected"),
)
def a_file_that_is_empty(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": ""})
