"""Values that can be read in several ways: numbers, codes, dates, missing values, quotation marks."""

from __future__ import annotations

import datetime
import decimal
import math
from pathlib import Path

import pyarrow as pa
from tests.tasks.layouts.catalogue import CLASSES, TEST, Read, Refused, in_both, layout, lines, save, save_parquet


@layout()
def csv_with_quotation_marks(folder: Path) -> None:
    save(
        folder, {"train.csv": 'n,w,y\n1,"a, b",p\n2,"say ""no""",q\n3,"two\nlines",p\n', "test.csv": 'n,w,y\n1,"",q\n'}
    )


@layout()
def csv_with_missing_values(folder: Path) -> None:
    save(folder, {"train.csv": "n,w,y\n1,red,p\n,blue,q\nNA,red,p\n", "test.csv": "n,w,y\n4,,q\n"})


@layout()
def csv_with_truth_values_and_dates(folder: Path) -> None:
    text = "seen,day,y\nTrue,2024-02-29,p\nFalse,2025-01-01,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def csv_with_numbers_in_many_spellings(folder: Path) -> None:
    text = "n,m,k,y\n1e3,+1,0.5,p\n-2.5E-1,-2,.25,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def csv_with_words_beyond_ascii(folder: Path) -> None:
    text = "w,n,y\ngrün,1,Ä\n東京,2,ß\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def jsonl_with_a_key_that_some_rows_lack(folder: Path) -> None:
    rows = [{"n": 1, "w": "a", "y": "p"}, {"n": 2, "y": "q"}, {"n": None, "w": "b", "y": "p"}]
    save(folder, {"train.jsonl": lines(rows), "test.jsonl": lines(rows)})


