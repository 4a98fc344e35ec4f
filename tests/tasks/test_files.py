"""The task `files`: situations of data that people bring, each read with the right values or refused."""

from __future__ import annotations

import decimal
import gzip
import json
import lzma
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench_suite.contracts import Data, DataInvalid, DataUnavailable
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import clusters_of
from bench_suite.tasks import files


@pytest.fixture(autouse=True)
def hub_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def write(folder: Path, **texts: str) -> None:
    """Write files; `__` in a name stands for the point, `___` for a slash."""
    for name, text in texts.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load(path: Path | Mapping[str, Any], **options: Any) -> Data:
    stated = str(path) if isinstance(path, Path) else {split: str(one) for split, one in path.items()}
    chosen = files.Options(path=stated, **{"label": "y", **options})
    files.check(chosen)
    return files.load(chosen, Sources(offline=True))


def table(data: Data, split: str) -> Any:
    return data.splits[split].take(np.arange(len(data.splits[split])))["table"]


def labels(data: Data, split: str) -> list[str]:
    targets = data.splits[split].take(np.arange(len(data.splits[split])))["target"]
    return [data.spec["classes"][target] for target in targets.tolist()]


def rows(header: str, lines: Sequence[str]) -> str:
    return "\n".join([header, *lines]) + "\n"


def paint(path: Path, shade: int = 100, **settings: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), shade, dtype=np.uint8)).save(path, **settings)


# ── the ways to state a path ────────────────────────────────────────────────────────────────────


def test_a_file_is_split_by_content_and_all_other_columns_are_inputs(folder: Path) -> None:
    write(folder, churn__csv=rows("a,b,y", [f"{number},{number % 3},{number % 2}" for number in range(50)]))
    data = load(folder / "churn.csv")
    assert data.spec == {"classes": ("0", "1"), "columns": ("a", "b")}
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 40, "test": 10}
    assert sorted(np.concatenate([table(data, "train")[:, 0], table(data, "test")[:, 0]])) == list(range(50))
    assert data.source.notes["test"] == "10 of the 50 examples of `train`, drawn by content"
    assert data.source.origin == "files:churn.csv"


def test_files_of_each_split_may_be_named(folder: Path) -> None:
    write(folder, a__csv="x,y\n1,p\n2,q\n", b__csv="x,y\n3,p\n", c__csv="x,y\n4,q\n")
    data = load({"train": folder / "a.csv", "validation": folder / "b.csv", "test": folder / "c.csv"})
    assert {name: table(data, name).tolist() for name in data.splits} == {
        "train": [[1], [2]], "validation": [[3]], "test": [[4]],
    }  # fmt: skip


def test_a_pattern_names_the_shards_of_one_table(folder: Path) -> None:
    write(folder, **{f"part_{n}__csv": rows("x,y", [f"{n * 10 + i},{i % 2}" for i in range(10)]) for n in range(3)})
    data = load(folder / "part_*.csv")
    assert sum(map(len, data.splits.values())) == 30


def test_a_pattern_that_names_test_files_too_is_refused(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n", test__csv="x,y\n2,q\n")
    with pytest.raises(DataInvalid, match=r"test\.csv among the files to train on: name the splits"):
        load(folder / "*.csv")


def test_a_missing_file_is_named_with_the_nearest(folder: Path) -> None:
    write(folder, churn__csv="x,y\n1,p\n")
    with pytest.raises(DataInvalid, match=r'no file or folder chrun\.csv; did you mean "churn\.csv"\?'):
        load(folder / "chrun.csv")


def test_a_missing_folder_is_named_with_what_lies_below_it(folder: Path) -> None:
    with pytest.raises(DataInvalid, match=r"no file or folder gone/churn\.csv \(paths start from the suite's folder\)"):
        load(folder / "gone/churn.csv")


def test_files_of_a_split_that_is_not_used_are_refused(folder: Path) -> None:
    write(folder, a__csv="x,y\n1,p\n2,q\n", b__csv="x,y\n3,p\n")
    with pytest.raises(ValueError, match=r'path\.tset; did you mean "test"\?: files of a split that is not used'):
        load({"train": folder / "a.csv", "tset": folder / "b.csv"})
    assert len(load({"train": folder / "a.csv", "fold_9": folder / "b.csv"}, test="fold_9").splits["test"]) == 1


def test_one_file_for_two_splits_is_refused(folder: Path) -> None:
    write(folder, a__csv="x,y\n1,p\n2,q\n")
    with pytest.raises(DataInvalid, match=r"a\.csv is named 2 times in path, for train and test"):
        load({"train": folder / "a.csv", "test": folder / "a.csv"})


# ── files that would be left out ────────────────────────────────────────────────────────────────


def test_a_link_that_leads_nowhere_is_named(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n")
    (folder / "test.csv").symlink_to(folder / "gone.csv")
    with pytest.raises(DataInvalid, match=r"test\.csv is a link to .*gone\.csv, which does not exist"):
        load(folder)


def test_files_that_are_not_read_are_named(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n", test__csv="x,y\n3,p\n", notes__csv="a\n1\n", README__md="# hello\n")
    assert load(folder).source.notes["files not read"] == "1: notes.csv"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train.CSV", r"train\.CSV is found only with an ending in lower case: rename it to train\.csv"),
        ("Test.csv", r"Test\.csv would be read as part of `train`, although its name says `test`"),
        ("train.xlsx", r"train\.xlsx has a format that is not read: save each sheet as CSV"),
        ("data.zip", r"data\.zip has a format that is not read: unpack it"),
        ("train/pos/1.txt", r"train/pos/1\.txt has a format that is not read: write a CSV with a column of texts"),
    ],
)
def test_a_folder_that_cannot_be_read_names_the_file_that_is_there(folder: Path, name: str, message: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x,y\n1,p\n2,q\n")
    with pytest.raises(DataInvalid, match=message):
        load(folder)


def test_a_file_with_an_ending_in_upper_case_and_a_compressed_one_are_read_by_name(folder: Path) -> None:
    write(folder, train__CSV="x,y\n1,p\n2,q\n")
    (folder / "test.csv.xz").write_bytes(lzma.compress(b"x,y\n3,p\n"))
    data = load({"train": folder / "train.CSV", "test": folder / "test.csv.xz"})
    assert table(data, "test").tolist() == [[3]]


def test_a_test_file_without_labels_is_left_out_where_the_suite_says_so(folder: Path) -> None:
    write(folder, train__csv=rows("x,y", [f"{n},{n % 2}" for n in range(20)]), test__csv="x\n100\n")
    with pytest.raises(DataInvalid, match=r'if `test` has no labels, leave it out: test = ""'):
        load(folder)
    data = load(folder, test="")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 16, "test": 4}
    assert data.source.notes["unused splits"] == "test"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train (1).csv", r"train \(1\)\.csv and train\.csv have the same content, so each row would be read twice"),
        ("train.csv.bak", r"train\.csv\.bak would be read as part of `train`, and its ending is not one of data"),
        ("train.csv.zip", r"train\.csv\.zip would be read as part of `train`, .*: unpack it"),
    ],
)
def test_a_copy_beside_the_file_is_refused(folder: Path, name: str, message: str) -> None:
    text = rows("x,y", [f"{n},{n % 2}" for n in range(10)])
    write(folder, train__csv=text, test__csv="x,y\n3,0\n")
    (folder / name).write_text(text)
    with pytest.raises(DataInvalid, match=message):
        load(folder)


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_link_from_one_split_to_another_is_refused(folder: Path, link: str) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n")
    target = folder / "test.csv"
    target.symlink_to(folder / "train.csv") if link == "symbolic" else target.hardlink_to(folder / "train.csv")
    for path in (folder, {"train": folder / "train.csv", "test": target}):
        with pytest.raises(DataInvalid, match=r"train\.csv and test\.csv have the same content"):
            load(path)


