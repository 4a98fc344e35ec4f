"""D001, near: copies that were compressed, made brighter or resized are named, other pictures are not."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from bench_suite.data.checks.checked_task import Costly
from bench_suite.data.checks.near_pictures import near_duplicates


def draw_pictures(random: np.random.Generator, count: int, side: int, channels: int = 3) -> np.ndarray:
    """Return (count, side, side, channels) uint8: coarse noise, enlarged, so that neighbours are alike."""
    coarse = random.integers(0, 256, size=(count, 7, 7, channels), dtype=np.uint8)
    grown = [
        Image.fromarray(one if channels == 3 else one[..., 0]).resize((side, side), Image.Resampling.BICUBIC)
        for one in coarse
    ]
    return np.stack([np.asarray(one).reshape(side, side, channels) for one in grown])


def changed(picture: np.ndarray, how: str) -> np.ndarray:
    image = Image.fromarray(picture.squeeze())
    if how == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=75)
        image = Image.open(buffer)
    elif how == "mirrored":
        image = ImageOps.mirror(image)
    elif how == "brighter":
        image = ImageEnhance.Brightness(image).enhance(1.2)
    else:
        side = image.size[0]
        image = image.resize((side // 2, side // 2), Image.Resampling.BILINEAR).resize((side, side))
    return np.asarray(image).reshape(picture.shape)


@pytest.mark.parametrize("how", ["jpeg", "brighter", "resized", "mirrored"])
@pytest.mark.parametrize(("side", "channels"), [(28, 1), (96, 3)])
def test_changed_copies_are_named_with_their_originals(make_task, random, how: str, side: int, channels: int) -> None:
    pictures = draw_pictures(random, 260, side, channels)
    train, test = pictures[:200].copy(), pictures[200:].copy()
    for row, original in ((3, 150), (40, 7)):
        test[row] = changed(train[original], how)
    test[10] = train[11]  # equal: that is another finding
    labels = {"train": np.arange(200) % 2, "test": np.arange(60) % 2}
    task = make_task("image", {"train": (train, labels["train"]), "test": (test, labels["test"])})
    (finding,) = near_duplicates(task)
    pairs = {*zip(finding.evidence[1].rows, finding.evidence[0].rows)}
    assert pairs == {(3, 150), (40, 7)}
    assert (finding.severity, finding.subject) == ("error", "train/test, near"), "3 % of test, which no run removes"
    assert finding.values["mirrored"] == (2 if how == "mirrored" else 0)
    assert (", 2 of them mirrored" in finding.summary) == (how == "mirrored")


@pytest.mark.parametrize("kind", ["noise", "smooth", "blank"])
def test_different_pictures_are_no_finding(make_task, random, kind: str) -> None:
    pictures = {
        "noise": random.integers(0, 256, size=(500, 16, 16, 1), dtype=np.uint8),
        "smooth": draw_pictures(random, 500, 32),
        "blank": np.zeros((500, 16, 16, 1), dtype=np.uint8) + np.arange(500, dtype=np.uint8)[:, None, None, None],
    }[kind]
    parts = {"train": (pictures[:200], np.arange(200) % 2), "test": (pictures[200:], np.arange(300) % 2)}
    assert list(near_duplicates(make_task("image", parts))) == []


def test_the_handwritten_digits_of_scikit_learn_have_none(make_task) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().images * 16).clip(0, 255).astype(np.uint8)[..., None]
    parts = {"train": (images[:1400], np.arange(1400) % 2), "test": (images[1400:], np.arange(397) % 2)}
    assert list(near_duplicates(make_task("image", parts))) == []


def test_many_pairs_are_compared_on_request_only(make_task, monkeypatch) -> None:
    monkeypatch.setattr("bench_suite.data.checks.near_pictures.QUICK_PAIRS", 10)
    pictures = np.zeros((10, 4, 4, 1), dtype=np.uint8)
    task = make_task("image", {"train": (pictures[:6], [0, 1] * 3), "test": (pictures[6:], [0, 1] * 2)})
    with pytest.raises(Costly, match="24 pairs of pictures"):
        list(near_duplicates(task))
    assert list(near_duplicates(replace(task, costly=True))) == []
