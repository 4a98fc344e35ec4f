"""Hints on unknown keys: another word, the section that a key belongs in, the nearest spelling, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.components.discovery import find
from bench_suite.suite.misplaced_keys import hint
from bench_suite.suite.spec import COMMON, SECTIONS, train_options

FILES = ["use", "name", *COMMON["tasks"], *find("tasks", "files", Path()).options]
MODEL = ["use", "name", "train", "hidden", "dropout"]
TASK, MODELS, TRAIN, RUN = ("tasks", 0), ("models", 1), ("train",), ("run",)


@pytest.mark.parametrize(
    ("key", "allowed", "path", "wanted"),
    [
        ("target", FILES, TASK, '; did you mean "label"?'),
        ("features", FILES, TASK, '; did you mean "inputs"?'),
        ("csv", FILES, TASK, '; did you mean "path"?'),
        ("batch", [*train_options()], TRAIN, '; did you mean "batch_size"?'),
        ("lr", [*train_options()], TRAIN, '; did you mean "learning_rate"?'),
        ("class_weights", FILES, TASK, "; it belongs in [train]"),
        ("threshold", FILES, TASK, "; it belongs in [evaluate]"),
        ("threshold", [*train_options()], TRAIN, "; it belongs in [evaluate]"),
        ("threshold", SECTIONS, (), "; it belongs in [evaluate]"),
        ("batch_size", SECTIONS, (), "; it belongs in [train] or in [evaluate]"),
        ("epochs", MODEL, MODELS, "; it belongs in [train]"),
        ("seed", MODEL, MODELS, "; it belongs in [matrix]"),
        ("label", [*train_options()], TRAIN, "; it belongs in [[tasks]]"),
        ("jobs", [*train_options()], TRAIN, "; it belongs in [run]"),
        ("title", [*train_options()], TRAIN, "; it belongs at the top of the file"),
        ("lr", MODEL, MODELS, '; did you mean "learning_rate", which belongs in [train]?'),
        ("class_weigths", FILES, TASK, '; did you mean "class_weights", which belongs in [train]?'),
        ("target", ["use", "name", "size"], TASK, "; it belongs in [train]"),
        ("lable", FILES, TASK, '; did you mean "label"?'),
        ("hiden", MODEL, MODELS, '; did you mean "hidden"?'),
        ("zzz", MODEL, MODELS, ""),
        ("cluster", ["executor", "jobs"], RUN, '; the executor slurm has it: state executor = "slurm"'),
        ("timeout", ["executor", "jobs"], RUN,
         "; the executors processes, ray, slurm have it: state one of them as executor"),
        ("job", ["executor", "jobs"], RUN, '; did you mean "jobs"?'),
    ],
)  # fmt: skip
def test_a_key_is_named_with_its_section_or_its_word(key, allowed, path, wanted):
    assert hint(key, allowed, path) == wanted