def test_files_that_a_pattern_or_a_folder_leaves_out_are_named_or_refused(folder: Path) -> None:
    write(folder, a__csv="x,y\n1,p\n2,q\n", sub___b__csv="x,y\n3,p\n4,q\n", sub___c__xlsx="")
    with pytest.raises(DataInvalid, match=r"names the folder sub/ too, whose files would be left out"):
        load(folder / "*")
    data = load({"train": folder / "sub", "test": folder / "a.csv"})
    assert data.source.notes["files not read"] == "1: sub/c.xlsx"
    (folder / "d.csv").symlink_to(folder / "gone.csv")
    with pytest.raises(DataInvalid, match=r"d\.csv is a link to .*, which does not exist"):
        load(folder / "*.csv")
    (folder / "none").mkdir()
    with pytest.raises(DataInvalid, match="none holds no file of CSV"):
        load({"train": folder / "none", "test": folder / "a.csv"})
    with pytest.raises(DataInvalid, match="is an address, and path names files of this machine"):
        files.load(files.Options(path="https://example.com/a.csv", label="y"), Sources(offline=True))


def test_files_with_an_underscore_and_columns_that_are_not_used_are_named(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n", test__csv="x,z,y\n3,1,p\n", _holdout__csv="x,y\n1,p\n")
    notes = load(folder).source.notes
    assert notes["files not read"] == "1: _holdout.csv"
    assert notes["columns of `test` alone, not used"] == "z"


def test_a_value_in_the_name_of_a_folder_is_named_as_not_read(folder: Path) -> None:
    write(folder, **{f"year=202{n}___a__csv": rows("x,y", [f"{n}{i},{i % 2}" for i in range(6)]) for n in (3, 4)})
    assert load(folder).source.notes["names of folders that are not read as a column"] == "year=…"


# ── one type for a column ───────────────────────────────────────────────────────────────────────


def test_codes_are_categories_in_all_splits_if_one_split_has_letters(folder: Path) -> None:
    write(folder, train__csv="code,y\n01,p\n02,q\nA1,p\n", test__csv="code,y\n01,p\n02,q\n")
    data = load(folder, modality="table")
    assert data.spec["columns"] == ("code=01", "code=02", "code=A1")
    assert table(data, "test").tolist() == [[1, 0, 0], [0, 1, 0]]


def test_truth_values_with_a_third_word_are_categories_in_all_splits(folder: Path) -> None:
    write(
        folder, train__csv="x,seen,y\n1,True,p\n2,False,q\n3,unknown,p\n", test__csv="x,seen,y\n4,True,p\n5,False,q\n"
    )
    data = load(folder)
    assert data.spec["columns"] == ("x", "seen=False", "seen=True", "seen=unknown")
    assert table(data, "test").tolist() == [[4, 0, 1, 0], [5, 1, 0, 0]]


def test_two_shards_have_one_type_and_an_empty_one_has_none(folder: Path) -> None:
    write(folder, train_1__csv="k,x,y\n1,1,p\n2,2,q\n", train_2__csv="k,x,y\nB,3,p\n", train_3__csv="k,x,y\n")
    data = load(folder, split={"test": 0.34})
    assert {"k=1", "k=2", "k=B", "x"} >= {*data.spec["columns"]}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_large_codes_with_missing_values_stay_apart(folder: Path, ending: str) -> None:
    codes = [1000001.0, 1000002.0, None] * 4
    if ending == "parquet":
        rows_of_table = pa.table({"code": codes, "x": range(12), "y": [1000001.0, 1000002.0] * 6})
        pq.write_table(rows_of_table, folder / "a.parquet")
    else:
        lines = [f"{'' if c is None else int(c)},{n},{1000001 + n % 2}" for n, c in enumerate(codes)]
        write(folder, a__csv=rows("code,x,y", lines))
    data = load(folder / f"a.{ending}", columns={"code": "category"}, problem="classification")
    assert data.spec["columns"] == ("code=1000001", "code=1000002", "code=missing", "x")
    assert data.spec["classes"] == ("1000001", "1000002")


def test_a_point_beside_decimal_commas_is_refused_until_it_is_stated(folder: Path) -> None:
    lines = [f"{n},5;1.23{n};{'pq'[n % 2]}" for n in range(8)]
    write(folder, train__csv=rows("a;b;y", lines), test__csv="a;b;y\n4;1.234;p\n")
    with pytest.raises(DataInvalid, match=r"`b`: 1\.23\d may be 123\d or a number with a decimal point, because `a`"):
        load(folder)
    as_thousands = load(folder, decimal=",", thousands=".")
    assert table(as_thousands, "test").tolist() == [[4, 1234]]


@pytest.mark.parametrize(
    ("values", "options", "numbers"),
    [
        (["1,5", "2,25"], {}, [1.5, 2.25]),
        (["1,234,567", "12"], {}, [1234567, 12]),
        (["1,234.50", "2.5"], {}, [1234.5, 2.5]),
        (["1.234.567", "12"], {}, [1234567, 12]),
        (["1,500", "2,250"], {"thousands": ","}, [1500, 2250]),
        (["1,500", "2,250"], {"decimal": ","}, [1.5, 2.25]),
        (["1.234", "2.5"], {}, [1.234, 2.5]),
        (["+1", "-2"], {}, [1, -2]),
        (["1e3", ".5"], {}, [1000, 0.5]),
        ([" 1", "2 "], {}, [1, 2]),
    ],
)
def test_numbers_are_read_as_they_are_written(
    folder: Path, values: list[str], options: dict[str, str], numbers: list[float]
) -> None:
    text = rows("x;y", [f"{value};{'pq'[n]}" for n, value in enumerate(values)])
    write(folder, train__csv=text, test__csv=text)
    assert table(load(folder, **options), "train")[:, 0].tolist() == numbers


def test_a_number_in_two_ways_is_refused_with_the_lines_that_decide(folder: Path) -> None:
    write(folder, train__csv='x,y\n"1,500",p\n"2,250",q\n')
    with pytest.raises(DataInvalid, match=r'1,500 may be 1500 or 1\.500: state thousands = "," or decimal = ","'):
        load(folder)


def test_leading_zeros_are_codes_and_stay(folder: Path) -> None:
    text = "zip,x,y\n01234,1,007\n99999,2,008\n"
    write(folder, train__csv=text, test__csv=text)
    data = load(folder)
    assert data.spec == {
        "classes": ("007", "008"),
        "columns": ("zip=01234", "zip=99999", "x"),
        "raw_columns": ("zip", "zip", "x"),
        "kinds": ("category", "category", "number"),
    }


def test_stated_types_win(folder: Path) -> None:
    text = "when,price,code,x,y\n01/02/2024,$1,10,1,p\n03/04/2024,-,20,2,q\n"
    write(folder, train__csv=text.replace("$", ""), test__csv=text.replace("$", ""))
    data = load(
        folder, columns={"when": "date:%d/%m/%Y", "price": "number", "code": "category", "x": "ignore"},
        missing_values=("-",),
    )  # fmt: skip
    assert data.spec["columns"] == ("when", "price", "code=10", "code=20")
    days = [np.datetime64(day).astype("datetime64[D]").astype(int) for day in ("2024-02-01", "2024-04-03")]
    assert table(data, "train")[:, 0].tolist() == days
    assert np.isnan(table(data, "train")[1, 1])


def test_the_type_of_a_column_that_there_is_not_is_refused_with_the_nearest(folder: Path) -> None:
    write(folder, train__csv="price,y\n1,p\n2,q\n")
    with pytest.raises(
        DataInvalid, match=r"the type of `prise`, and there is no such column; did you mean \"price\"\?"
    ):
        load(folder, columns={"prise": "category"})


def test_a_value_that_is_not_of_the_stated_type_is_named_with_its_row(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\noops,q\n")
    with pytest.raises(DataInvalid, match=r"column `x`: 'oops' in row 1 is no number: .*missing_values = \[\"oops\"\]"):
        load(folder, columns={"x": "number"})


@pytest.mark.parametrize(
    ("value", "note"),
    [("31/12/2024", "look like dates"), ("$1,234.50", "look like numbers")],
)
def test_texts_that_look_like_something_else_are_noted_with_the_line_that_states_it(
    folder: Path, value: str, note: str
) -> None:
    text = rows("v,x,y", [f'"{value}",{n},{n % 2}' for n in range(4)])
    write(folder, train__csv=text, test__csv=text)
    stated = load(folder).source.notes["column `v`"]
    assert note in stated
    assert "columns = { v = " in stated


def test_dates_of_the_far_future_are_read(folder: Path) -> None:
    text = "until,y\n9999-12-31,p\n2024-01-01,q\n"
    write(folder, train__csv=text, test__csv=text)
    assert table(load(folder), "train")[0, 0] == 2932896


def test_types_of_arrow_that_are_rare_are_read(folder: Path) -> None:
    columns = {
        "view": pa.array(["a", "b"]).cast(pa.string_view()), "large": pa.array(["c", "d"], pa.large_string()),
        "time": pa.array([60, 3600], pa.time32("s")), "y": pa.array(["p", "q"]),
    }  # fmt: skip
    for split in ("train", "test"):
        pq.write_table(pa.table(columns), folder / f"{split}.parquet")
    data = load(folder)
    assert data.spec["columns"] == ("view=a", "view=b", "large=c", "large=d", "time")
    assert table(data, "train")[:, -1].tolist() == [60, 3600]


def test_a_target_of_many_numbers_is_told_of_the_other_problem(folder: Path) -> None:
    write(folder, a__csv=rows("x,y", [f"{n},{n * 7 + 100000}" for n in range(3000)]))
    with pytest.raises(DataInvalid, match='problem = "regression" learns them as numbers'):
        load(folder / "a.csv")
    assert load(folder / "a.csv", problem="regression").problem == "regression"


def test_a_small_file_whose_target_never_repeats_is_told_so_too(folder: Path) -> None:
    write(folder, a__csv=rows("x,y", [f"{n},{n * 7 + 100000}" for n in range(100)]))
    with pytest.raises(DataInvalid, match=r'100 different values in 100 examples.*problem = "regression" learns them'):
        load(folder / "a.csv")
    assert len(load(folder / "a.csv", problem="classification").spec["classes"]) == 100


def test_a_target_of_whole_numbers_that_repeat_is_noted(folder: Path) -> None:
    write(folder, a__csv=rows("x,y", [f"{n},{n % 30}" for n in range(300)]))
    note = 'different whole numbers, read as classes: problem = "regression" learns them as numbers'
    assert load(folder / "a.csv").source.notes["labels"] == f"30 {note}"
    assert "labels" not in load(folder / "a.csv", problem="classification").source.notes


# ── text files ──────────────────────────────────────────────────────────────────────────────────


def test_an_unclosed_quotation_mark_is_refused_or_text(folder: Path) -> None:
    text = 'x\ty\n"good, he said\tp\nbad\tq\n'
    write(folder, train__tsv=text, test__tsv=text)
    with pytest.raises(DataInvalid, match=r"the quotation mark that begins a value in line 2 is never closed"):
        load(folder)
    data = load(folder, quotes=False)
    assert data.splits["train"].take(np.arange(2))["text"] == ['"good, he said', "bad"]


def test_lines_that_two_quotation_marks_swallow_are_refused(folder: Path) -> None:
    write(folder, train__tsv='x\ty\n"one\tp\ntwo\tq\nthree"\tp\n')
    with pytest.raises(DataInvalid, match="goes on in the next line, and the file reads as well with a row on each"):
        load(folder)


def test_another_encoding_is_read_if_it_is_stated(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_bytes("x,y\n1,grün\n2,rot\n".encode("cp1252"))
    with pytest.raises(DataInvalid, match='state its encoding, such as encoding = "cp1252"'):
        load(folder)
    assert load(folder, encoding="cp1252").spec["classes"] == ("grün", "rot")


def test_a_file_that_unpacks_to_more_than_is_allowed_is_refused(folder: Path) -> None:
    (folder / "bomb.csv.gz").write_bytes(gzip.compress(b"x,y\n" + b"1,p\n" * 1_000_000))
    with pytest.raises(DataInvalid, match=r"bomb\.csv\.gz holds more than .* of text: state a larger max_bytes"):
        load(folder / "bomb.csv.gz", max_bytes=1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nx;y\n1,5;p\n2,5;q\n", "\n\nx;y\n1,5;p\n2,5;q\n", "x;y\r1,5;p\r2,5;q\r",
        ";x;y\n0;1,5;p\n1;2,5;q\n", '"";"x";"y"\n"1";1,5;"p"\n"2";2,5;"q"\n', "x;y;;\n1,5;p;;\n2,5;q;;\n",
        "\ufeffx;y\n1,5;p\n2,5;q\n",
    ],
)  # fmt: skip
def test_text_files_as_programs_write_them_are_read(folder: Path, text: str) -> None:
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_text(text, newline="")
    data = load(folder)
    assert data.spec == {"classes": ("p", "q"), "columns": ("x",)}
    assert table(data, "train").tolist() == [[1.5], [2.5]]
    assert ("columns without a name, left out" in data.source.notes) == (";x" in text or '""' in text or ";;" in text)


def test_a_column_of_row_numbers_is_left_out_until_it_is_stated(folder: Path) -> None:
    values = [f"{n * 7 % 50}.5,{n % 3},{'pq'[n % 2]}" for n in range(50)]
    write(folder, plain__csv=rows("a,b,y", values))
    for name, start in (("Unnamed: 0", 0), ("Unnamed: 0.1", 1), ("", 0), ("", 10)):
        write(folder, a__csv=rows(f"{name},a,b,y", [f"{start + n},{line}" for n, line in enumerate(values)]))
        data = load(folder / "a.csv")
        assert data.source.fingerprint == load(folder / "plain.csv").source.fingerprint
        key = "columns that number the rows, left out" if name else "columns without a name, left out"
        assert "would keep it" in data.source.notes[key]
        assert key in data.source.prominent
    write(folder, a__csv=rows("Unnamed: 0,a,b,y", [f"{n},{line}" for n, line in enumerate(values)]))
    for stated in ({"columns": {"Unnamed: 0": "number"}}, {"inputs": ("Unnamed: 0", "a", "b")}):
        data = load(folder / "a.csv", **stated)
        assert data.spec["columns"] == ("Unnamed: 0", "a", "b")
        assert "columns that number the rows, left out" not in data.source.notes


def test_row_numbers_that_pandas_stored_in_parquet_are_left_out(folder: Path) -> None:
    columns = {"x": range(20), "y": ["p", "q"] * 10, "__index_level_0__": range(20)}
    pq.write_table(pa.table(columns), folder / "a.parquet")
    assert load(folder / "a.parquet").spec["columns"] == ("x",)


def test_a_file_in_utf_8_is_not_read_in_the_encoding_of_another(folder: Path) -> None:
    text = rows("w,n,y", ["grün,1,p", "rot,2,q"])
    (folder / "train.csv").write_bytes(text.encode())
    (folder / "test.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(DataInvalid, match=r"train.csv is written in UTF-8, .* would read 'ü' as 'Ã¼': leave encoding"):
        load(folder, encoding="cp1252")
    (folder / "train.csv").write_bytes(text.encode("cp1252"))
    assert load(folder, encoding="cp1252").spec["columns"] == ("w=grün", "w=rot", "n")
    (folder / "train.csv").write_bytes(text.encode("utf-8-sig"))
    (folder / "test.csv").write_bytes(text.encode())
    assert load(folder, encoding="utf-8-sig").spec["columns"] == ("w=grün", "w=rot", "n")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["good,p", "bad,q", "x,y", "fair,p"], "row 2 repeats the line of names"),
        (["good,p", "\ufeffbad,q"], "row 1 begins with a byte order mark"),
        (["good,p", "\ufeffx,y", "bad,q"], "row 1 repeats the line of names"),
    ],
)
def test_files_that_were_put_one_after_the_other_are_refused(folder: Path, lines: list[str], message: str) -> None:
    write(folder, a__csv=rows("x,y", lines))
    with pytest.raises(DataInvalid, match=message):
        load(folder / "a.csv")


