"""Targets: radii are on the raw scale whatever the encoding, and an encoding that does more is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Threshold
from bench_suite.probes.robustness.targets import attack_mode, target_of

N = 40
ROWS = np.arange(0, N, 2)


class Pixels(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.float().flatten(start_dim=1)[:, :2]


class Columns(nn.Module):
    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return table[:, :2]


def pictures():
    image = np.random.default_rng(0).integers(0, 256, (N, 6, 5, 3)).astype(np.uint8)
    return {"image": image, "target": np.arange(N) % 2}


def columns():
    table = np.random.default_rng(0).standard_normal((N, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, 0]
    table[:, 3] = np.arange(N) % 2
    table[4, 1] = np.nan
    return {"table": table, "target": np.arange(N) % 2}


def standardised(raw):
    filled = np.where(np.isnan(raw["table"]), 5.0, raw["table"])
    return {"table": ((filled - [0, 5, 0, 0]) / [2, 4, 0.5, 1]).astype(np.float32)}


def test_a_radius_of_images_is_a_share_of_the_range_of_pixels(network_cell):
    target = target_of(network_cell(Pixels(), pictures()), ROWS)
    assert torch.equal(target.clean, torch.from_numpy(pictures()["image"][ROWS].astype(np.float32)))
    assert target.targets.tolist() == pictures()["target"][ROWS].tolist()
    threat = target.threat(8 / 255)
    assert torch.allclose(threat.radius, torch.tensor(8.0))
    assert (threat.low, threat.high) == (0.0, 255.0)


def test_it_is_also_if_the_encoding_scales_pixels(network_cell):
    scaled = network_cell(Pixels(), pictures(), lambda raw: {"image": raw["image"].astype(np.float32) / 127.5 - 1})
    threat = target_of(scaled, ROWS).threat(0.1)
    assert torch.allclose(threat.radius, torch.tensor(0.2))
    assert (threat.low, threat.high) == pytest.approx((-1.0, 1.0))


def test_a_radius_of_a_table_is_in_deviations_of_each_column(network_cell):
    raw = columns()
    target = target_of(network_cell(Columns(), raw, standardised), ROWS)
    deviation = np.nanstd(np.where(np.isnan(raw["table"]), np.nanmedian(raw["table"], axis=0), raw["table"]), axis=0)
    known = np.repeat((0.5 * deviation / [2, 4, 0.5, 1])[None], len(ROWS), axis=0)
    known[:, 3] = 0  # a category
    known[2, 1] = 0  # missing
    assert target.threat(0.5).radius.numpy() == pytest.approx(known, abs=1e-5)
    assert target.threat(0.5).low == -np.inf
    assert target.frozen_columns == 1


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda raw: {"image": np.sqrt(raw["image"] / 255.0).astype(np.float32)}, "scale all pixels alike"),
        (lambda raw: {"image": raw["image"][:, ::-1].copy()}, "scale all pixels alike"),
        (lambda raw: {"image": raw["image"][:, :4]}, "one input, image"),
        (lambda raw: {"pixels": raw["image"]}, "pixels"),
        (lambda raw: {"image": raw["image"], "mask": raw["image"]}, "mask"),
        (lambda raw: {"image": (raw["image"] / [1.0, 2.0, 3.0]).astype(np.float32)}, "scale all pixels alike"),
    ],
)
def test_an_encoding_that_does_more_than_scale_pixels_is_refused(network_cell, encode, message):
    with pytest.raises(BenchError, match=message):
        target_of(network_cell(Pixels(), pictures(), encode), ROWS)


def test_an_encoding_of_columns_that_is_not_linear_is_refused(network_cell):
    cell = network_cell(Columns(), columns(), lambda raw: {"table": np.nan_to_num(raw["table"] ** 2).astype("float32")})
    with pytest.raises(BenchError, match="more to columns"):
        target_of(cell, ROWS)


def test_a_table_of_categories_and_texts_are_refused(network_cell):
    raw = {"table": (np.arange(N)[:, None] // [1, 2]) % 2 * 1.0, "target": np.arange(N) % 2}
    with pytest.raises(BenchError, match="two different values"):
        target_of(network_cell(Columns(), raw), ROWS)
    texts = network_cell(Columns(), {"text": ["a"] * N, "target": np.arange(N) % 2})
    with pytest.raises(BenchError, match="words"):
        target_of(texts, ROWS)


def test_a_threshold_moves_the_logits_so_that_the_larger_one_is_the_answer(network_cell):
    cell = network_cell(Columns(), columns(), standardised, threshold=Threshold(0.8))
    target = target_of(cell, ROWS)
    logits = target.clean[:, :2]
    positive = logits.softmax(dim=1)[:, 1] >= 0.8
    assert torch.equal(target.forward(target.clean).argmax(dim=1) == 1, positive)
    assert 0 < int(positive.sum()) < len(ROWS)


def test_the_mode_of_a_network_is_restored_and_so_are_generators():
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
    module[1].eval()
    state = torch.get_rng_state()
    with attack_mode(module):
        assert not module.training
        torch.rand(3)
    assert module.training
    assert module[0].training
    assert not module[1].training
    assert torch.equal(state, torch.get_rng_state())
