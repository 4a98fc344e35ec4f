"""Environments are written once and named by the hash of their file."""

import hashlib

import numpy as np

from bench_suite.store.runs import Run


def test_environments_are_kept_once(run: Run) -> None:
    one = run.add_environment({"hardware": {"cpu": "a", "cores": np.int64(2)}})
    assert run.add_environment({"hardware": {"cores": 2, "cpu": "a"}}) == one
    assert run.add_environment({"hardware": {"cpu": "b"}}) != one
    assert run.environment(one) == {"hardware": {"cpu": "a", "cores": 2}}
    assert len(list((run.path / "environments").iterdir())) == 2
    assert run.environment("absent") == {}


def test_an_environment_is_named_by_the_hash_of_its_file(run: Run) -> None:
    name = run.add_environment({"b": 1, "a": {"c": np.float64(0.5)}})
    content = (run.path / "environments" / f"{name}.json").read_bytes()
    assert content == b'{\n  "a": {\n    "c": 0.5\n  },\n  "b": 1\n}'
    assert name == hashlib.sha256(content).hexdigest()[:16]
    (run.path / "environments" / f"{name}.json").write_bytes(content + b"\n")
    run.add_environment({"a": {"c": 0.5}, "b": 1})
    assert (run.path / "environments" / f"{name}.json").read_bytes() == content + b"\n", "not written again"