def test_a_value_may_be_the_name_of_its_column(folder: Path) -> None:
    text = rows("x,y", ["x,p", "a,q"])
    write(folder, train__csv=text, test__csv=text)
    assert len(load(folder, modality="table").splits["train"]) == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_encodings_that_a_byte_order_mark_tells_are_read(folder: Path, encoding: str) -> None:
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_bytes("x,y\n1,grün\n2,rot\n".encode(encoding))
    assert load(folder).spec["classes"] == ("grün", "rot")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"x,y\n1,p\n", mtime=0), "is compressed by gzip: give its name the ending .gz"),
        (b"PK\x03\x04rest", "is a ZIP archive or a workbook"),
        (b"PAR1\x15\x00rest", "is a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "is a pointer of Git LFS"),
        (b"<!DOCTYPE html>\n<html>", "is a web page, not data"),
        ("x,y\n1,p\n".encode("utf-16-le"), 'a byte of value 0, .* such as encoding = "utf-16"'),
        (b"x,y\n1\x00,p\n", "line 2 holds a byte of value 0"),
        ("größe,y\n1,p\n".encode("cp1252"), 'state its encoding, such as encoding = "cp1252"'),
        (b'x, y\n1, "p"\n2, "q"\n', "a space stands before the quotation mark in line 2"),
        (b",x,y\nred,1,p\nblue,2,q\n", "column 1 has no name in the line of names, and holds values such as 'red'"),
        (b"# exported, by hand\nx,y\n1,p\n2,q\n# end\n", "another row has 1: '# end'"),
        (b"sep=;\n# exported\nx;y\n1;p\n", "line 2 is a comment .*: remove it, so that line 3, 'x;y', is the first"),
        (
            b"Sales of 2024\nx,y\n1,p\n",
            "has 1 columns, .*: .* remove lines before the line of names",
        ),
    ],
)
def test_what_is_no_table_of_text_is_refused_with_what_it_is(folder: Path, content: bytes, message: str) -> None:
    (folder / "a.csv").write_bytes(content)
    with pytest.raises(DataInvalid, match=message):
        load(folder / "a.csv")


