"""Items: small pictures, the beginning of texts, names and values of rows; never more bytes than stated."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from bench_suite.data.splits import MemorySplit
from bench_suite.reports.html.item_data import TestData
from bench_suite.reports.html.items import MAX_CHARACTERS, MAX_SIDE, picture, read_items

IDS = np.array([11, 22, 33])


def decoded(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_a_small_grey_picture_keeps_each_pixel(runs_of_examples: SimpleNamespace) -> None:
    data, _ = runs_of_examples.load("digits")
    split = data.splits["test"]
    ids = split.ids[[4, 2]].tolist()
    items = read_items(TestData(split, data.spec), ids)
    for row, id in zip((4, 2), ids):
        assert np.array_equal(decoded(items.by_id[id].image), split.columns["image"][row, :, :, 0])
        assert items.by_id[id].size == (8, 8)


def test_a_large_picture_in_colour_is_reduced_and_keeps_its_shape() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 150, 3), dtype=np.uint8)
    address, size = picture(noise)
    assert size == (32, 64)
    assert max(size) == MAX_SIDE
    assert len(address) < 8_000


def test_pictures_of_other_channels_are_shown_as_their_mean() -> None:
    pixels = np.dstack([np.full((4, 4), value, dtype=np.uint8) for value in (0, 100, 200, 100)])
    assert (decoded(picture(pixels)[0]) == 100).all()


def test_a_text_is_cut_and_states_how_much_is_left_out() -> None:
    split = MemorySplit(IDS, {"text": ["short", "x" * 1000, "<script>alert(1)</script>"], "target": np.zeros(3)})
    items = read_items(TestData(split, {}), [22, 11, 33]).by_id
    assert (items[11].text, items[11].cut) == ("short", 0)
    assert (len(items[22].text), items[22].cut) == (MAX_CHARACTERS, 1000 - MAX_CHARACTERS)
    assert items[33].text == "<script>alert(1)</script>"


def test_a_row_of_a_table_has_the_columns_that_a_person_brought() -> None:
    table = np.array([[30.0, 1, 0], [np.nan, 0, 1], [55, 0, 0]])
    spec = {
        "columns": ("age", "job=nurse", "job=cook"), "raw_columns": ("age", "job", "job"),
        "kinds": ("number", "category", "category"), "units": {"age": "years"},
    }  # fmt: skip
    items = read_items(TestData(MemorySplit(IDS, {"table": table, "target": np.zeros(3)}), spec), IDS.tolist())
    assert items.columns == ("age", "job")
    assert [items.by_id[id].values for id in IDS.tolist()] == [
        ("30 years", "nurse"), ("missing", "cook"), ("55 years", "another"),
    ]  # fmt: skip


def test_items_that_cannot_be_read_are_a_reason() -> None:
    class Broken:
        ids = IDS

        def take(self, rows: np.ndarray) -> None:
            raise OSError("the disk is gone")

    assert read_items(TestData(Broken(), {}), [11]).reason == "the data cannot be read: OSError: the disk is gone"
    split = MemorySplit(IDS, {"target": np.zeros(3)})
    assert "neither images" in read_items(TestData(split, {}), [11]).reason
    assert "do not have these" in read_items(TestData(split, {}), [99]).reason
    assert read_items(TestData(None, {}, reason="not here"), [11]).reason == "not here"
