"""The picture of corruptions has a row for each of them and a column for each severity."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.robustness.pictures import GAP, NAMES_WIDTH, corruption_grid


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (300, 200, 3)])
def test_it_shows_the_image_first_and_then_each_severity(shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    grid = corruption_grid(image, ("contrast", "gaussian_noise"), (1, 5))
    assert grid.dtype == np.uint8
    height, width = (grid.shape[0] - 20) // 2 - GAP, (grid.shape[1] - NAMES_WIDTH) // 3 - GAP
    assert 64 <= height <= 128
    assert width == pytest.approx(height * shape[1] / shape[0], abs=1)
    tiles = [
        grid[20 + row * (height + GAP) :, NAMES_WIDTH + column * (width + GAP) :][:height, :width].astype(float)
        for row in range(2) for column in range(3)
    ]  # fmt: skip
    assert np.array_equal(tiles[0], tiles[3])
    assert tiles[2].std() < tiles[1].std() < tiles[0].std()