def test_json_with_values_of_several_types_is_refused_until_it_is_stated(folder: Path) -> None:
    lines = [{"x": n if n % 2 else f"A{n}", "y": "pq"[n % 2]} for n in range(4)]
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataInvalid, match="column `x` holds values of several types in one file"):
        load(folder)
    assert load(folder, modality="table", columns={"x": "category"}).spec["columns"] == ("x=1", "x=3", "x=A0", "x=A2")


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_whole_numbers_that_json_readers_round_stay_apart(folder: Path, ending: str) -> None:
    ids = [2**64 - 1, 2**64 - 2, None, 5]
    objects = [{"id": n, "n": i, "y": "pqpq"[i]} for i, n in enumerate(ids)]
    text = json.dumps(objects) if ending == "json" else "".join(json.dumps(row) + "\n" for row in objects)
    write(folder, **{f"train__{ending}": text, f"test__{ending}": text})
    data = load(folder)
    assert data.spec["columns"] == (f"id={2**64 - 2}", f"id={2**64 - 1}", "id=5", "id=missing", "n")
    assert labels(load(folder, label="id", columns={"y": "ignore"}), "train") == [str(n) for n in ids if n]


def test_the_first_rows_of_a_json_file_do_not_decide_the_types_of_the_others(folder: Path) -> None:
    filler = "x" * 400_000
    objects = [{"n": n, "w": filler, "y": "pq"[n % 2]} for n in range(30)]
    last = [{"n": 0.5, "w": "", "y": "p"}, {"n": 1, "w": "", "y": "q", "late": 7}]
    text = "".join(json.dumps(row) + "\n" for row in [*objects, *last])
    write(folder, train__jsonl=text, test__jsonl=text)
    data = load(folder, columns={"w": "ignore"})
    assert data.spec["columns"] == ("n", "late")
    assert table(data, "train")[-2:, 0].tolist() == [0.5, 1.0]
    assert table(data, "train")[-1, 1] == 7.0


@pytest.mark.parametrize("name", ["data [v1]", "data::v1"])
def test_a_folder_whose_name_is_a_pattern_says_so_and_its_files_are_read_by_name(folder: Path, name: str) -> None:
    text = rows("n,y", ["1,p", "2,q"])
    write(folder / name, train__csv=text, test__csv=text)
    with pytest.raises(DataInvalid, match="which `datasets` takes for a pattern: rename that folder"):
        load(folder / name)
    data = load({"train": folder / name / "train.csv", "test": folder / name / "test.csv"})
    assert len(data.splits["test"]) == 2


