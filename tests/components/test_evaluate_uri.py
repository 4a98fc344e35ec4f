"""Names of metrics of `evaluate`: their parts, and what is wrong with one that cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench_suite.components.evaluate_uri import EvaluateName, name_of, read_name


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("evaluate:seqeval", EvaluateName("seqeval", False, "seqeval")),
        ("evaluate:user/my-metric", EvaluateName("user/my-metric", False, "my-metric")),
        (
            "evaluate:f1?average=macro&better=higher&labels=[0, 1]",
            EvaluateName("f1", False, "f1", "higher", arguments={"average": "macro", "labels": [0, 1]}),
        ),
        (
            "evaluate:roc_auc?config=multiclass&part=auc&name=auc&k=2",
            EvaluateName("roc_auc", False, "auc", "none", "auc", "multiclass", {"k": 2}),
        ),
    ],
)
def test_a_name_has_an_id_fields_and_arguments(use, name):
    assert read_name(use, Path()) == name


@pytest.mark.parametrize("use", ["evaluate:./mine.py", "evaluate:mine.py", "evaluate:./mine"])
def test_a_script_is_looked_for_from_the_folder_of_the_file_that_names_it(tmp_path, use):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").touch()
    (tmp_path / "mine.py").touch()
    script = tmp_path / "mine" / "mine.py" if use.endswith("mine") else tmp_path / "mine.py"
    assert read_name(use, tmp_path) == EvaluateName(str(script.resolve()), True, "mine")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("evaluate:f1?average", "write key=value after the question mark"),
        ("evaluate:f1?=3", "write the name of an argument before each ="),
        ("evaluate:f1?better=up", 'better must be "higher", "lower" or "none", not "up"'),
        ("evaluate:a/b/c", "names no metric of evaluate"),
        ("evaluate:f1?name=a b", '"a b" is no name for a metric'),
        ("evaluate:./absent.py", "there is no such metric script"),
    ],
)
def test_a_name_that_cannot_be_read_says_what_is_right(tmp_path, use, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_name(use, tmp_path)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("accuracy", "accuracy"), ("./metrics/mine.py", "mine"), ("evaluate:user/f1", "f1"), ("evaluate:./f1.py", "f1"),
        ("evaluate:f1?name=macro_f1", "macro_f1"),
    ],
)  # fmt: skip
def test_the_name_of_a_metric_is_the_stated_one_or_that_of_its_file_or_id(use, name):
    assert name_of(use) == name
