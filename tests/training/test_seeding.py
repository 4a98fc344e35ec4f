"""Claims about seeding: the numbers are those of `torch.manual_seed`, and absent devices cost nothing."""

import random
import traceback

import numpy as np
import torch

from bench_suite.training.seeding import seed_everything


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002 - the global generators are meant


def test_the_numbers_are_those_of_each_library_seeded_by_itself():
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - as above
    torch.manual_seed(5)
    expected = draws()
    seed_everything(5)
    assert draws() == expected
    seed_everything(2**32 - 1)
    assert draws() != expected


def test_an_absent_device_costs_no_traceback(monkeypatch):
    formatted = []
    monkeypatch.setattr(traceback, "format_stack", lambda *arguments: formatted.append(arguments) or [])
    monkeypatch.setattr(traceback, "extract_stack", lambda *arguments: formatted.append(arguments) or [])
    for device in (torch.cuda, torch.mps, torch.xpu, torch.mtia):
        if hasattr(device, "is_available"):
            monkeypatch.setattr(device, "is_available", lambda: False)
    seed_everything(5)
    assert formatted == []


def test_a_device_that_is_present_is_seeded(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    seed_everything(7)
    assert seeds == [7]
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)  # as in a child that was forked after first use
    seed_everything(8)
    assert seeds == [7]