def test_bytes_that_read_as_text_are_refused_until_the_suite_says_what_they_are(folder: Path) -> None:
    for split in ("train", "test"):
        pq.write_table(pa.table({"w": [b"red", b"blue"], "n": [1, 2], "y": [b"p", b"q"]}), folder / f"{split}.parquet")
    with pytest.raises(DataInvalid, match=r"column `w` holds bytes that read as text, such as 'red': state columns = "):
        load(folder)
    data = load(folder, columns={"w": "category", "y": "category"})
    assert (data.spec["columns"], data.spec["classes"]) == (("w=blue", "w=red", "n"), ("p", "q"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!doctype html>\n<html>", "is a web page"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "is XML, not a table"),
        (b'{"message": "Not Found"}', "is JSON: give its name the ending .json"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(8), "is a workbook of an older spreadsheet"),
        (b"n y\n1 p\n2 q\n", 'no column `y` .*state delimiter = " "'),
    ],
)
def test_a_file_with_the_ending_csv_that_is_none_says_what_it_is(folder: Path, content: bytes, message: str) -> None:
    (folder / "a.csv").write_bytes(content)
    with pytest.raises(DataInvalid, match=f"(?s){message}"):
        load(folder / "a.csv")


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("{month:02d}/{day:02d}/2024", "date:%m/%d/%Y"),
        ("{day:02d}.{month:02d}.2024", "date:%d.%m.%Y"),
        ("2024{month:02d}{day:02d}", "date:%Y%m%d"),
        ("20{day}", "date:%Y"),
    ],
)
def test_the_line_for_a_split_by_time_fits_the_dates(folder: Path, written: str, line: str) -> None:
    dates = [written.format(month=n % 12 + 1, day=n + 10) for n in range(18)]
    write(folder, a__csv=rows("n,d,y", [f"{n},{date},{'pq'[n % 2]}" for n, date in enumerate(dates)]))
    with pytest.raises(DataInvalid, match=f'state columns = {{ d = "{line}" }}'):
        load(folder / "a.csv", split={"after": "2024-06-01", "by": "d"})
    after = "2024-06-01" if "2024" in written else "2020-01-01"
    assert load(folder / "a.csv", columns={"d": line}, split={"after": after, "by": "d"}).splits["test"]


def test_a_folder_without_data_names_what_it_holds(folder: Path) -> None:
    write(folder, scans___a__dcm="x", scans___b__dcm="x")
    with pytest.raises(DataInvalid, match=r"no picture that is read \(it holds scans/a.dcm and 1 more\)"):
        load(folder)


def test_whole_numbers_that_a_database_wrote_as_decimals_are_whole_numbers(folder: Path) -> None:
    large = [decimal.Decimal(12345678901234567890 + n) for n in range(3)]
    for split in ("train", "test"):
        columns = {"id": pa.array(large, pa.decimal128(38, 0)), "n": [1, 2, 3]}
        classes = pa.array([decimal.Decimal(n) for n in (1, 2, 1)], pa.decimal128(38, 0))
        pq.write_table(pa.table({**columns, "y": classes}), folder / f"{split}.parquet")
    with pytest.raises(DataInvalid, match=r"column `id`: 1234567890123456789. has more digits than a number of a"):
        load(folder)
    data = load(folder, columns={"id": "category"})
    assert data.spec["classes"] == ("1", "2")
    assert len(data.spec["columns"]) == len(large) + 1


TIMES = ("2024-01-01T00:00:00+02:00", "2024-01-02T00:00:00")


def test_times_with_and_without_a_zone_in_one_column_are_refused_until_it_is_stated(folder: Path) -> None:
    text = rows("d,n,y", [f"{TIMES[n % 2]},{n},{'pq'[n % 2]}" for n in range(4)])
    write(folder, train__csv=text, test__csv=text)
    line = r'without a zone, .2024-01-02T00:00:00.* columns = \{ d = "date" \} takes those without one as UTC'
    with pytest.raises(DataInvalid, match=line):
        load(folder)
    days = table(load(folder, columns={"d": "date"}), "train")[:2, 0]
    assert (days[1] - days[0]) * 24 == pytest.approx(26)


def test_a_zone_in_one_file_and_none_in_another_is_refused_until_it_is_stated(folder: Path) -> None:
    for split, zone in (("train", "Europe/Berlin"), ("test", None)):
        times = pa.array([0, 86_400], pa.timestamp("s", zone))
        pq.write_table(pa.table({"d": times, "n": [1, 2], "y": ["p", "q"]}), folder / f"{split}.parquet")
    with pytest.raises(DataInvalid, match="holds times with a zone and without a zone"):
        load(folder)
    data = load(folder, columns={"d": "date"})
    assert table(data, "train")[:, 0].tolist() == table(data, "test")[:, 0].tolist() == [0.0, 1.0]


def test_a_parquet_column_that_is_small_in_the_file_and_large_in_memory_is_bounded(folder: Path) -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["long " * 200]))
    pq.write_table(pa.table({"x": repeated.cast(pa.string()), "y": ["p", "q"] * 100_000}), folder / "a.parquet")
    assert (folder / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(DataInvalid, match="are allowed: state a larger max_bytes"):
        load(folder / "a.parquet", max_bytes=20_000_000)


# ── splits and duplicates ───────────────────────────────────────────────────────────────────────


def test_a_coarse_table_keeps_its_rows_and_is_split_by_class(folder: Path) -> None:
    lines = [f"{'mf'[n % 2]},{'123'[n % 3]},{'yn'[(n // 2) % 2]}" for n in range(1500)]
    write(folder, train__csv=rows("sex,class,y", lines))
    data = prepare(load(folder, modality="table"), 0.1)
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 1080, "validation": 120, "test": 300}
    test = labels(load(folder, modality="table"), "test")
    assert (test.count("y"), test.count("n")) == (150, 150)
    assert data.source.notes["test"] == "300 of the 1,500 examples of `train`, drawn by content"


def test_many_duplicates_of_texts_are_refused_until_the_suite_states_what_to_do(folder: Path) -> None:
    texts = [f"text {n},{n % 2}" for n in range(20)]
    write(folder, train__csv=rows("t,y", texts), test__csv=rows("t,y", texts[:4]))
    with pytest.raises(DataInvalid, match=r'4 of the 20 examples of train \(20%\) .*state duplicates = "drop"'):
        prepare(load(folder), 0.1)
    assert len(prepare(load(folder, duplicates="drop"), 0.0).splits["train"]) == 16
    assert len(prepare(load(folder, duplicates="keep"), 0.0).splits["train"]) == 20
    with pytest.raises(DataInvalid, match="have inputs that a tested split has too: remove them"):
        prepare(load(folder, duplicates="refuse"), 0.1)