@layout()
def parquet_with_whole_numbers_truth_values_and_days(folder: Path) -> None:
    days = [datetime.date(2024, 2, 29), datetime.date(1960, 1, 1)]
    columns = {"n": [1, None], "seen": [True, False], "day": days, "y": [7, 8]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout()
def parquet_with_categories(folder: Path) -> None:
    columns = {"w": pa.array(["red", "blue"]).dictionary_encode(), "n": [1, 2], "y": ["p", "q"]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(options={"modality": "table"})
def coarse_table(folder: Path) -> None:
    text = "sex,class,y\n" + "".join(f"{'mf'[n % 2]},{n % 3},{'yn'[(n // 2) % 2]}\n" for n in range(60))
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` reads each file alone: 01 is a number in test, and not the category 01 of train",
    options={"modality": "table"},
    datasets=Read(
        {"train": {"code": ["01", "02", "A1"], "y": ["p", "q", "p"]}, "test": {"code": ["1", "2"], "y": ["p", "q"]}}
    ),
    ours=Read(
        {"train": {"code": ["01", "02", "A1"], "y": ["p", "q", "p"]}, "test": {"code": ["01", "02"], "y": ["p", "q"]}},
        CLASSES,
    ),
)
def codes_with_letters_in_train_only(folder: Path) -> None:
    save(folder, {"train.csv": "code,y\n01,p\n02,q\nA1,p\n", "test.csv": "code,y\n01,p\n02,q\n"})


@layout(
    difference="`datasets` drops leading zeros, of class names too",
    options={"modality": "table"},
    datasets=Read(
        {
            "train": {"code": [1, 99], "n": [1, 2], "y": [7, 8]},
            "test": {"code": [1, 2], "n": [1, 2], "y": [7, 8]},
        }
    ),
    ours=Read(
        {
            "train": {"code": ["01", "99"], "n": [1, 2], "y": ["007", "008"]},
            "test": {"code": ["01", "02"], "n": [1, 2], "y": ["007", "008"]},
        },
        ("007", "008"),
    ),
)
def codes_with_leading_zeros(folder: Path) -> None:
    save(folder, {"train.csv": "code,n,y\n01,1,007\n99,2,008\n", "test.csv": "code,n,y\n01,1,007\n02,2,008\n"})


@layout(
    difference="`datasets` reads each file alone: True in train is true in test",
    datasets=Read(
        {
            "train": {"n": [1, 2, 3], "seen": ["True", "False", "unknown"], "y": ["p", "q", "p"]},
            "test": {"n": [4, 5], "seen": ["true", "false"], "y": ["p", "q"]},
        }
    ),
    ours=Read(
        {
            "train": {"n": [1, 2, 3], "seen": ["True", "False", "unknown"], "y": ["p", "q", "p"]},
            "test": {"n": [4, 5], "seen": ["True", "False"], "y": ["p", "q"]},
        },
        CLASSES,
    ),
)
def truth_values_with_a_third_word_in_train_only(folder: Path) -> None:
    train = "n,seen,y\n1,True,p\n2,False,q\n3,unknown,p\n"
    save(folder, {"train.csv": train, "test.csv": "n,seen,y\n4,True,p\n5,False,q\n"})


@layout(
    difference="`datasets` takes the types of the first file, and fails at the next",
    options={"modality": "table"},
    datasets=Refused("Failed to parse string: 'B' as a scalar of type int64", "DatasetGenerationError"),
    ours=Read(
        {
            "train": {"k": ["1", "2", "B"], "n": [1, 2, 3], "y": ["p", "q", "p"]},
            "test": {"k": ["1"], "n": [4], "y": ["q"]},
        },
        CLASSES,
    ),
)
def shards_of_which_one_looks_like_numbers_and_one_is_empty(folder: Path) -> None:
    texts = ("k,n,y\n1,1,p\n2,2,q\n", "k,n,y\nB,3,p\n", "k,n,y\n")
    save(folder, {f"train-{number}.csv": text for number, text in enumerate(texts)})
    save(folder, {"test.csv": "k,n,y\n1,4,q\n"})


@layout(options={"columns": {"code": "category"}, "problem": "classification"})
def large_codes_with_missing_values_in_parquet(folder: Path) -> None:
    columns = {"code": [1000001.0, 1000002.0, None], "n": [1, 2, 3], "y": [1000001.0, 1000002.0, 1000001.0]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(options={"columns": {"code": "category"}})
def large_codes_with_missing_values_in_csv(folder: Path) -> None:
    text = "code,n,y\n1000001,1,1000001\n1000002,2,1000002\n,3,1000001\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` splits at commas, also those within numbers: 1,5 becomes 5",
    datasets=Read({"train": {"a;b;y": ["5;1.234;p", "5;1.500;q"]}, "test": {"a;b;y": ["4;1.234;p"]}}),
    ours=Refused("column `b`: 1.234 may be 1234 or a number with a decimal point, because `a` is written with decimal"),
)
def a_point_between_thousands_beside_decimal_commas(folder: Path) -> None:
    save(folder, {"train.csv": "a;b;y\n1,5;1.234;p\n2,5;1.500;q\n", "test.csv": "a;b;y\n4;1.234;p\n"})


@layout(
    difference="`datasets` splits at commas, also those within numbers: 1,5 becomes 5",
    options={"decimal": ",", "thousands": "."},
    datasets=Read({"train": {"a;b;y": ["5;1.234;p", "5;1.500;q"]}, "test": {"a;b;y": ["4;1.234;p"]}}),
    ours=Read(
        {
            "train": {"a": [1.5, 2.5], "b": [1234, 1500], "y": ["p", "q"]},
            "test": {"a": [4], "b": [1234], "y": ["p"]},
        },
        CLASSES,
    ),
)
def decimal_commas_that_the_suite_states(folder: Path) -> None:
    save(folder, {"train.csv": "a;b;y\n1,5;1.234;p\n2,5;1.500;q\n", "test.csv": "a;b;y\n4;1.234;p\n"})


@layout(
    difference="both refuse, and ours says what to do",
    datasets=Refused("EOF inside string starting at row 1", "DatasetGenerationError"),
    ours=Refused(
        "the quotation mark that begins a value in line 2 is never closed: correct it, or state quotes = false"
    ),
)
def tsv_with_a_quotation_mark_that_is_not_closed(folder: Path) -> None:
    text = 'n\tx\ty\n1\t"good, he said\tp\n2\tbad\tq\n'
    save(folder, {"train.tsv": text, "test.tsv": text})


@layout(
    difference="`datasets` refuses the file",
    options={"quotes": False},
    datasets=Refused("EOF inside string starting at row 1", "DatasetGenerationError"),
    ours=Read(in_both(n=[1, 2], x=['"good, he said', "bad"], y=["p", "q"]), CLASSES),
)
def quotation_marks_that_are_text(folder: Path) -> None:
    tsv_with_a_quotation_mark_that_is_not_closed.write(folder)


@layout(
    difference="`datasets` reads three lines as one row",
    datasets=Read(in_both(n=[1], x=["one\tp\n2\ttwo\tq\n3\tthree"], y=["p"])),
    ours=Refused("goes on in the next line, and the file reads as well with a row on each line: state quotes = true"),
)
def lines_that_quotation_marks_swallow(folder: Path) -> None:
    text = 'n\tx\ty\n1\t"one\tp\n2\ttwo\tq\n3\tthree"\tp\n'
    save(folder, {"train.tsv": text, "test.tsv": text})


@layout()
def rare_types_of_arrow(folder: Path) -> None:
    columns = {
        "view": pa.array(["a", "b"]).cast(pa.string_view()), "large": pa.array(["c", "d"], pa.large_string()),
        "time": pa.array([60, 3600], pa.time32("s")), "y": pa.array(["p", "q"]),
    }  # fmt: skip
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(
    difference="ours leaves out what the suite ignores",
    options={"columns": {"tags": "ignore"}},
    datasets=Read(in_both(tags=[[1], [2, 3]], n=[1, 2], y=["p", "q"])),
    ours=Read(in_both(n=[1, 2], y=["p", "q"]), CLASSES),
)
def lists_that_are_ignored(folder: Path) -> None:
    columns = {"tags": [[1], [2, 3]], "n": [1, 2], "y": ["p", "q"]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(
    difference="ours refuses an input that no model takes",
    datasets=Read(in_both(tags=[[1], [2, 3]], n=[1, 2], y=["p", "q"])),
    ours=Refused(
        "the input `tags` holds list<element: int64>; images, texts, numbers, truth values and times can be used"
    ),
)
def lists(folder: Path) -> None:
    columns = {"tags": [[1], [2, 3]], "n": [1, 2], "y": ["p", "q"]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout()
def dates_of_the_far_future_in_csv(folder: Path) -> None:
    text = "until,n,y\n9999-12-31,1,p\n2024-01-01,2,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def dates_of_the_far_future_in_parquet(folder: Path) -> None:
    columns = {"until": [datetime.date(9999, 12, 31), datetime.date(2024, 1, 1)], "n": [1, 2], "y": ["p", "q"]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(
    difference="ours refuses a class for nearly each row until the suite states the problem",
    datasets=Read({"train": {"n": [*range(21)], "y": [n * 7 + 100000 for n in range(21)]}}),
    ours=Refused(
        '21 different values in 21 examples, too many for classes: problem = "regression" learns them as numbers'
    ),
)
def target_of_many_whole_numbers(folder: Path) -> None:
    save(folder, {"a.csv": "n,y\n" + "".join(f"{n},{n * 7 + 100000}\n" for n in range(21))})


@layout(options={"problem": "regression"})
def target_of_many_whole_numbers_that_is_a_regression(folder: Path) -> None:
    save(folder, {"a.csv": "n,y\n" + "".join(f"{n},{n * 7 + 100000}\n" for n in range(60))})


@layout(
    difference="`datasets` reads texts",
    datasets=Read(in_both(x=["1,500", "2,250"], y=["p", "q"])),
    ours=Refused('1,500 may be 1500 or 1.500: state thousands = "," or decimal = ","'),
)
def numbers_with_a_comma_that_may_be_either(folder: Path) -> None:
    text = 'x,y\n"1,500",p\n"2,250",q\n'
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` reads texts",
    options={"thousands": ","},
    datasets=Read(in_both(x=["1,500", "2,250"], y=["p", "q"])),
    ours=Read(in_both(x=[1500, 2250], y=["p", "q"]), CLASSES),
)
def numbers_with_thousands_that_the_suite_states(folder: Path) -> None:
    numbers_with_a_comma_that_may_be_either.write(folder)


@layout(notes={"classes of nearly one name": "'Yes' and 'yes'"})
def classes_of_nearly_one_name(folder: Path) -> None:
    text = "n,y\n1,Yes\n2,yes\n3,caf\u00e9\n4,cafe\u0301\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(notes={"column `d`": "look like dates", "column `v`": "look like numbers"})
def dates_and_amounts_as_people_write_them(folder: Path) -> None:
    text = 'd,v,n,y\n31/12/2024,"$1,234.50",1,p\n01/02/2024,"$2,000.00",2,q\n'
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` renames the second column",
    datasets=Read({"train": {"x": [1, 3], "x.1": [2, 4], "y": ["p", "q"]}, "test": {"x": [1], "x.1": [2], "y": ["p"]}}),
    ours=Refused("2 columns are called `x`: give each a name of its own"),
)
def two_columns_of_one_name(folder: Path) -> None:
    save(folder, {"train.csv": "x,x,y\n1,2,p\n3,4,q\n", "test.csv": "x,x,y\n1,2,p\n"})


@layout(
    difference="`datasets` fills a row that is too short: its class becomes the value of another column",
    datasets=Read(
        {
            "train": {"n": [1, 3, 5], "m": ["2", "q", "6"], "y": ["p", None, "q"]},
            "test": {"n": [7], "m": ["8"], "y": ["p"]},
        }
    ),
    ours=Refused("has 3 columns, and another row has 2: '3,q'"),
)
def a_row_that_is_too_short(folder: Path) -> None:
    save(folder, {"train.csv": "n,m,y\n1,2,p\n3,q\n5,6,q\n", "test.csv": "n,m,y\n7,8,p\n"})


@layout(
    difference="both refuse, and ours says what to do",
    datasets=Refused("Expected 3 fields in line 3, saw 4", "DatasetGenerationError"),
    ours=Refused("has 3 columns, and another row has 4: '3,4,q,r'"),
)
def a_row_that_is_too_long(folder: Path) -> None:
    save(folder, {"train.csv": "n,m,y\n1,2,p\n3,4,q,r\n5,6,q\n", "test.csv": "n,m,y\n7,8,p\n"})


@layout()
def columns_in_another_order(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n1,p\n2,q\n", "test.csv": "y,n\nq,3\n"})


@layout(
    difference="`datasets` reads missing labels",
    datasets=Read(in_both(n=[1, 2, 3], y=[None, "SA", None])),
    ours=Read(in_both(n=[1, 2, 3], y=["NA", "SA", "None"]), ("NA", "None", "SA")),
)
def the_class_na(folder: Path) -> None:
    text = "n,y\n1,NA\n2,SA\n3,None\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` names the column; ours leaves it out and says so",
    notes={"columns without a name, left out": ""},
    datasets=Read(
        {
            "train": {"Unnamed: 0": [0, 1], "n": [1, 2], "y": ["p", "q"]},
            "test": {"Unnamed: 0": [0], "n": [3], "y": ["q"]},
        }
    ),
    ours=Read({"train": {"n": [1, 2], "y": ["p", "q"]}, "test": {"n": [3], "y": ["q"]}}, CLASSES),
)
def columns_without_a_name(folder: Path) -> None:
    save(folder, {"train.csv": ",n,y\n0,1,p\n1,2,q\n", "test.csv": ",n,y\n0,3,q\n"})


@layout(
    difference="ours refuses numbers that a model cannot tell apart",
    datasets=Read(in_both(n=[9007199254740993, 9007199254740995], x=[1, 2], y=["p", "q"])),
    ours=Refused('9007199254740993 has more digits than a number of a model: state columns = { n = "category" }'),
)
def whole_numbers_beyond_the_exact(folder: Path) -> None:
    text = "n,x,y\n9007199254740993,1,p\n9007199254740995,2,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference='`datasets` writes each value as JSON: the text A becomes "A"',
    datasets=Read(in_both(x=["1", '"A"'], y=["p", "q"])),
    ours=Refused("column `x` holds values of several types in one file, such as numbers and texts"),
)
def rows_of_jsonl_with_values_of_several_types(folder: Path) -> None:
    rows = [{"x": 1, "y": "p"}, {"x": "A", "y": "q"}]
    save(folder, {"train.jsonl": lines(rows), "test.jsonl": lines(rows)})


@layout()
def csv_with_blank_lines(folder: Path) -> None:
    save(folder, {"train.csv": "n,w,y\n1,red,p\n\n2,blue,q\n\n", "test.csv": TEST})


@layout()
def csv_with_spaces_around_values(folder: Path) -> None:
    text = "n,w,y\n 1, red,p\n2 ,blue ,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="infinity is no number of ours: the column holds texts",
    datasets=Read(in_both(n=[math.inf, -math.inf, 3.0], m=[1, 2, 3], y=["p", "q", "p"])),
    ours=Read(in_both(n=["inf", "-Infinity", "3"], m=[1, 2, 3], y=["p", "q", "p"]), CLASSES),
)
def csv_with_infinity(folder: Path) -> None:
    text = "n,m,y\ninf,1,p\n-Infinity,2,q\n3,3,p\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` takes the types of the first file, and fails at the next",
    datasets=Refused("Float value 1.500000 was truncated converting to int64", "DatasetGenerationError"),
    ours=Read({"train": {"n": [1, 2], "y": ["p", "q"]}, "test": {"n": [1.5], "y": ["p"]}}, CLASSES),
)
def csv_with_whole_numbers_in_one_split_and_others_in_the_other(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n1,p\n2,q\n", "test.csv": "n,y\n1.5,p\n"})


@layout()
def csv_with_a_column_that_is_empty(folder: Path) -> None:
    text = "n,m,y\n1,,p\n2,,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def csv_with_truth_values_as_classes(folder: Path) -> None:
    text = "n,y\n1,True\n2,False\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` reads truth values; the name of a class of ours is the text as it stands",
    datasets=Read(in_both(n=[1, 2], y=[True, False])),
    ours=Read(in_both(n=[1, 2], y=["true", "false"]), ("false", "true")),
)
def csv_with_truth_values_in_lower_case_as_classes(folder: Path) -> None:
    text = "n,y\n1,true\n2,false\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` reads numbers, so 1.1 and 1.10 are one class",
    options={"problem": "classification"},
    datasets=Read(in_both(n=[1, 2], y=[1.1, 1.1])),
    ours=Read(in_both(n=[1, 2], y=["1.1", "1.10"]), ("1.1", "1.10")),
)
def csv_with_versions_as_classes(folder: Path) -> None:
    text = "n,y\n1,1.1\n2,1.10\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout(
    difference="`datasets` reads numbers",
    datasets=Read(in_both(code=[1200000.0, 1300000.0], n=[1, 2], y=["p", "q"])),
    ours=Refused('12e5 may be a number or a code: state columns = { code = "category" }'),
)
def csv_with_codes_like_powers(folder: Path) -> None:
    text = "code,n,y\n12e5,1,p\n13e5,2,q\n"
    save(folder, {"train.csv": text, "test.csv": text})


