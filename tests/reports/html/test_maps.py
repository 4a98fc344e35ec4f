"""A map is a small picture in which the sign is a colour, the strength an opacity, and nothing is transparent."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from bench_suite.reports.html.maps import AGAINST, FOR, MAX_SIDE, map_picture


def pixels(address: str) -> np.ndarray:
    form, _, content = address.partition(";base64,")
    assert form == "data:image/png"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))


def test_signs_are_colours_and_magnitudes_opacities() -> None:
    address, size = map_picture(np.array([[127, 40, 0], [-127, -40, 3]]))
    shown = pixels(address)
    assert size == (3, 2)
    assert [tuple(shown[0, 0]), tuple(shown[1, 0])] == [(*FOR, 255), (*AGAINST, 255)]
    assert (shown[0, 2, 3], shown[1, 2, 3]) == (0, 0)
    assert tuple(shown[0, 1, :3]) == FOR
    assert 0 < shown[0, 1, 3] == shown[1, 1, 3] < 255


def test_a_map_of_noise_stays_small() -> None:
    noise = np.random.default_rng(0).integers(-127, 128, (28, 28))
    assert len(map_picture(noise)[0]) < 1000


@pytest.mark.parametrize(
    "values", [np.zeros(3), np.zeros((0, 4)), np.zeros((MAX_SIDE + 1, 2)), np.array([[np.nan]]), np.zeros((2, 2, 3))]
)
def test_what_is_no_map_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a map has up to 64"):
        map_picture(values)