def test_a_group_never_stands_in_two_splits_and_is_the_cluster(folder: Path) -> None:
    write(folder, a__csv=rows("who,x,y", [f"c{n % 40},{n},{n % 2}" for n in range(400)]))
    data = prepare(load(folder / "a.csv", split={"test": 0.2, "by": "who"}), 0.1)
    clusters = {name: {*np.asarray(clusters_of(split)).tolist()} for name, split in data.splits.items()}
    assert not clusters["train"] & clusters["test"]
    assert not clusters["train"] & clusters["validation"]
    assert len(data.splits["test"]) == 80
    assert data.spec["columns"] == ("x",)


def test_a_split_by_time_tests_on_the_future(folder: Path) -> None:
    write(folder, a__csv=rows("day,x,y", [f"2025-{1 + n % 12:02d}-01,{n},{n % 2}" for n in range(120)]))
    data = load(folder / "a.csv", split={"after": "2025-11-01", "by": "day", "validation": 0.1})
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 90, "validation": 10, "test": 20}
    assert table(data, "test")[:, 0].min() > table(data, "validation")[:, 0].max() > table(data, "train")[:, 0].max()


def test_a_column_may_name_the_split(folder: Path) -> None:
    write(folder, a__csv=rows("part,x,y", [f"{('train', 'dev', 'test')[n % 3]},{n},{n // 3 % 2}" for n in range(12)]))
    data = load(folder / "a.csv", split={"column": "part"})
    assert {name: table(data, name)[:, 0].tolist() for name in data.splits} == {
        "train": [0, 3, 6, 9], "validation": [1, 4, 7, 10], "test": [2, 5, 8, 11],
    }  # fmt: skip


