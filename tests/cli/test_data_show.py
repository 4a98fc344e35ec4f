"""`bench data show`: how data were read, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench_suite.cli.data_show import _table

SUITE = """
[[tasks]]
use = "files"
name = "churn"
path = "churn.csv"
label = "churned"
groups = ["sex"]
[[models]]
use = "logistic_regression"
[probes.quality]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    rows = [f"{n},{'mf'[n % 2]},{'0' * (n % 2)}{n},{'yes' if n % 3 else 'no'}" for n in range(40)]
    (tmp_path / "churn.csv").write_text("\n".join(["months,sex,code,churned", *rows]) + "\n")
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path / "suite.toml"


def test_files_types_splits_classes_and_groups_are_shown(bench, suite: Path) -> None:
    ended = bench("data", "show", str(suite))
    assert ended.status == 0
    for text in (
        "churn: classification, from files:churn.csv", "files of train: churn.csv", "train 32, test 8",
        "input  months   number", "whole numbers", "group  sex", "label  churned  category",
        "yes    ", "test: 8 of the 40 examples of `train`, drawn by content", "target: yes",
    ):  # fmt: skip
        assert text in ended.out
    [entry] = json.loads(bench("data", "show", str(suite), "--json").out)["tasks"]
    assert entry["splits"] == {"train": 32, "test": 8}
    assert {column["name"]: column["type"] for column in entry["columns"]} == {
        "months": "number", "code": "category", "churned": "category", "sex": "category",
    }  # fmt: skip
    assert sum(counts["train"] + counts["test"] for counts in entry["classes"].values()) == 40
    assert entry["groups"]["sex"]["train"].keys() == {"m", "f"}


def test_columns_that_are_left_out_dates_in_other_forms_and_names_of_one_form_are_shown(bench, suite: Path) -> None:
    days = [f"{2010 + n // 12}{n % 12 + 1:02d}15,{n % 24}:30" for n in range(40)]
    rows = [f"{n},{day},{('Rome', 'rome')[n % 2]},{'mfF'[n % 3]},{n % 2}" for n, day in enumerate(days)]
    (suite.parent / "churn.csv").write_text("\n".join(["Unnamed: 0,day,at,city,sex,churned", *rows]) + "\n")
    ended = bench("data", "show", str(suite))
    assert ended.status == 0
    shown = (
        'columns that number the rows, left out: `Unnamed: 0`: columns = { "Unnamed: 0" = "number" } would keep it',
        'written as YYYYMMDD: columns = { day = "date:%Y%m%d" } reads them as dates',
        'look like times of day: columns = { at = "date:%H:%M" } reads them as times of day',
        "categories of nearly one name: `city`: 2 of 2 differ only in case, spaces or Unicode form, such as "
        "'Rome' and 'rome'; `sex`: 2 of 3 differ only in case, spaces or Unicode form, such as 'F' and 'f'",
    )
    for text in shown:
        assert text in ended.out
    notes = json.loads(bench("data", "show", str(suite), "--json").out)["tasks"][0]["notes"]
    assert {"columns that number the rows, left out", "column `day`", "categories of nearly one name"} <= notes.keys()
    (suite.parent / "churn.csv").write_text("# by hand\n" + (suite.parent / "churn.csv").read_text())
    assert "line 1 is a comment ('# by hand')" in bench("data", "show", str(suite)).out


def test_what_changes_a_numbers_meaning_is_on_the_screen_before_the_training_and_at_the_top_of_the_report(
    bench, suite: Path
) -> None:
    (suite.parent / "churn.csv").write_text((suite.parent / "churn.csv").read_text() + "41,f,41,\n")
    ended = bench("run", str(suite))
    assert ended.status == 0, ended.err
    lines = [line for line in ended.err.splitlines() if line]
    drawn = "data of churn: test: 8 of the 40 examples of `train`, drawn by content"
    assert lines.index(drawn) < next(n for n, line in enumerate(lines) if line.startswith("[1/1]"))
    assert "data of churn: examples left out, without a label: 1" in lines
    [report] = Path("results").glob("*/report.md")
    top = report.read_text().split("## Results", maxsplit=1)[0]
    assert "8 of the 40 examples" in top
    assert "examples left out, without a label" in top


def test_data_that_cannot_be_read_are_said_and_the_status_is_3(bench, suite: Path) -> None:
    (suite.parent / "churn.csv").unlink()
    ended = bench("data", "show", str(suite))
    assert ended.status == 3
    assert "there is no file or folder churn.csv" in ended.out


def test_a_sheet_of_pictures_is_written(bench, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(("ant", "bee")):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            pixels = np.full((8, 8), 40 + 100 * number + len(split), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / split / name / "1.png")
    text = SUITE.replace("churn.csv", "photos").replace('"churned"', '"label"').replace('groups = ["sex"]\n', "")
    (tmp_path / "suite.toml").write_text(text)
    ended = bench("data", "show", "suite.toml", "--pictures", "sheet.png")
    assert ended.status == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] > 300
    assert "8×8×1" in ended.out


def test_the_positive_class_is_marked_and_a_name_that_is_no_class_is_refused(bench, suite: Path) -> None:
    ended = bench("data", "show", str(suite))
    assert [line.split()[0] for line in ended.out.splitlines() if line.endswith("  positive")] == ["yes"]
    suite.write_text(SUITE.replace('label = "churned"', 'label = "churned"\npositive = "no"'))
    [entry] = json.loads(bench("data", "show", str(suite), "--json").out)["tasks"]
    assert entry["positive"] == "no"
    suite.write_text(SUITE.replace('label = "churned"', 'label = "churned"\npositive = "churn"'))
    ended = bench("data", "show", str(suite))
    assert ended.status == 3
    assert '"churn" is no class of churn (it has: no, yes)' in ended.out


