"""Training options: the options read without an import equal those of the module."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

from bench_suite import contracts
from bench_suite.contracts import TRAIN_BOUNDS, TrainOptions


def test_every_option_has_a_literal_default_and_a_help_text() -> None:
    tree = ast.parse(Path(contracts.__file__).read_text(encoding="utf-8"))
    body = next(node for node in tree.body if getattr(node, "name", "") == "TrainOptions").body[
        1:
    ]  # after the docstring
    declared, helps = body[::2], body[1::2]
    assert len(declared) == len(helps) == len(fields(TrainOptions))
    for field, help_text in zip(declared, helps):
        assert isinstance(field, ast.AnnAssign)
        assert field.value is not None
        ast.literal_eval(field.value)
        assert isinstance(help_text, ast.Expr)
        assert isinstance(ast.literal_eval(help_text.value), str)


def test_every_default_lies_within_its_bounds() -> None:
    for name, (low, high) in TRAIN_BOUNDS.items():
        value = getattr(TrainOptions(), name)
        assert value is None or (value >= low and (high is None or value <= high))


def test_the_native_engine_accepts_every_option() -> None:
    from bench_suite.engines import native

    assert set(native.ACCEPTS) == {field.name for field in fields(TrainOptions)}
