"""The card of a data set: files, classes and licence from the head of a README, and classes in an Arrow schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.data.card import Card, class_names, read_card, with_class_names

README = """---
license: mit
configs:
- config_name: plain
  data_files:
  - split: train
    path: [a.csv, b.csv]
  - split: test
    path: c.csv
- config_name: extra
  default: true
  data_dir: more
  data_files: "*.csv"
dataset_info:
  config_name: plain
  features:
  - name: label
    dtype:
      class_label:
        names:
          '10': z
          '2': y
  - name: text
    dtype: string
---
# A data set
"""


def test_the_head_of_a_readme_names_files_classes_and_licence(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="PyYAML is not installed; it comes with the hub's libraries")
    (tmp_path / "README.md").write_text(README)
    card = read_card(tmp_path)
    assert card == Card(
        {"plain": {"train": ("a.csv", "b.csv"), "test": ("c.csv",)}, "extra": {"train": ("more/*.csv",)}},
        "extra",
        {"plain": {"label": ("y", "z")}},
        "mit",
    )
    assert card.classes_of("plain") == {"label": ("y", "z")}
    assert card.classes_of("extra") == {}


def test_classes_without_a_configuration_are_those_of_any() -> None:
    card = Card(classes={None: {"label": ("a",)}, "b": {"label": ("c",)}})
    assert (card.classes_of("x"), card.classes_of("b")) == ({"label": ("a",)}, {"label": ("c",)})


@pytest.mark.parametrize("text", [None, "# No head", "---\n- a list\n---\n", "---\n: [\n---\n"])
def test_a_readme_that_cannot_be_read_is_an_empty_card(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "README.md").write_text(text)
    assert read_card(tmp_path) == Card()


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
