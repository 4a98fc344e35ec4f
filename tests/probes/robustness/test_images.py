"""Corrupted images: pixel by pixel those of the published code, for any size, and the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench_suite.probes.robustness import images
from bench_suite.probes.robustness.images import CORRUPTIONS, corrupt_images

PUBLISHED = Path(__file__).with_name("published.npz")
"""Two digits and one colour picture, corrupted by the published code of MNIST-C (google-research/mnist-c,
`corruptions.py`) and CIFAR-10-C (hendrycks/robustness, `make_cifar_c.py`) at the severities 1 and 5. The code ran with
Pillow 12.3 and scikit-image 0.26, in which the argument `multichannel` is called `channel_axis`. NumPy's global seed
was 0 for noise on digits and 1 for noise on the colour picture; signs of turns and moves were set, not drawn."""
SEVERITIES = (1, 5)
SEEDS = {"grey": 0, "colour": 1}
STRICT = {"gaussian_noise", "contrast", "pixelate", "jpeg"}
"Corruptions that are equal in every pixel; in others, a pixel may round to the next level."


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    with np.load(PUBLISHED) as stored:
        return dict(stored)


def pictures(side: int = 28, channels: int = 1, count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, channels)).astype(np.uint8)


def recreated(name: str, kind: str, severity: int, published: dict[str, np.ndarray]) -> np.ndarray:
    """Return our version of the published pictures, with the random numbers that the published code drew."""
    clean = published[kind]
    corruption = CORRUPTIONS[name]
    amount, scaled = corruption.amount(severity, clean.shape[1:]), clean / 255.0
    if name == "gaussian_noise":
        normal = np.random.RandomState(SEEDS[kind]).standard_normal(clean.shape)
        return images.to_bytes(images.add_noise(scaled, amount, normal))
    if name == "rotation":
        return images.to_bytes(images.rotated(scaled, amount))
    if name == "translation":
        return images.to_bytes(images.translated(scaled, amount, -amount))
    return images.to_bytes(corruption.change(scaled, amount, ()))


CASES = [
    *((name, "grey") for name in CORRUPTIONS if name not in ("occlusion", "blur")),
    *((name, "colour") for name in CORRUPTIONS if name not in ("occlusion", "rotation", "translation")),
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_pixels_are_those_of_the_published_code(name, kind, published):
    for severity in SEVERITIES:
        ours = recreated(name, kind, severity, published).astype(int)
        off = np.abs(ours - published[f"{kind} {name} {severity}"].astype(int))
        assert off.max() <= (0 if name in STRICT else 1), (severity, off.max())
        assert (off > 0).mean() < 0.01, severity
        assert np.abs(ours - published[kind].astype(int)).max() > 0


def test_the_published_blur_of_grey_pictures_runs_along_one_side_and_ours_along_both(published):
    for severity in SEVERITIES:
        ours = recreated("blur", "grey", severity, published).astype(int)
        both = published[f"grey blur of both sides {severity}"].astype(int)
        one = published[f"grey blur {severity}"].astype(int)
        assert np.abs(ours - both).max() <= 1
        assert np.abs(ours - one).max() > 20


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (20, 31, 3), (97, 64, 1)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_pictures_of_any_size_keep_their_shape_and_change_more_with_severity(name, shape):
    rows, columns = np.meshgrid(np.linspace(0, 3, shape[0]), np.linspace(0, 3, shape[1]), indexing="ij")
    smooth = 110 + 90 * np.sin(rows + 2 * columns)
    clean = np.repeat(np.repeat(smooth[None, :, :, None], shape[2], axis=3), 3, axis=0).astype(np.uint8)
    changes = []
    for severity in range(1, 6):
        changed = corrupt_images(clean, name, severity)
        assert changed.shape == clean.shape
        assert changed.dtype == np.uint8
        changes.append(np.abs(changed.astype(int) - clean.astype(int)).mean())
    assert changes[4] > changes[0] >= 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_corrupted_alike_whatever_stands_beside_it(name):
    clean = pictures()
    together = corrupt_images(clean, name, 4)
    alone = np.concatenate([corrupt_images(clean[row : row + 1], name, 4) for row in reversed(range(len(clean)))])
    assert np.array_equal(together, alone[::-1])
    assert np.array_equal(together, corrupt_images(clean, name, 4))


def test_many_images_are_corrupted_part_by_part(monkeypatch):
    clean = pictures(count=7)
    whole = corrupt_images(clean, "rotation", 2)
    monkeypatch.setattr(images, "MAX_VALUES", 2 * clean[0].size + 1)
    assert np.array_equal(corrupt_images(clean, "rotation", 2), whole)
    assert corrupt_images(clean[:0], "rotation", 2).shape == (0, 28, 28, 1)


def test_different_images_get_different_noise():
    clean = np.stack([np.full((28, 28, 1), 128, dtype=np.uint8), np.full((28, 28, 1), 129, dtype=np.uint8)])
    noise = corrupt_images(clean, "gaussian_noise", 3).astype(int) - clean
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.2


def test_noise_has_the_deviation_that_is_stated():
    clean = np.full((4, 64, 64, 1), 128, dtype=np.uint8)
    for severity, stated in enumerate(CORRUPTIONS["gaussian_noise"].grey[:3], 1):
        noise = corrupt_images(clean, "gaussian_noise", severity).astype(float)
        assert noise.std() == pytest.approx(255 * stated, rel=0.03)


def test_a_turn_keeps_the_middle_and_its_direction_is_drawn():
    clean = np.zeros((60, 29, 29, 1), dtype=np.uint8)
    clean[:, 14, 14:] = 255
    clean[:, 0, 0, 0] = np.arange(60)  # different pictures
    turned = corrupt_images(clean, "rotation", 5)
    assert (turned[:, 14, 14] >= 254).all()
    upwards = turned[:, :14, 15:].sum(axis=(1, 2, 3)) > turned[:, 15:, 15:].sum(axis=(1, 2, 3))
    assert 10 < upwards.sum() < 50


def test_a_move_goes_in_all_four_directions_and_by_as_many_pixels_as_stated():
    clean = np.zeros((80, 28, 28, 1), dtype=np.uint8)
    clean[:, 14, 14] = 255
    clean[:, 0, 0, 0] = np.arange(80)
    moved = corrupt_images(clean, "translation", 3)
    places = {tuple(np.argwhere(picture[5:-5, 5:-5, 0] == 255)[0] + 5) for picture in moved}
    assert places == {(11, 11), (11, 17), (17, 11), (17, 17)}


def test_a_square_of_the_stated_side_is_covered_with_the_mean():
    clean = pictures(40, 3)
    covered = corrupt_images(clean, "occlusion", 5)
    for picture, original in zip(covered, clean):
        changed = np.argwhere((picture.astype(int) - original).any(axis=2))
        assert (np.ptp(changed, axis=0) + 1 == 20).all()
        corner = changed.min(axis=0)
        assert np.abs(picture[tuple(corner)] - original.mean(axis=(0, 1))).max() <= 1


def test_black_becomes_grey_if_it_gets_brighter_and_colours_keep_their_hue():
    clean = np.array([[[[0, 0, 0], [100, 50, 0]]]], dtype=np.uint8)
    brighter = corrupt_images(clean, "brightness", 2)[0, 0].astype(int)
    assert np.abs(brighter - [[25, 25, 25], [125, 62, 0]]).max() <= 1
