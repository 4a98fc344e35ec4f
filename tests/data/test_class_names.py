"""Names of classes in the metadata of an Arrow schema."""

from __future__ import annotations

import pytest

from bench_suite.data.class_names import class_names, with_class_names


def test_classes_in_the_metadata_of_a_schema_come_back_and_are_not_replaced() -> None:
    metadata = with_class_names({b"other": b"1"}, {"label": ("a", "b")})
    assert class_names(metadata, "label") == ("a", "b")
    assert class_names(metadata, "absent") is None
    assert metadata[b"other"] == b"1"
    again = with_class_names(metadata, {"label": ("x",), "kind": ("c",)})
    assert (class_names(again, "label"), class_names(again, "kind")) == (("a", "b"), ("c",))


@pytest.mark.parametrize("metadata", [None, {}, {b"huggingface": b"{"}, {b"huggingface": b'{"info": 3}'}])
def test_metadata_without_classes_have_none(metadata: dict[bytes, bytes] | None) -> None:
    assert class_names(metadata, "label") is None
