"""Repeated passes: the rows of all batches in order, with the threads that are asked for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench_suite.contracts import Placement
from bench_suite.training.repeated_passes import differ, is_random, predict_in_batches


class Cell:
    """A cell whose scores are its rows, with noise from PyTorch's generator."""

    def __init__(self, noise: float = 0.0, rows: int = 40) -> None:
        self.noise = noise
        self.placement = Placement("cpu", 1, "32-true")
        self.network = object()
        self.data = SimpleNamespace(splits={"test": range(rows)})
        self.threads: list[int] = []

    def inference(self, split: str, rows: np.ndarray):
        def predict():
            self.threads.append(torch.get_num_threads())
            return {"predictions": rows % 2, "scores": rows + self.noise * torch.rand(()).item()}

        return predict


def test_the_rows_of_all_batches_come_in_their_order() -> None:
    cell = Cell()
    before = torch.get_num_threads()
    columns = predict_in_batches(cell, [np.array([5, 3]), np.array([9])], threads=2)
    assert columns["scores"].tolist() == [5, 3, 9]
    assert cell.threads == [2, 2]
    assert torch.get_num_threads() == before
    predict_in_batches(cell, [np.array([1])])
    assert cell.threads[-1] == 1


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_a_random_network_is_noticed_and_the_generator_is_as_before(noise: float) -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert is_random(Cell(noise)) == (noise > 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert not is_random(Cell(noise, rows=0))


def test_rounding_is_no_difference_and_texts_differ_by_any_letter() -> None:
    scores = np.array([[0.5, 0.5], [0.1, 0.9]])
    assert not differ({"scores": scores}, {"scores": scores + 1e-5})
    assert differ({"scores": scores}, {"scores": scores + 1e-2})
    assert differ({"predictions": ["a", "b"]}, {"predictions": ["a", "c"]})
    assert not differ({"predictions": [1.0, None]}, {"predictions": [2.0, None]}), "of no type that can be compared"
