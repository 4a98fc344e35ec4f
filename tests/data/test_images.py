"""Encoded images become pixels, once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from bench_suite.contracts import DataInvalid
from bench_suite.data import images
from bench_suite.data.cache import Cache
from bench_suite.data.images import decoded

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def column(files: list[bytes]) -> pa.ChunkedArray:
    return pa.chunked_array([[{"bytes": file, "path": None} for file in files]])


def test_pixels_come_back_as_they_were_saved() -> None:
    assert (decoded(column([png(image) for image in PIXELS]), "RGB", "pictures") == PIXELS).all()
    grey = PIXELS[..., 0]
    made = decoded(column([png(image) for image in grey]), "L", "pictures")
    assert made.shape == (3, 5, 4, 1)
    assert (made[..., 0] == grey).all()


def test_grey_images_among_coloured_ones_get_three_channels() -> None:
    made = decoded(column([png(PIXELS[0]), png(PIXELS[1, ..., 0])]), "RGB", "pictures")
    assert (made[1] == PIXELS[1, ..., :1]).all()


def test_images_in_files_of_their_own_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(PIXELS[0]))
    rows = pa.chunked_array([[{"bytes": None, "path": str(tmp_path / "one.png")}]])
    assert (decoded(rows, "RGB", "pictures")[0] == PIXELS[0]).all()


def test_a_broken_image_is_named_by_its_row() -> None:
    with pytest.raises(DataInvalid, match="pictures: the image of row 1 does not decode"):
        decoded(column([png(PIXELS[0]), png(PIXELS[1])[:40]]), "RGB", "pictures")


def test_an_image_of_another_size_is_named_by_its_row() -> None:
    with pytest.raises(DataInvalid, match="the image of row 1 is 4×3, the first is 4×5"):
        decoded(column([png(PIXELS[0]), png(PIXELS[1, :3])]), "RGB", "pictures")


def test_images_are_decoded_once_and_again_when_one_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [png(image) for image in PIXELS]
    first = decoded(column(files), "RGB", "pictures", Cache(tmp_path))
    decode = images._decode
    monkeypatch.setattr(images, "_decode", lambda *_: pytest.fail("decoded again"))
    assert (decoded(column(files), "RGB", "pictures", Cache(tmp_path)) == first).all()
    monkeypatch.setattr(images, "_decode", decode)
    files[0] = files[1]
    assert (decoded(column(files), "RGB", "pictures", Cache(tmp_path))[0] == PIXELS[1]).all()