def test_a_stated_split_beside_a_test_file_is_refused(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n", test__csv="x,y\n3,p\n")
    with pytest.raises(DataInvalid, match=r'the suite states how to split: leave split out, .* test = ""'):
        load(folder, split={"test": 0.5})


def test_a_regression_cannot_be_split_by_class(folder: Path) -> None:
    write(folder, a__csv=rows("n,y", [f"{n},{n * 0.37:.2f}" for n in range(20)]))
    with pytest.raises(DataInvalid, match="needs classes, and this is a regression: leave stratify out"):
        load(folder / "a.csv", split={"test": 0.2, "stratify": True})


def test_a_drawn_split_has_only_the_categories_of_train(folder: Path) -> None:
    write(folder, a__csv=rows("job,x,y", [f"job{n},{n},{n % 2}" for n in range(30)]))
    data = load(folder / "a.csv")
    assert len(data.spec["columns"]) == 25
    assert data.source.notes["values of rare categories, or of categories that train lacks"] == "6 of 30 (20.0%)"


def test_the_note_on_rare_categories_names_the_columns_that_are_cut(folder: Path) -> None:
    write(folder, a__csv=rows("job,kind,y", [f"job{n % 6},{'ab'[n % 2]},{n % 3 // 2}" for n in range(30)]))
    data = load(folder / "a.csv", categories=4, modality="table")
    note = data.source.notes["values of rare categories, or of categories that train lacks"]
    assert note == "10 of 60 (16.7%); only the 4 most frequent are read in `job`"


@pytest.mark.parametrize(
    "split", [{"test": 0.5, "by": "day"}, {"after": "2026-01-06", "by": "day"}, {"folds": 2, "by": "day"}]
)
def test_a_column_that_is_ignored_splits_and_is_no_input(folder: Path, split: dict[str, object]) -> None:
    write(folder, a__csv=rows("day,x,y", [f"2026-01-{n + 1:02},{n},{'pq'[n % 2]}" for n in range(10)]))
    data = load(folder / "a.csv", split=split, columns={"day": "ignore"}, **({"fold": 0} if "folds" in split else {}))
    assert data.spec["columns"] == ("x",)
    assert len(data.splits["test"]) == 5


def test_labels_that_are_texts_and_hardly_repeat_are_refused(folder: Path) -> None:
    write(folder, a__csv=rows("x,y", [f"{n},c{n}" for n in range(1500)]))
    with pytest.raises(DataInvalid, match="too many for classes: state another column as label"):
        load(folder / "a.csv")


def test_a_time_with_a_zone_splits_at_that_moment(folder: Path) -> None:
    hours = [f"2025-09-30T{hour:02d}:00:00Z,{hour},{hour % 2}" for hour in range(24)]
    write(folder, a__csv=rows("when,x,y", hours))
    data = load(folder / "a.csv", split={"after": "2025-10-01T00:00:00+02:00", "by": "when"})
    assert table(data, "test")[:, 1].tolist() == [22, 23]


def test_groups_without_a_value_are_refused_however_they_are_stored(folder: Path) -> None:
    columns = {"who": [1.0, float("nan"), 2.0, 3.0] * 5, "x": range(20), "y": ["p", "q"] * 10}
    pq.write_table(pa.table(columns), folder / "a.parquet")
    with pytest.raises(DataInvalid, match="`who` is missing in 5 rows, the first is row 1"):
        load(folder / "a.parquet", split={"test": 0.2, "by": "who"})


# ── classes ─────────────────────────────────────────────────────────────────────────────────────


def test_classes_of_nearly_one_name_are_noted(folder: Path) -> None:
    text = rows("x,y", ["1,Yes", "2,yes", "3,No", "4,caf\u00e9", "5,cafe\u0301", "6,No "])
    write(folder, train__csv=text, test__csv=text)
    data = load(folder)
    assert len(data.spec["classes"]) == 6
    assert data.source.notes["classes of nearly one name"] == (
        "6 of 6 differ only in case, spaces or Unicode form, such as 'No' and 'No ', 'Yes' and 'yes', "
        r"'cafe\u0301' and 'caf\xe9'"
    )


def test_categories_groups_and_clusters_of_nearly_one_name_are_noted(folder: Path) -> None:
    cities, sexes = ("Rome", "rome", "Oslo"), ("f", "F ", "m")
    lines = [f"{cities[n % 3]},{sexes[n % 3]},{'Cc'[n % 2]}{n // 4},{n},{n % 2}" for n in range(60)]
    write(folder, a__csv=rows("city,sex,who,x,y", lines))
    source = load(folder / "a.csv", groups=("sex",), split={"test": 0.2, "by": "who"}).source
    assert source.notes["categories of nearly one name"] == (
        "`city`: 2 of 3 differ only in case, spaces or Unicode form, such as 'Rome' and 'rome'; "
        "`sex`: 2 of 3 differ only in case, spaces or Unicode form, such as 'F ' and 'f'; "
        "`who`: 30 of 30 differ only in case, spaces or Unicode form, such as "
        "'C0' and 'c0', 'C1' and 'c1', 'C10' and 'c10'"
    )
    assert "categories of nearly one name" in source.prominent


@pytest.mark.parametrize("test", [("?", "?"), ("1", "0"), ("yes", "no")])
def test_labels_of_test_of_which_none_is_a_class_of_train_are_refused(folder: Path, test: tuple[str, str]) -> None:
    train = ["1,True", "2,False", "3,True"]
    write(folder, train__csv=rows("n,y", train), test__csv=rows("n,y", [f"{n},{y}" for n, y in enumerate(test)]))
    with pytest.raises(DataInvalid, match=r"not one label of `test` .* is a class of train .*: write both in the same"):
        load(folder)
    assert len(load(folder, test="").splits["train"]) == 2


@pytest.mark.parametrize(
    ("column", "shown"),
    [(" y ", '" y "'), ("Y", '"Y"'), ("y\u00a0", r'"y\\u00a0"'), ("\ufeffy", r'"\\ufeffy"')],
)
def test_a_label_that_stands_there_in_another_form_is_shown_as_the_suite_may_write_it(
    folder: Path, column: str, shown: str
) -> None:
    write(folder, a__csv=rows(f"n,{column}", ["1,p", "2,q"]))
    with pytest.raises(DataInvalid, match=f"no column `y`; did you mean {shown}"):
        load(folder / "a.csv")


def test_names_that_are_one_number_in_two_spellings_are_noted(folder: Path) -> None:
    write(
        folder,
        train__csv=rows("code,n,y", ["1,1,0", "2,2,1", "03,3,1"]),
        test__csv=rows("code,n,y", ["1.0,1,0.0", "2.0,2,1.0", "3,3,1"]),
    )
    data = load(folder, problem="classification", columns={"code": "category"})
    assert data.spec["classes"] == ("0", "0.0", "1", "1.0")
    words = "differ only in case, spaces, Unicode form or how a number is written, such as"
    assert data.source.notes["classes of nearly one name"] == f"4 of 4 {words} '0' and '0.0', '1' and '1.0'"
    assert f"`code`: 6 of 6 {words} '03' and '3'" in data.source.notes["categories of nearly one name"]


def test_classes_and_groups_named_as_a_missing_value_usually_is_are_noted(folder: Path) -> None:
    text = rows("n,g,y", ["1,NA,p", "2,a,nan", "3,b,p", "4,b,q"])
    write(folder, train__csv=text, test__csv=text)
    data = load(folder, groups=("g",))
    assert data.spec["classes"] == ("nan", "p", "q")
    note = data.source.notes["names that usually stand for a missing value"]
    assert note == (
        '`y`: "nan", unless the suite states missing_values = ["nan"]; '
        '`g`: "NA", unless the suite states missing_values = ["NA"]'
    )
    stated = load(folder, groups=("g",), missing_values=("nan", "NA"))
    assert stated.spec["classes"] == ("p", "q")
    assert "names that usually stand for a missing value" not in stated.source.notes


@pytest.mark.parametrize("more", [[], ["7.5,4,p"], ['"1,000",4,p']])
def test_a_number_that_stands_for_a_missing_value_may_be_written_in_several_ways(folder: Path, more: list[str]) -> None:
    text = rows("a,b,y", ["1,-999,p", "-999.0,2,q", "-999,3,p", *more])
    write(folder, train__csv=text, test__csv=text)
    data = load(folder, missing_values=("-999",), thousands="," if more and "," in more[0][:3] else None)
    assert np.isnan(table(data, "train")[:3, :2]).tolist() == [[False, True], [True, False], [True, False]]


def test_texts_are_no_names(folder: Path) -> None:
    write(folder, a__csv=rows("t,y", [f"{'Fine' if n % 4 else 'fine'} {n // 5},{n % 2}" for n in range(40)]))
    assert "categories of nearly one name" not in load(folder / "a.csv", duplicates="keep").source.notes


def test_a_class_that_a_split_lacks_is_noted(folder: Path) -> None:
    write(folder, train__csv="x,y\n1,p\n2,q\n3,r\n", test__csv="x,y\n1,p\n4,q\n")
    assert load(folder).source.notes["classes absent from test"] == "1: r"


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def test_pictures_are_turned_as_their_exif_says(folder: Path) -> None:
    pixels = np.zeros((4, 6), dtype=np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for split in ("train", "test"):
        for name in ("ant", "bee"):
            path = folder / split / name / "1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, exif=exif)
    data = load(folder, label="label", duplicates="keep")
    assert data.spec["shape"] == (6, 4, 1)
    image = data.splits["train"].take(np.arange(1))["image"][0, :, :, 0]
    assert (image[:, -1] == 255).all()
    assert (image[:, :-1] == 0).all()


def test_a_column_of_paths_is_one_of_pictures_if_the_suite_says_so(folder: Path) -> None:
    for number in range(6):
        paint(folder / f"images/{number}.png", 40 * number)
    write(folder, list__csv=rows("file,y", [f"images/{n}.png,{n % 2}" for n in range(6)]))
    data = load(folder / "list.csv", inputs="file", modality="image", split={"test": 0.34})
    assert data.spec["shape"] == (4, 4, 1)
    assert sum(map(len, data.splits.values())) == 6


# ── without the package `datasets` ──────────────────────────────────────────────────────────────


def test_tables_that_are_named_are_read_without_the_package_datasets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    write(folder, a__csv=rows("x,y", [f"{n},{n % 2}" for n in range(20)]))
    pq.write_table(pa.table({"x": range(20), "y": [0, 1] * 10}), folder / "a.parquet")
    assert [sum(map(len, load(folder / name).splits.values())) for name in ("a.csv", "a.parquet")] == [20, 20]


@pytest.mark.parametrize("name", ["folder", "a.jsonl"])
def test_what_needs_the_package_datasets_says_so_without_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    write(folder, folder___train__csv="x,y\n1,p\n2,q\n", a__jsonl='{"x": 1, "y": 2}\n')
    with pytest.raises(DataUnavailable, match="which reads folders and JSON files, is not installed") as raised:
        load(folder / name)
    assert "pip install datasets" in str(raised.value)


# ── pictures that lose something ────────────────────────────────────────────────────────────────


def paint_classes(folder: Path, names: Sequence[str] = ("ant", "bee")) -> None:
    for split, shade in (("train", 10), ("test", 100)):
        for number, name in enumerate(names):
            paint(folder / split / name / "1.png", shade + number)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("train/cat/", "the folder train/cat/ is empty, so a class would be missing"),
        ("train/cat/1.heic", r"train/cat/ holds 1\.heic, which is not read, so a class would be missing"),
        ("train/__noise__/1.png", "train/__noise__/ holds 1.png, .*: rename the folder"),
    ],
)
def test_a_folder_of_a_class_without_pictures_that_are_read_is_refused(folder: Path, file: str, message: str) -> None:
    paint_classes(folder)
    if file.endswith("/"):
        (folder / file).mkdir()
    elif file.endswith(".png"):
        paint(folder / file)
    else:
        (folder / file).parent.mkdir()
        (folder / file).write_bytes(b"x")
    with pytest.raises(DataInvalid, match=message):
        load(folder, label="label")


@pytest.mark.parametrize("name", ["1.npy", "1.dcm"])
def test_a_class_whose_pictures_have_a_format_of_scientists_is_refused(folder: Path, name: str) -> None:
    paint_classes(folder)
    (folder / "train" / "cow").mkdir()
    (folder / "train" / "cow" / name).write_bytes(b"x")
    with pytest.raises(DataInvalid, match="so a class would be missing"):
        load(folder, label="label")


