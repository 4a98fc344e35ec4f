"""Tables in several files: names of splits, shards, cards, links, and files that would be left out or read twice."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.tasks.layouts.catalogue import (
    BOTH,
    CLASSES,
    OURS,
    TEST,
    TEST_COLUMNS,
    TEST_ROWS,
    TRAIN,
    TRAIN_COLUMNS,
    TWO_FORMATS,
    Read,
    Refused,
    in_both,
    layout,
    lines,
    save,
    save_parquet,
    twice,
)


@layout()
def one_file(folder: Path) -> None:
    save(folder, {"churn.csv": "n,y\n" + "".join(f"{n},{'pq'[n % 2]}\n" for n in range(20))})


@layout()
def a_file_for_each_of_three_splits(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "val.csv": TEST, "test.csv": TEST})


@layout()
def words_of_splits_within_names(folder: Path) -> None:
    save(folder, {"my-training.csv": TRAIN, "2024_dev.csv": TEST, "evaluation 2.csv": TEST})


@layout()
def folders_of_splits(folder: Path) -> None:
    save(folder, {"train/a.csv": TRAIN, "train/b.csv": TEST, "test/c.csv": TEST})


@layout()
def folders_below_folders_of_splits(folder: Path) -> None:
    save(folder, {"train/2023/a.csv": TRAIN, "train/2024/b.csv": TEST, "test/2024/c.csv": TEST})


@layout()
def parts_of_one_name_in_folders_of_splits(folder: Path) -> None:
    save(folder, {"train/part.csv": TRAIN, "test/part.csv": TEST})


@layout()
def numbered_shards(folder: Path) -> None:
    save(folder, {"train-00000-of-00002.csv": TRAIN, "train-00001-of-00002.csv": TEST, "test-00000-of-00001.csv": TEST})


@layout()
def numbered_shards_below_data(folder: Path) -> None:
    save_parquet(
        folder,
        {
            "data/train-00000-of-00002.parquet": TRAIN_COLUMNS,
            "data/train-00001-of-00002.parquet": TEST_COLUMNS,
            "data/test-00000-of-00001.parquet": TEST_COLUMNS,
        },
    )


@layout(
    difference="`datasets` reads the shards that are there",
    datasets=BOTH,
    ours=Refused("1 of 2 files train-*.csv are there: add the others"),
)
def a_shard_that_is_missing(folder: Path) -> None:
    save(folder, {"train-00000-of-00002.csv": TRAIN, "test-00000-of-00001.csv": TEST})


@layout()
def files_without_words_of_splits(folder: Path) -> None:
    save(folder, {"a.csv": TRAIN, "b.csv": TEST})


@layout()
def ten_parts_by_number(folder: Path) -> None:
    save(folder, {f"part-{number}.csv": f"n,y\n{number},p\n{number + 0.5},q\n" for number in range(12)})


@layout()
def what_a_cluster_wrote(folder: Path) -> None:
    save_parquet(
        folder,
        {
            "part-00000-4f2a.snappy.parquet": TRAIN_COLUMNS,
            "part-00001-4f2a.snappy.parquet": TEST_COLUMNS,
        },
    )
    save(folder, {"_SUCCESS": "", ".part-00000-4f2a.snappy.parquet.crc": b"crc\x00"})


@layout()
def what_a_cluster_wrote_by_value(folder: Path) -> None:
    save(folder, {"year=2023/part-0.csv": TRAIN, "year=2024/part-0.csv": TEST})


@layout()
def card_that_names_the_files(folder: Path) -> None:
    save(folder, {"x/1.csv": TRAIN, "x/2.csv": TEST, "other.csv": "a\n1\n"})
    card = "configs:\n- config_name: plain\n  data_files:\n  - split: train\n    path: x/1.csv\n"
    save(folder, {"README.md": f"---\n{card}  - split: test\n    path: x/2.csv\n---\n# Mine\n"})


@layout(config="two")
def card_with_two_configurations(folder: Path) -> None:
    save(folder, {"one.csv": "n,y\n8,r\n9,s\n", "two.csv": TRAIN, "two_test.csv": TEST})
    card = "configs:\n- config_name: one\n  data_files: one.csv\n- config_name: two\n  data_files:\n"
    card += "  - split: train\n    path: two.csv\n  - split: test\n    path: two_test.csv\n"
    save(folder, {"README.md": f"---\n{card}---\n"})


@layout(
    difference="both refuse, each in its own words",
    datasets=Refused("Config name is missing", "ValueError"),
    ours=Refused("several configurations: state one of them as `config`; it has: one, two"),
)
def card_with_two_configurations_of_which_none_is_chosen(folder: Path) -> None:
    save(folder, {"one.csv": TRAIN, "two.csv": TEST})
    card = "configs:\n- config_name: one\n  data_files: one.csv\n- config_name: two\n  data_files: two.csv\n"
    save(folder, {"README.md": f"---\n{card}---\n"})


@layout()
def card_that_states_a_separator(folder: Path) -> None:
    files = "  data_files:\n  - split: train\n    path: a.csv\n  - split: test\n    path: b.csv\n"
    save(folder, {"README.md": f"---\nconfigs:\n- config_name: default\n  sep: ';'\n{files}---\n"})
    save(folder, {"a.csv": TRAIN.replace(",", ";"), "b.csv": TEST.replace(",", ";")})


@layout(
    difference="ours does not apply settings of a reader, and says so",
    notes={"settings of the README that are not applied": "nrows = 2"},
    datasets=Read({"train": {name: values[:2] for name, values in TRAIN_COLUMNS.items()}, "test": TEST_COLUMNS}),
    ours=OURS,
)
def card_that_states_settings_of_a_reader(folder: Path) -> None:
    files = "  data_files:\n  - split: train\n    path: a.csv\n  - split: test\n    path: b.csv\n"
    save(folder, {"README.md": f"---\nconfigs:\n- config_name: default\n  nrows: 2\n{files}---\n"})
    save(folder, {"a.csv": TRAIN, "b.csv": TEST})


@layout(
    difference="`datasets` makes texts of numbers, so that leading zeros are lost; ours keeps the text as it stands",
    datasets=Read(in_both(zip=["1067", "10115"], k=["1", "2"], y=["p", "q"])),
    ours=Read(in_both(zip=["01067", "10115"], k=["1", "2"], y=["p", "q"]), CLASSES),
)
def card_that_states_types(folder: Path) -> None:
    text = "zip,k,y\n01067,1,p\n10115,2,q\n"
    names = "".join(f"  - name: {name}\n    dtype: string\n" for name in ("zip", "k", "y"))
    save(folder, {"train.csv": text, "test.csv": text})
    save(folder, {"README.md": f"---\ndataset_info:\n  features:\n{names}---\n"})


@layout()
def card_that_states_that_codes_are_numbers(folder: Path) -> None:
    text = "a,b,y\n007,1.50,p\n012,,q\n"
    save(folder, {"train.csv": text, "test.csv": text})
    types = {"a": "int64", "b": "float32", "y": "string"}
    names = "".join(f"  - name: {name}\n    dtype: {dtype}\n" for name, dtype in types.items())
    save(folder, {"README.md": f"---\ndataset_info:\n  features:\n{names}---\n"})


@layout()
def card_that_names_classes(folder: Path) -> None:
    save_parquet(folder, {"train.parquet": {"n": [1, 2, 3], "y": [1, 0, 1]}, "test.parquet": {"n": [4], "y": [0]}})
    names = "      class_label:\n        names:\n          '0': zebra\n          '1': ant\n"
    features = f"  - name: n\n    dtype: int64\n  - name: y\n    dtype:\n{names}"
    save(folder, {"README.md": f"---\ndataset_info:\n  features:\n{features}---\n"})


@layout()
def parquet_with_classes_as_datasets_writes_it(folder: Path) -> None:
    import datasets

    features = datasets.Features({"n": datasets.Value("int64"), "y": datasets.ClassLabel(names=["zebra", "ant"])})
    for split, columns in (("train", {"n": [1, 2, 3], "y": [1, 0, 1]}), ("test", {"n": [4], "y": [0]})):
        datasets.Dataset.from_dict(columns, features=features).to_parquet(str(folder / f"{split}.parquet"))


@layout()
def what_save_to_disk_wrote(folder: Path) -> None:
    import datasets

    parts = {"train": TRAIN_COLUMNS, "test": TEST_COLUMNS}
    whole = datasets.DatasetDict({split: datasets.Dataset.from_dict(part) for split, part in parts.items()})
    whole.save_to_disk(str(folder), num_shards={"train": 2, "test": 1})


@layout(saved=True)
def what_save_to_disk_wrote_of_one_split(folder: Path) -> None:
    import datasets

    columns = {"n": [*range(10)], "y": ["p", "q"] * 5}
    datasets.Dataset.from_dict(columns).save_to_disk(str(folder))


@layout(path="one")
def folders_that_hold_a_data_set_each(folder: Path) -> None:
    save(folder, {"one/train.csv": TRAIN, "one/test.csv": TEST, "two/train.csv": TRAIN})


@layout(
    difference="`datasets` reads the data sets of all folders as one",
    datasets=Read({"train": twice(TRAIN_COLUMNS), "test": TEST_COLUMNS}),
    ours=Refused("several configurations: state one of them as `config`; it has: one, two"),
)
def folders_that_hold_a_data_set_each_of_which_none_is_chosen(folder: Path) -> None:
    save(folder, {"one/train.csv": TRAIN, "one/test.csv": TEST, "two/train.csv": TRAIN})


@layout(notes={"files not read": "1: notes.csv"})
def a_table_beside_the_splits(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "notes.csv": "a\n1\n", "LICENSE": "MIT"})


@layout(
    difference="both refuse, and ours names the files",
    datasets=TWO_FORMATS,
    ours=Refused("data of several formats, such as test.jsonl and train.csv: write all splits in one format"),
)
def train_csv_beside_test_jsonl(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.jsonl": lines(TEST_ROWS)})


@layout(
    difference="both refuse, and ours names the files",
    datasets=TWO_FORMATS,
    ours=Refused("data of several formats, such as test.parquet and train.csv: write all splits in one format"),
)
def train_csv_beside_test_parquet(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN})
    save_parquet(folder, {"test.parquet": TEST_COLUMNS})


@layout(
    difference="both refuse, and ours names the files",
    datasets=TWO_FORMATS,
    ours=Refused("data of several formats, such as test.jsonl and train-2.csv: write all splits in one format"),
)
def two_train_csv_beside_test_jsonl(folder: Path) -> None:
    save(folder, {"train-1.csv": TRAIN, "train-2.csv": TEST, "test.jsonl": lines(TEST_ROWS)})


@layout(
    difference="both refuse, and ours names the files",
    datasets=TWO_FORMATS,
    ours=Refused("data of several formats, such as test.csv and train.tsv: write all splits in one format"),
)
def tsv_beside_csv(folder: Path) -> None:
    save(folder, {"train.tsv": TRAIN.replace(",", "\t"), "test.csv": TEST})


@layout(options={"modality": "table"}, notes={"test": "12 of the 60 examples of `train`, drawn by content"})
def no_test_file(folder: Path) -> None:
    save(folder, {"a.csv": "sex,class,y\n" + "".join(f"{'mf'[n % 2]},{n % 3},{'yn'[n // 2 % 2]}\n" for n in range(60))})


@layout(
    difference="`datasets` fails; ours draws a test split, and says so",
    notes={"`test`": "not used: it has no examples", "test": "of the 10 examples of `train`, drawn by content"},
    datasets=Refused('Instruction "test" corresponds to no data!', "ValueError"),
    ours=Read({"train": {"n": [*range(10)], "y": ["p", "q"] * 5}, "test": {"n": [], "y": []}}, CLASSES),
)
def a_test_file_without_rows(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n" + "".join(f"{n},{'pq'[n % 2]}\n" for n in range(10)), "test.csv": "n,y\n"})


@layout()
def linked_file(folder: Path) -> None:
    save(folder.parent, {"elsewhere.csv": TRAIN})
    save(folder, {"test.csv": TEST})
    (folder / "train.csv").symlink_to(folder.parent / "elsewhere.csv")


@layout(path="linked")
def a_folder_that_is_a_link(folder: Path) -> None:
    save(folder.parent, {"elsewhere/train.csv": TRAIN, "elsewhere/test.csv": TEST})
    (folder / "linked").symlink_to(folder.parent / "elsewhere")


@layout(
    difference="`datasets` reads no test split",
    datasets=Read({"train": TRAIN_COLUMNS}),
    ours=Refused("gone.csv, which does not exist"),
)
def link_that_leads_nowhere(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN})
    (folder / "test.csv").symlink_to(folder.parent / "gone.csv")


@layout(
    difference="`datasets` reads the rows of test twice",
    datasets=Read({"train": TRAIN_COLUMNS, "test": twice(TEST_COLUMNS)}),
    ours=Refused("test.csv and test.csv.gz would both be read as `test`: remove one of them"),
)
def a_file_beside_its_compressed_copy(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "test.csv.gz": gzip.compress(TEST.encode())})


@layout(
    difference="`datasets` reads the rows of train twice",
    datasets=Read({"train": twice(TRAIN_COLUMNS), "test": TEST_COLUMNS}),
    ours=Refused("data/train.csv and train.csv would both be read as `train`: remove one of them"),
)
def a_file_beside_one_of_its_name_in_data(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "data/train.csv": TRAIN})


@layout(
    difference="`datasets` reads the rows of train twice",
    datasets=Read({"train": twice(TRAIN_COLUMNS), "test": TEST_COLUMNS}),
    ours=Refused("train (1).csv and train.csv have the same content, so each row would be read twice"),
)
def a_copy_beside_the_file(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "train (1).csv": TRAIN})


@layout(
    difference="`datasets` reads missing labels",
    datasets=Read({"train": {"n": [*range(20)], "y": ["p", "q"] * 10}, "test": {"n": [100], "y": [None]}}),
    ours=Refused('split test: there is no column `y` (it has: n)\n  if `test` has no labels, leave it out: test = ""'),
)
def no_labels_in_test(folder: Path) -> None:
    save(folder, {"train.csv": "n,y\n" + "".join(f"{n},{'pq'[n % 2]}\n" for n in range(20)), "test.csv": "n\n100\n"})


@layout(
    difference="ours leaves the split out, as the suite says",
    options={"test": ""},
    notes={"unused splits": "test"},
    datasets=Read({"train": {"n": [*range(20)], "y": ["p", "q"] * 10}, "test": {"n": [100], "y": [None]}}),
    ours=Read({"train": {"n": [*range(20)], "y": ["p", "q"] * 10}}, CLASSES),
)
def no_labels_in_test_which_is_left_out(folder: Path) -> None:
    no_labels_in_test.write(folder)


@layout(
    difference="both refuse, and ours names the file that is there",
    datasets=Refused("No (supported) data files found", "DataFilesNotFoundError"),
    ours=Refused("train.CSV is found only with an ending in lower case: rename it to train.csv"),
)
def ending_in_upper_case(folder: Path) -> None:
    save(folder, {"train.CSV": TRAIN})


@layout(
    difference="both refuse, and ours names the file that is there",
    datasets=TWO_FORMATS,
    ours=Refused("train.CSV is found only with an ending in lower case: rename it to train.csv"),
)
def ending_in_upper_case_beside_another(folder: Path) -> None:
    save(folder, {"train.CSV": TRAIN, "test.csv": TEST})


@layout(
    difference="`datasets` leaves the file out",
    datasets=Read({"train": TRAIN_COLUMNS}),
    ours=Refused("Test.csv would not be read beside train.csv: write its name in lower case, test.csv"),
)
def split_word_in_upper_case(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "Test.csv": TEST})


@layout(
    difference="both refuse, and ours names the files",
    datasets=Refused("because column names don't match", "DatasetGenerationError"),
    ours=Refused("part-2.csv has the column `3`, and part-1.csv, also of `train`, has not"),
)
def shards_without_names_of_columns(folder: Path) -> None:
    save(folder, {"part-1.csv": "n,y\n1,p\n2,q\n", "part-2.csv": "3,q\n4,p\n"})


@layout(
    difference="`datasets` reads the file, as a part of train",
    datasets=Read({"train": twice(TRAIN_COLUMNS), "test": TEST_COLUMNS}),
    ours=Refused("train.csv.bak would be read as part of `train`, and its ending is not one of data"),
)
def a_file_of_another_ending_with_the_name_of_a_split(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "train.csv.bak": TRAIN})


@layout()
def txt_beside_csv(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.csv": TEST, "notes.txt": "hello\n"})


@layout(
    difference="both refuse, and ours says what to do",
    datasets=TWO_FORMATS,
    ours=Refused("test.xlsx has a format that is not read: save each sheet as CSV"),
)
def xlsx_beside_csv(folder: Path) -> None:
    save(folder, {"train.csv": TRAIN, "test.xlsx": b"PK"})
