"""Planted pixels: the evidence is in the stated pixels and in no others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import planted_pixels as task


def split(name: str = "train", **options: object) -> dict[str, np.ndarray]:
    data = task.load(task.Options(size=400, **options), Sources(offline=True))
    return {key: np.asarray(column(data.splits[name], key)) for key in ("image", "target", "relevant", "decoy")}


def test_it_is_the_same_each_time_and_prepares() -> None:
    first, second = (task.load(task.Options(size=60), Sources(offline=True)) for _ in range(2))
    assert first.source == second.source
    prepared = prepare(first, 0.1)
    assert {name: len(part) for name, part in prepared.splits.items()} == {"train": 54, "validation": 6, "test": 12}


@pytest.mark.parametrize("place", ["fixed", "drawn"])
def test_relevant_pixels_alone_tell_the_class(place: str) -> None:
    examples = split(place=place)
    image, relevant = examples["image"][..., 0], examples["relevant"]
    lit = image >= task.INK
    # Only the lit relevant pixels differ by class; all other pixels are noise.
    shown = {}
    for target in range(4):
        rows = np.flatnonzero(examples["target"] == target)
        patterns = {tuple(lit[row][relevant[row]]) for row in rows}
        assert len(patterns) == 1
        shown[target] = patterns.pop()
    assert len(set(shown.values())) == 4
    box = np.array([[mark == "#" for mark in row] for glyph in task.GLYPHS.values() for row in glyph]).reshape(4, 5, 5)
    assert relevant.sum(axis=(1, 2)).tolist() == [int((box.any(0) & ~box.all(0)).sum())] * 400
    assert not (lit & ~relevant).any() or bool(box.all(0).any())
    places = {tuple(np.argwhere(mask)[0]) for mask in relevant}
    assert (len(places) == 1) == (place == "fixed")


def test_the_decoy_tells_the_class_in_train_as_often_as_is_asked_and_never_in_test() -> None:
    for copied, expected in ((1.0, 1.0), (0.0, 0.25), (0.6, 0.7)):
        examples = split(decoy=copied)
        classes = [
            tuple(image[mask]) for image, mask in zip(examples["image"][..., 0] == task.DECOY_INK, examples["decoy"])
        ]
        shown = {pattern: number for number, pattern in enumerate(dict.fromkeys(sorted(set(classes))))}
        numbers = np.array([shown[pattern] for pattern in classes])
        # The glyph that most often appears with a class is the class's own.
        counts = np.array([np.bincount(numbers[examples["target"] == target], minlength=4) for target in range(4)])
        assert counts.max(axis=1).sum() / 400 == pytest.approx(expected, abs=0.06)
    test = split("test", decoy=1.0)
    assert test["decoy"].any()
    assert not split("test")["decoy"].any()
    lit = test["image"][..., 0] == task.DECOY_INK
    patterns = [tuple(image[mask]) for image, mask in zip(lit, test["decoy"])]
    assert len(set(zip(patterns, test["target"].tolist()))) > 4


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75, 0.9, 1.0])
def test_the_decoy_shows_the_class_as_often_as_the_option_says(
    share: float, decoy_share: Callable[[str, float], float]
) -> None:
    expected_share = decoy_share("planted_pixels", share)
    data = task.load(task.Options(size=2000, decoy=share), Sources(offline=True))
    image, target = (np.asarray(column(data.splits["train"], name)) for name in ("image", "target"))
    ink = image[:, -task.BOX :, -task.BOX :, 0] == task.DECOY_INK
    glyphs = [[[mark == "#" for mark in row] for row in glyph] for glyph in task.GLYPHS.values()]
    shown = (ink[:, None] == np.array(glyphs)).all(axis=(2, 3))
    assert (shown.sum(axis=1) == 1).all()
    assert (shown.argmax(axis=1) == target).mean() == pytest.approx(expected_share, abs=0.03)


def test_it_has_no_sensitive_attributes() -> None:
    with pytest.raises(DataInvalid, match="no group `age`"):
        task.load(task.Options(groups=("age",)), Sources(offline=True))