def test_folders_above_those_of_classes_are_named(folder: Path) -> None:
    for number, name in enumerate(("cat/left", "cat/right", "dog/left", "dog/right")):
        for picture in range(3):
            paint(folder / name / f"{picture}.png", 10 * number + picture)
    data = load(folder, label="label")
    assert data.spec["classes"] == ("left", "right")
    assert data.source.notes["folders above those of the classes, not read"] == (
        "cat, dog: the last folder names the class; pictures of cat/left/ and dog/left/ are one class, `left`"
    )


def test_class_names_of_pictures_may_be_digits_without_a_note(folder: Path) -> None:
    paint_classes(folder, ("0", "1", "10"))
    assert "column `label`" not in load(folder, label="label").source.notes


@pytest.mark.parametrize("way", ["backslash", "absolute"])
def test_metadata_may_name_pictures_as_another_system_or_a_program_does(folder: Path, way: str) -> None:
    for split in ("train", "test"):
        paths = []
        for number in range(2):
            paint(folder / split / "im" / f"{number}.png", 50 * number + len(split))
            absolute = str(folder / split / "im" / f"{number}.png")
            paths.append(absolute if way == "absolute" else f"im\\{number}.png")
        lines = [f"{path},{'pq'[number]}" for number, path in enumerate(paths)]
        (folder / split / "metadata.csv").write_text(rows("file_name,y", lines))
    data = load(folder)
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 2, "test": 2}
    assert not {*data.source.notes} - {"inputs"}


def test_a_picture_that_is_only_a_pointer_to_one_says_so(folder: Path) -> None:
    paint_classes(folder)
    (folder / "train" / "ant" / "1.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataInvalid, match="it is a pointer of Git LFS"):
        load(folder, label="label")


def test_a_class_may_be_called_data(folder: Path) -> None:
    paint_classes(folder, ("data", "noise"))
    assert load(folder, label="label").spec["classes"] == ("data", "noise")


def test_frames_and_transparency_that_are_dropped_are_noted(folder: Path) -> None:
    frames = [Image.fromarray(np.full((4, 4), shade, dtype=np.uint8)) for shade in (10, 200)]
    paint_classes(folder)
    frames[0].save(folder / "train/ant/2.tif", save_all=True, append_images=frames[1:])
    frames[1].convert("LA").save(folder / "train/bee/2.png")
    notes = load(folder, label="label").source.notes
    assert notes["pictures of several frames or pages, of which the first is read"] == 1
    assert notes["pictures with transparency, which is dropped"] == 1


def test_ink_in_the_transparency_of_a_palette_is_refused(folder: Path) -> None:
    paint_classes(folder)
    picture = Image.fromarray(np.eye(4, dtype=np.uint8), "P")
    picture.putpalette([0, 0, 0] * 256)
    picture.save(folder / "train/ant/2.png", transparency=0)
    with pytest.raises(DataInvalid, match="all of what it shows is in the alpha channel"):
        load(folder, label="label")


@pytest.mark.parametrize(
    ("most", "kind", "message"),
    [(4000, np.uint16, "have only 16 levels: save them with 8 bits"), (1 << 20, np.int32, "values up to 1,048,576")],
)
def test_grey_of_more_than_8_bits_that_would_lose_its_levels_is_refused(
    folder: Path, most: int, kind: Any, message: str
) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(("ant", "bee")):
            path = folder / split / name / "1.tif"
            path.parent.mkdir(parents=True)
            Image.fromarray(np.linspace(number, most, 16).reshape(4, 4).astype(kind)).save(path)
    with pytest.raises(DataInvalid, match=message):
        load(folder, label="label")


def test_metadata_that_name_a_picture_that_is_not_there_are_refused(folder: Path) -> None:
    for split in ("train", "test"):
        for number in range(2):
            paint(folder / f"{split}/{number}.png", 40 * number)
    lines = [f"{split}/{n}.png,{n}" for split in ("train", "test") for n in range(2)]
    write(folder, metadata__csv=rows("file_name,y", [*lines, "train/7.png,1"]))
    with pytest.raises(DataInvalid, match=r"row 4 of metadata\.csv names train/7\.png, which is not there"):
        load(folder, inputs="image")


# ── folds ───────────────────────────────────────────────────────────────────────────────────────


def test_each_row_is_tested_on_in_one_fold_of_each_repeat(folder: Path) -> None:
    write(folder, churn__csv=rows("a,b,y", [f"{number},{number % 3},{number % 2}" for number in range(50)]))
    data = [load(folder / "churn.csv", split={"folds": 5, "repeats": 2}, fold=fold) for fold in range(10)]
    for repeat in (data[:5], data[5:]):
        assert sorted(np.concatenate([table(fold, "test")[:, 0] for fold in repeat]).tolist()) == list(range(50))
    for fold in data:
        assert {name: len(split) for name, split in fold.splits.items()} == {"train": 40, "test": 10}
        assert labels(fold, "test").count("0") == 5
    assert not np.array_equal(*(np.sort(table(fold, "test")[:, 0]) for fold in (data[0], data[5])))
    assert len({fold.source.fingerprint for fold in data}) == 10
    assert len({fold.source.folds["fingerprint"] for fold in data}) == 1
    assert data[7].source.folds | {"fingerprint": ""} == {
        "fold": 7, "folds": 5, "repeats": 2, "examples": 50, "fingerprint": "",
    }  # fmt: skip
    assert data[7].source.notes["split"] == "train 40, test 10, fold 7 of 10 (repeat 1), drawn by content"


def test_a_customer_stands_in_one_fold(folder: Path) -> None:
    lines = [f"{number},c{number % 12},{'yes' if number % 5 else 'no'}" for number in range(120)]
    write(folder, churn__csv=rows("a,who,y", lines))
    customers = []
    for fold in range(4):
        data = load(folder / "churn.csv", split={"folds": 4, "by": "who"}, fold=fold)
        own = {int(number) % 12 for number in table(data, "test")[:, 0]}
        assert not own & {int(number) % 12 for number in table(data, "train")[:, 0]}
        assert clusters_of(data.splits["test"]) is not None
        customers += sorted(own)
    assert sorted(customers) == list(range(12))


def test_categories_of_a_fold_are_those_of_its_own_train_split(folder: Path) -> None:
    lines = [
        f"{'rare' if number == 7 else 'usual' if number % 2 else 'other'},{number},{number % 2}" for number in range(40)
    ]
    write(folder, churn__csv=rows("a,b,y", lines))
    stated = {"columns": {"a": "category"}, "split": {"folds": 4}}
    columns = {load(folder / "churn.csv", **stated, fold=fold).spec["columns"] for fold in range(4)}
    assert sorted(any("rare" in name for name in known) for known in columns) == [False, True]


def test_folds_that_cannot_be_drawn_are_refused(folder: Path) -> None:
    write(folder, churn__csv=rows("a,who,y", [f"{number},c{number % 3},{number % 2}" for number in range(30)]))
    with pytest.raises(DataInvalid, match="cannot be split by `who` into 5 folds, 1 times: 3 groups"):
        load(folder / "churn.csv", split={"folds": 5, "by": "who"}, fold=0)
    with pytest.raises(DataInvalid, match="fold None is none of them"):
        load(folder / "churn.csv", split={"folds": 5})
