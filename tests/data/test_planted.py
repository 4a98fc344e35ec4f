"""Building blocks of planted tasks: exact counts, and noise without signal."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data import planted


@pytest.mark.parametrize(("share", "of", "count"), [(0.1, 1000, 100), (0.29, 100, 29), (0.0, 7, 0), (1.0, 7, 7)])
def test_a_share_is_counted_without_rounding(share: float, of: int, count: int) -> None:
    assert planted.count_of_share(share, of, "share") == count


def test_a_share_that_is_no_count_is_refused_with_the_nearest_that_is() -> None:
    with pytest.raises(
        ValueError, match=r"flipped = 0\.333 of 200 examples is not a whole number; the nearest share is 0\.335"
    ):
        planted.count_of_share(0.333, 200, "flipped")


def test_signs_are_as_told_and_stand_clear_of_zero() -> None:
    positive = np.arange(1000) % 3 == 0
    values = planted.draw_signed(positive, np.random.default_rng(0))
    assert np.array_equal(values > 0, positive)
    assert np.abs(values).min() >= planted.NEAREST


def test_rows_stay_together_when_they_are_shuffled_and_each_is_its_own() -> None:
    first = np.arange(500.0)
    groups = {"half": np.array(["low", "high"])[(first >= 250).astype(int)]}
    split = planted.draw_table(first, first.astype(np.int64), 3, np.random.default_rng(0), groups)
    raw = split.take(np.arange(500))
    assert raw["table"].shape == (500, 3)
    assert np.array_equal(raw["table"][:, 0].astype(np.int64), raw["target"])
    assert np.array_equal(split.groups["half"] == "high", raw["target"] >= 250)
    assert not np.array_equal(raw["target"], np.arange(500))
    assert len(np.unique(split.ids)) == 500
    noise = raw["table"][:, 1:]
    assert np.abs(noise).max() <= 1
    assert np.abs(np.corrcoef(raw["table"].T)[0, 1:]).max() < 4.9 / np.sqrt(500)  # the bound for chance, at 1 − 10⁻⁶
