"""Labels become class numbers that map back to the original values of any type."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import DataInvalid
from bench_suite.data.labels import Labels, read_labels

ONE_KIND = st.one_of(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=30),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), min_size=2, max_size=30),
    st.lists(st.booleans(), min_size=2, max_size=30),
)


def read(train: Any, problem: str | None = None, **others: Any) -> Labels:
    tables = {split: pa.table({"label": labels}) for split, labels in {"train": train, **others}.items()}
    return read_labels(tables, "label", problem, "owner/name")


@given(ONE_KIND.filter(lambda labels: len(set(labels)) > 1))
def test_a_class_number_leads_back_to_its_label(labels: list[Any]) -> None:
    result = read(labels)
    assert result.classes is not None
    named = [result.classes[number] for number in result.targets["train"].tolist()]
    assert named == [str(label).lower() if isinstance(label, bool) else str(label) for label in labels]
    assert len(result.classes) == len(set(labels))
    assert result.known("train").all()


@given(ONE_KIND.filter(lambda labels: len(set(labels)) > 1))
def test_the_order_of_examples_does_not_change_the_classes(labels: list[Any]) -> None:
    assert read(labels).classes == read(labels[::-1]).classes


def test_a_split_of_a_text_file_without_any_label_has_none() -> None:
    labels = read([0, 1], test=pa.array([None, None], pa.null()))
    assert labels.known("test").tolist() == [False, False]


def test_whole_numbers_written_as_floats_in_one_split_are_the_same_labels() -> None:
    labels = read([3, 5], test=[5.0, None])
    assert labels.classes == ("3", "5")
    assert labels.targets["test"].tolist() == [1, -1]


@pytest.mark.parametrize("test", [["a", "b"], [0.5, 1.0]])
def test_labels_of_another_kind_in_another_split_are_refused(test: list[Any]) -> None:
    with pytest.raises(DataInvalid, match=r"label `label`, split test holds .*, and that of train int64"):
        read([0, 1], test=test)


def test_texts_are_found_among_the_classes_that_are_named() -> None:
    features = {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    table = pa.table({"label": ["yes", "no", "yes"]})
    named = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    labels = read_labels({"train": named}, "label", None, "owner/name")
    assert (labels.classes, labels.targets["train"].tolist()) == (("no", "yes"), [1, 0, 1])


def test_texts_are_no_values_of_a_regression() -> None:
    with pytest.raises(DataInvalid, match='leave out problem = "regression"'):
        read(["a", "b"], "regression")