@layout()
def csv_with_missing_labels(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n1,p\n2,\n3,q\n", "test.csv": "n,y\n4,q\n"})


@layout()
def csv_with_missing_labels_among_whole_numbers(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n1,7\n2,\n3,8\n", "test.csv": "n,y\n4,7\n"})


@layout()
def jsonl_with_codes_dates_and_nulls(folder: Path) -> None:
    rows = [
        {"zip": "01067", "day": "2024-02-29", "at": "2024-02-29 10:00:00", "seen": True, "n": None, "y": "007"},
        {"zip": "80331", "day": "2025-01-01", "at": "2024-02-28 00:00:00", "seen": None, "n": 2.5, "y": "008"},
    ]
    save(folder, {"train.jsonl": lines(rows), "test.jsonl": lines(rows)})


@layout(
    difference="both refuse, and ours names the column",
    datasets=Refused("Failed to parse string: 'A' as a scalar of type int64", "DatasetGenerationError"),
    ours=Refused("column `x` holds int64 and string in different files: write one type"),
)
def jsonl_with_whole_numbers_in_one_split_and_texts_in_the_other(folder: Path) -> None:
    save(
        folder,
        {"train.jsonl": lines([{"x": 1, "y": "p"}, {"x": 2, "y": "q"}]), "test.jsonl": lines([{"x": "A", "y": "p"}])},
    )


@layout(
    difference="ours refuses an input that no model takes",
    options={"modality": "table"},
    datasets=Read(in_both(n=[1, 2], who=[{"age": 3}, {"age": 4}], y=["p", "q"])),
    ours=Refused("the input `who` holds struct<age: int64>"),
)
def jsonl_with_a_structure(folder: Path) -> None:
    rows = [{"n": 1, "who": {"age": 3}, "y": "p"}, {"n": 2, "who": {"age": 4}, "y": "q"}]
    save(folder, {"train.jsonl": lines(rows), "test.jsonl": lines(rows)})


@layout()
def parquet_with_further_types(folder: Path) -> None:
    moments = [
        datetime.datetime(2024, 2, 29, 10, tzinfo=datetime.UTC),
        datetime.datetime(1960, 1, 1, tzinfo=datetime.UTC),
    ]
    columns = {
        "small": pa.array([1, 2], pa.uint8()), "half": pa.array([0.5, None], pa.float32()),
        "exact": pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.25")], pa.decimal128(5, 2)),
        "at": pa.array(moments, pa.timestamp("us", "UTC")), "none": pa.nulls(2), "y": ["p", "q"],
    }  # fmt: skip
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})


@layout(
    difference="both refuse, and ours names the column",
    datasets=Refused("Failed to parse string: 'B' as a scalar of type int64", "DatasetGenerationError"),
    ours=Refused("column `x` holds int64 and string in different files: write one type"),
)
def parquet_with_numbers_in_one_split_and_texts_in_the_other(folder: Path) -> None:
    save_parquet(
        folder, {"train.parquet": {"x": [1, 2], "y": ["p", "q"]}, "test.parquet": {"x": ["1", "B"], "y": ["p", "q"]}}
    )


@layout(
    difference="ours refuses numbers that a model cannot tell apart",
    datasets=Read(in_both(n=[None, 9007199254740993], m=[1, 2], y=["p", "q"])),
    ours=Refused('9007199254740993 has more digits than a number of a model: state columns = { n = "category" }'),
)
def parquet_with_large_whole_numbers_and_missing_values(folder: Path) -> None:
    columns = {"n": [None, 9007199254740993], "m": [1, 2], "y": ["p", "q"]}
    save_parquet(folder, {"train.parquet": columns, "test.parquet": columns})
