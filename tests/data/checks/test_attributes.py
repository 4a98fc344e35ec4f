"""Claims about attributes of texts and pictures: their values by hand, and an empty text divides by nothing."""

from __future__ import annotations

import numpy as np

from bench_suite.data.checks.attributes import attributes_of


def test_attributes_of_texts_by_hand() -> None:
    values = attributes_of("text", ["Ab 12\nc", ""])
    assert {name: array.tolist() for name, array in values.items()} == {
        "the number of characters": [7.0, 0.0],
        "the number of words": [3.0, 0.0],
        "the number of line ends": [1.0, 0.0],
        "the share of capital letters": [1 / 7, 0.0],
        "the share of digits": [2 / 7, 0.0],
    }


def test_attributes_of_pictures_by_hand() -> None:
    picture = np.zeros((1, 2, 3, 3), dtype=np.uint8)
    picture[0, 0, 0] = (30, 60, 90)
    picture[0, 1, 2] = (120, 0, 0)
    values = {name: float(array[0]) for name, array in attributes_of("image", picture).items()}
    assert values["the mean brightness"] == np.float32(300 / 18)
    assert np.isclose(values["the contrast"], picture.std())
    shares = [values[f"the share of {name}"] for name in ("red", "green", "blue")]
    assert np.allclose(shares, [0.5, 0.2, 0.3])
    corners = [values[f"the {where} pixel"] for where in ("top left", "top right", "bottom left", "bottom right")]
    assert corners == [60.0, 0.0, 0.0, 40.0]


def test_grey_and_black_pictures_have_no_share_of_a_colour() -> None:
    assert "the share of red" not in attributes_of("image", np.zeros((2, 4, 4, 1), dtype=np.uint8))
    black = attributes_of("image", np.zeros((1, 4, 4, 3), dtype=np.uint8))
    assert black["the share of red"].tolist() == [0.0]
