"""Encoded images are decoded to pixels once."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from bench_suite.contracts import DataInvalid
from bench_suite.data import images
from bench_suite.data.cache import Cache
from bench_suite.data.images import decode_images, encoded_bytes, no_sample, pixels

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def column(files: list[bytes]) -> pa.ChunkedArray:
    return pa.chunked_array([[{"bytes": file, "path": None} for file in files]])


def test_pixels_come_back_as_they_were_saved() -> None:
    assert (decode_images(column([png(image) for image in PIXELS]), "RGB", "pictures") == PIXELS).all()
    grey = PIXELS[..., 0]
    images = decode_images(column([png(image) for image in grey]), "L", "pictures")
    assert images.shape == (3, 5, 4, 1)
    assert (images[..., 0] == grey).all()


def test_grey_images_among_coloured_ones_get_three_channels() -> None:
    images = decode_images(column([png(PIXELS[0]), png(PIXELS[1, ..., 0])]), "RGB", "pictures")
    assert (images[1] == PIXELS[1, ..., :1]).all()


def test_images_in_files_of_their_own_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(PIXELS[0]))
    for path in (str(tmp_path / "one.png"), "one.png"):
        rows = pa.chunked_array([[{"bytes": None, "path": path}]])
        assert (decode_images(rows, "RGB", "pictures", within=[tmp_path])[0] == PIXELS[0]).all()


# ── input formats ───────────────────────────────────────────────────────────────────────────────


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_grey_of_16_bits_keeps_its_upper_8() -> None:
    deep = np.array([[0, 255, 256], [32_768, 40_000, 65_535]], dtype=np.uint16)
    grey = pixels(saved(Image.fromarray(deep)), "L", "it")
    assert grey[..., 0].tolist() == (deep >> 8).tolist()
    assert (pixels(saved(Image.fromarray(deep)), "RGB", "it") == grey).all()


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "RGBA", "LA", "RGB", "L"])
def test_images_of_every_mode_become_grey_or_coloured(mode: str) -> None:
    image = Image.fromarray(PIXELS[0]).convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    for wanted, channels in (("RGB", 3), ("L", 1)):
        array = pixels(saved(image, kind), wanted, "it")
        assert array.shape == (5, 4, channels)
        assert (array.squeeze() == np.asarray(image.convert(wanted))).all()


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(DataInvalid, match=r"it does not decode .*floating-point"):
        pixels(saved(Image.fromarray(np.ones((2, 2), dtype=np.float32)), "TIFF"), "L", "it")


def test_the_middle_of_an_image_is_cut_and_resized() -> None:
    wide = np.tile(PIXELS[0], (6, 20, 1))  # 30×80
    resized = Image.fromarray(wide).resize((32, 12), Image.Resampling.BILINEAR)  # the usual two steps
    assert (pixels(png(wide), "RGB", "it", 12) == np.asarray(resized.crop((10, 0, 22, 12)))).all()
    framed = np.zeros((8, 8, 3), dtype=np.uint8)
    framed[2:6, 2:6] = 255
    assert (pixels(png(framed), "RGB", "it", 4, crop=0.5) == 255).all()
    assert (pixels(png(framed), "RGB", "it", 8) == framed).all()


def test_a_small_image_is_enlarged() -> None:
    assert (pixels(png(np.full((2, 3, 3), 7, dtype=np.uint8)), "RGB", "it", 16) == 7).all()


def test_a_column_of_images_of_many_sizes_is_brought_to_one() -> None:
    files = [png(PIXELS[0]), png(PIXELS[1, :3]), saved(Image.new("L", (40, 50), 9), "JPEG")]
    assert decode_images(column(files), "RGB", "pictures", size=8).shape == (3, 8, 8, 3)


def test_other_sizes_are_other_entries_of_the_cache(tmp_path: Path) -> None:
    files = column([png(image) for image in PIXELS])
    sides = [decode_images(files, "RGB", "pictures", Cache(tmp_path), size=size).shape[1] for size in (None, 8, 16, 8)]
    assert sides == [5, 8, 16, 8]


# ── bad input ───────────────────────────────────────────────────────────────────────────────────


def test_a_broken_image_is_named_by_its_row_with_what_to_do() -> None:
    with pytest.raises(DataInvalid) as raised:
        decode_images(column([png(PIXELS[0]), png(PIXELS[1])[:40]]), "RGB", "pictures", download="fetch pictures")
    assert str(raised.value).startswith("pictures: the image of row 1 does not decode as an image (40 bytes that begin")
    assert str(raised.value).endswith("\n  to download the data again: fetch pictures")


@pytest.mark.parametrize("cut", [0, 1, 8, 20, 33, 60, 100, 160])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_damaged_files_of_every_format_decode_or_are_named(kind: str, cut: int) -> None:
    whole = saved(Image.fromarray(np.tile(PIXELS[0], (4, 4, 1))), kind)
    damaged = whole[:cut] + bytes(255 - byte for byte in whole[cut : cut + 40])
    with contextlib.suppress(DataInvalid), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about its conversion of some formats
        assert pixels(damaged, "RGB", "it").dtype == np.uint8


def test_an_image_too_large_to_be_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(DataInvalid, match="it does not decode"):
        pixels(png(PIXELS[0]), "RGB", "it")


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows = pa.chunked_array([[{"bytes": png(PIXELS[0]), "path": None}, {"bytes": None, "path": None}]])
    with pytest.raises(DataInvalid, match="pictures: the image of row 1 is missing"):
        decode_images(rows, "RGB", "pictures")
    for path, message in (
        (
            "one.png",
            r"there is no file one\.png\n  to repair it: add the picture, or remove the row that names it",
        ),
        ("one\0.png", r"its file `one.\.png` cannot be read: .*null"),
    ):
        with pytest.raises(DataInvalid, match=f"pictures: {message}"):
            encoded_bytes({"bytes": None, "path": path}, "pictures", within=[tmp_path])


def test_a_file_outside_of_the_data_sets_folder_is_never_opened(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "secret.png").write_bytes(png(PIXELS[0]))
    (own / "link.png").symlink_to(tmp_path / "secret.png")
    for path in (str(tmp_path / "secret.png"), "../secret.png", str(own / "../secret.png"), "link.png"):
        for within in ([own], []):
            with pytest.raises(DataInvalid, match="not in the data set's own folder, and no other file is opened"):
                encoded_bytes({"bytes": None, "path": path}, "pictures", within=within)


def test_a_folder_that_is_itself_a_link_holds_its_files(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "one.png").write_bytes(b"png")
    (tmp_path / "linked").symlink_to(tmp_path / "there")
    assert encoded_bytes({"bytes": None, "path": "one.png"}, "it", within=[tmp_path / "linked"]) == b"png"


def test_a_sample_that_there_is_not_is_refused() -> None:
    no_sample("cifar10", "full")
    with pytest.raises(ValueError, match='no package ships a sample of cifar10; use data = "full"'):
        no_sample("cifar10", "sample")


def test_an_image_of_another_size_is_named_by_its_row() -> None:
    with pytest.raises(DataInvalid, match="the image of row 1 is 4×3, the first is 4×5"):
        decode_images(column([png(PIXELS[0]), png(PIXELS[1, :3])]), "RGB", "pictures")


def test_images_are_decoded_once_and_again_when_one_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [png(image) for image in PIXELS]
    first = decode_images(column(files), "RGB", "pictures", Cache(tmp_path))
    decode = images._decode
    monkeypatch.setattr(images, "_decode", lambda *_: pytest.fail("decoded again"))
    assert (decode_images(column(files), "RGB", "pictures", Cache(tmp_path)) == first).all()
    monkeypatch.setattr(images, "_decode", decode)
    files[0] = files[1]
    assert (decode_images(column(files), "RGB", "pictures", Cache(tmp_path))[0] == PIXELS[1]).all()