def test_the_first_fold_of_a_task_is_shown(bench, suite: Path) -> None:
    suite.write_text(SUITE.replace('label = "churned"', 'label = "churned"\nsplit = { folds = 4 }'))
    ended = bench("data", "show", str(suite))
    assert ended.status == 0
    assert "fold 0 of 4" in ended.out


def test_a_forgotten_label_is_asked_for(bench, suite: Path) -> None:
    suite.write_text(SUITE.replace('label = "churned"\n', ""))
    ended = bench("data", "show", str(suite))
    assert ended.status == 3
    assert 'state the column to predict, such as label = "NAME"' in ended.out


def test_what_decided_a_type_is_folded_under_its_column_on_a_narrow_terminal() -> None:
    row = ["input", "zip", "digits with leading zeros, such as postcodes"]
    lines = list(_table(["", "column", "why"], [row], 50))
    assert lines[1:] == [
        "    input  zip     digits with leading zeros, such",
        "                   as postcodes",
    ]
    assert list(_table(["", "column", "why"], [row]))[1:] == ["    input  zip     " + row[-1]]


def test_models_that_cannot_do_the_problem_and_those_that_can_are_named_before_a_run(bench, suite: Path) -> None:
    rows = [f"{n},{'mf'[n % 2]},{n * 1.5:.1f}" for n in range(40)]
    (suite.parent / "churn.csv").write_text("\n".join(["months,sex,churned", *rows]) + "\n")
    ended = bench("data", "show", str(suite))
    assert ended.status == 0
    assert "CANNOT RUN: logistic_regression cannot do regression" in ended.out
    assert "models that can: gradient_boosting, mlp\n" in ended.out
    assert "next: bench data show" in ended.out
    assert "next: bench run" not in ended.out
    failed = bench("run", str(suite))
    assert "logistic_regression cannot do it (models that can: gradient_boosting, mlp)" in failed.out + failed.err
    suite.write_text(SUITE.replace('"logistic_regression"', '"mlp"'))
    ended = bench("data", "show", str(suite))
    assert "CANNOT RUN" not in ended.out
    assert "next: bench run" in ended.out


def test_columns_that_are_not_read_are_listed_with_the_reason(bench, suite: Path) -> None:
    def reasons(line: str) -> dict[str, str]:
        suite.write_text(SUITE.replace('groups = ["sex"]', line))
        [entry] = json.loads(bench("data", "show", str(suite), "--json").out)["tasks"]
        return {column["name"]: column["why"] for column in entry["columns"] if column["use"] == "not read"}

    assert reasons('columns = { code = "ignore" }') == {"code": "`columns` says ignore"}
    assert "not read  code" in bench("data", "show", str(suite)).out
    assert reasons('inputs = ["months"]') == dict.fromkeys(("sex", "code"), "`inputs` does not name it")
    assert reasons("") == {}
    text = (suite.parent / "churn.csv").read_text().splitlines()
    numbered = [f"Unnamed: 0,{text[0]}", *(f"{number},{line}" for number, line in enumerate(text[1:]))]
    (suite.parent / "churn.csv").write_text("\n".join(numbered) + "\n")
    assert reasons("") == {"Unnamed: 0": "it numbers the rows"}


def test_examples_show_each_class_and_counts_have_commas(bench, suite: Path) -> None:
    rows = [f"{n},m,{n},{'no' if n < 1990 else 'yes' if n < 1995 else 'maybe'}" for n in range(2000)]
    (suite.parent / "churn.csv").write_text("\n".join(["months,sex,code,churned", *rows]) + "\n")
    ended = bench("data", "show", str(suite))
    assert "test: 400 of the 2,000 examples of `train`" in ended.out
    examples = ended.out.partition("examples of train")[2]
    assert [examples.count(f"target: {name}") for name in ("no", "yes", "maybe")] == [1, 1, 1]


def test_labels_from_folders_are_called_that(bench, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8), 20 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png")
    text = SUITE.replace("churn.csv", "photos").replace('"churned"', '"label"').replace('groups = ["sex"]\n', "")
    (tmp_path / "suite.toml").write_text(text)
    [entry] = json.loads(bench("data", "show", "suite.toml", "--json").out)["tasks"]
    assert {column["name"]: column["why"] for column in entry["columns"]}["label"] == "names of the folders"


def test_types_that_a_readme_states_decide_and_the_suite_decides_first(bench, suite: Path) -> None:
    folder = suite.parent / "mine"
    folder.mkdir()
    rows = "\n".join(f"{n % 9},{n:03d},{'yes' if n % 3 else 'no'}" for n in range(40))
    (folder / "train.csv").write_text(f"kind,code,churned\n{rows}\n")
    names = "".join(f"  - name: {name}\n    dtype: {kind}\n" for name, kind in (("kind", "string"), ("code", "int64")))
    (folder / "README.md").write_text(f"---\ndataset_info:\n  features:\n{names}---\n")

    def columns(line: str) -> dict[str, tuple[str, str]]:
        suite.write_text(SUITE.replace("churn.csv", "mine").replace('groups = ["sex"]', line))
        [entry] = json.loads(bench("data", "show", str(suite), "--json").out)["tasks"]
        return {one["name"]: (one["type"], one["why"]) for one in entry["columns"]}

    read = columns("")
    assert read["kind"] == ("category", "the README says string")
    assert read["code"] == ("number", "the README says int64")
    read = columns('columns = { kind = "number", code = "category" }')
    assert (read["kind"][0], read["code"][0]) == ("number", "category")
    (folder / "README.md").unlink()
    read = columns("")
    assert (read["kind"][0], read["code"][0]) == ("number", "category")
