"""Augmentation: the effect of each change on known images, a new draw each time, and no effect on other inputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench_suite.contracts import Batch, BenchError
from bench_suite.problems import classification
from bench_suite.training import augmentation
from bench_suite.training.augmentation import augment, cutout, flip, mixup, mixup_loss, shift


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pictures(count: int = 64, side: int = 16) -> torch.Tensor:
    return torch.randint(1, 255, (count, side, side, 3), dtype=torch.uint8)


def test_about_half_are_mirrored_and_the_others_untouched() -> None:
    image = pictures(400)
    changed = flip(image)
    mirrored = (changed == image.flip(2)).flatten(1).all(1)
    same = (changed == image).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert 150 < int(mirrored.sum()) < 250


def test_a_shift_moves_a_picture_as_a_whole_by_at_most_an_eighth_and_fills_with_black() -> None:
    image = torch.zeros(500, 16, 16, 1, dtype=torch.uint8)
    image[:, 8, 8] = 200
    changed = shift(image)
    places = changed[..., 0].nonzero()
    assert len(places) == 500, "the one bright pixel is there once in each picture"
    moved = places[:, 1:] - 8
    assert moved.abs().max() == 2
    assert len({tuple(step) for step in moved.tolist()}) == 25, "every shift occurs"
    corner = shift(torch.full((200, 16, 16, 1), 9, dtype=torch.uint8))
    assert set(corner.unique().tolist()) == {0, 9}


def test_cutout_blanks_one_square_with_the_mean_colour() -> None:
    image = torch.full((300, 16, 16, 3), 10, dtype=torch.uint8)
    image[:, ::2] = 30
    changed = cutout(image)
    blanked = (changed == 20).all(-1)
    assert int(blanked.flatten(1).sum(1).max()) == 16, "a square of a quarter of the side: 4 × 4"
    assert bool((changed[~blanked] == image[~blanked]).all())
    whole = blanked[blanked.flatten(1).sum(1) == 16][0]
    rows, columns = whole.any(1).nonzero().squeeze(1), whole.any(0).nonzero().squeeze(1)
    assert len(rows) == len(columns) == 4
    assert bool(whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())


def test_mixup_mixes_images_and_the_loss_in_one_proportion() -> None:
    image, targets = pictures(8), torch.arange(8)
    values, both = mixup(image, targets)
    assert torch.allclose(values, both.weight * image.float() + (1 - both.weight) * image[both.others].float())
    outputs = torch.randn(8, 10)
    loss = mixup_loss(classification.loss)(outputs, both, {})
    expected = both.weight * classification.loss(outputs, both.targets, {}) + (1 - both.weight) * classification.loss(
        outputs, both.others, {}
    )
    assert float(loss) == pytest.approx(float(expected))


@pytest.mark.parametrize("changes", [("flip",), ("shift",), ("cutout",), ("mixup",), ("mixup", "flip", "cutout")])
def test_each_is_drawn_anew_and_repeats_itself_from_one_seed(changes: tuple[str, ...]) -> None:
    batch = Batch({"image": pictures(), "other": torch.ones(64)}, torch.arange(64))
    torch.manual_seed(5)
    first, second = augment(batch, changes), augment(batch, changes)
    torch.manual_seed(5)
    again = augment(batch, changes)
    assert not torch.equal(first.inputs["image"], second.inputs["image"])
    assert torch.equal(first.inputs["image"], again.inputs["image"])
    assert first.inputs["other"] is batch.inputs["other"]
    assert first.inputs["image"].shape == batch.inputs["image"].shape


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BenchError, match="augment changes images, but this model reads tokens"):
        augment(Batch({"tokens": torch.ones(2, 3)}, torch.ones(2)), ("flip",))


def test_label_smoothing_is_the_cross_entropy_against_smoothed_targets() -> None:
    outputs, targets = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    hot = torch.nn.functional.one_hot(targets, 4).double() * 0.9 + 0.1 / 4
    expected = -(hot * outputs.log_softmax(1)).sum(1).mean()
    assert float(classification.smoothed_loss(outputs, targets, {}, 0.1)) == pytest.approx(float(expected))


def test_the_names_of_the_options_are_those_that_are_known() -> None:
    from bench_suite.suite.spec import train_options

    named: Any = train_options()["augment"].type
    assert set(named.arguments[0].arguments) == {"flip", "shift", "cutout", "mixup"}
    assert augmentation.MIXUP_ALPHA > 0
