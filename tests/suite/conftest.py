"""The plan of a small suite; a test can replace some of its sections."""

from __future__ import annotations

import pytest
import tomli_w

from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

SUITE = {
    "tasks": [{"use": "loans"}],
    "models": [{"use": "mlp", "hidden": [8]}],
    "train": {"epochs": 2},
    "probes": {"quality": {}},
}


@pytest.fixture
def plan(tmp_path):
    """Return a function that plans a suite: a mapping, or SUITE with some sections replaced."""

    def plan(only=(), **sections):
        (tmp_path / "s.toml").write_text(tomli_w.dumps({**SUITE, **sections}))
        return make_plan(read_suite(str(tmp_path / "s.toml")), only)

    return plan
