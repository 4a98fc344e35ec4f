"""Inputs as models receive them; pictures are tested in tests/tasks/test_files.py and test_hub.py."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from bench_suite.contracts import DataInvalid
from bench_suite.data import model_inputs
from bench_suite.data.cache import Cache
from bench_suite.data.columns import form_of
from bench_suite.data.model_inputs import encode_inputs, same_encoder
from bench_suite.data.origin import Origin
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.sources import Sources

SOURCES = Sources(offline=True)
ORIGIN = Origin("files:mine", "mine")


def test_categories_that_train_lacks_and_missing_values_are_noted() -> None:
    notes: dict[str, Any] = {}
    tables = {
        "train": pa.table({"n": [1.0, None], "w": ["a", "b"]}), "test": pa.table({"n": [2.0, 3.0], "w": ["a", "c"]}),
    }  # fmt: skip
    values, spec = encode_inputs(OwnDataOptions(), ("n", "w"), "table", SOURCES, ORIGIN, tables, notes)
    assert values["test"].shape == (2, len(spec["columns"]))
    assert notes == {
        "missing values": 1, "values of rare categories, or of categories that train lacks": "1 of 4 (25.0%)",
    }  # fmt: skip


def test_empty_texts_are_counted_and_refused_if_all_are() -> None:
    notes: dict[str, Any] = {}
    tables = {"train": pa.table({"t": ["a", ""]})}
    values, spec = encode_inputs(OwnDataOptions(), ("t",), "text", SOURCES, ORIGIN, tables, notes)
    assert (values, spec, notes) == ({"train": ["a", ""]}, {}, {"empty texts": 1})
    with pytest.raises(DataInvalid, match="mine: all 2 texts of train are empty"):
        encode_inputs(OwnDataOptions(), ("t",), "text", SOURCES, ORIGIN, {"train": pa.table({"t": ["", ""]})}, notes)


def picture(file: Path, value: int) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) + np.uint8(value)).save(file)


def pixels(folder: Path, cache: Cache | None) -> np.ndarray:
    paths = pa.array([{"bytes": None, "path": f"{number}.png"} for number in range(3)])
    origin = Origin("files:mine", "mine", folders=(folder,))
    sources = Sources(offline=True, cache=cache)
    tables = {"train": pa.table([paths], ["image"])}
    values, _ = encode_inputs(OwnDataOptions(), ("image",), "image", sources, origin, tables, {})
    return values["train"]


@pytest.mark.parametrize("change", ["rewritten", "rewritten at the same time", "removed", "half written"])
def test_a_picture_that_changes_while_it_is_read_is_named_and_not_cached(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", number)
    file = tmp_path / "1.png"
    state, content = file.stat(), file.read_bytes()

    def read_headers(*args: Any) -> Any:
        form = form_of(*args)
        if change == "removed":
            file.unlink()
        elif change == "half written":
            file.write_bytes(content[:30])
        else:
            picture(file, 100)
        if change == "rewritten at the same time":
            os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
        return form

    cache = Cache(tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(model_inputs, "form_of", read_headers)
        with pytest.raises(DataInvalid, match=r"^mine: 1\.png changed while the pictures were read: run again when"):
            pixels(tmp_path, cache)
    file.write_bytes(content)
    assert np.array_equal(pixels(tmp_path, cache), pixels(tmp_path, None))
    assert pixels(tmp_path, cache)[1, 0, 0, 0] == 1


def test_a_picture_whose_pixels_take_too_much_is_refused_before_it_is_decoded(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", number)
    Image.new("RGB", (12_000, 9_000)).save(tmp_path / "2.png")
    table = pa.table([pa.array([{"bytes": None, "path": f"{number}.png"} for number in range(3)])], ["image"])
    options = OwnDataOptions(size=8, max_bytes=10_000_000)
    origin = replace(ORIGIN, folders=(tmp_path,))
    with pytest.raises(DataInvalid) as caught:
        encode_inputs(options, ("image",), "image", SOURCES, origin, {"train": table}, {})
    assert str(caught.value) == (
        "mine, split train: the file 2.png has 12,000×9,000 pixels, which take 309 MiB, and 9.5 MiB are allowed: state "
        "a larger max_bytes, or make it smaller"
    )
    assert not recwarn.list  # Pillow warns of so many pixels


def test_a_part_without_a_category_is_encoded_in_another_way() -> None:
    whole = pa.table({"w": ["a", "b", "a", "b"]})
    assert same_encoder(OwnDataOptions(), ("w",), whole, np.array([0, 1]))
    assert not same_encoder(OwnDataOptions(), ("w",), whole, np.array([0, 2]))
