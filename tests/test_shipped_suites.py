"""The shipped suites: each states its question and its cost, is valid, and runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.suite.spec import locate, shipped_suites


def smoke(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_DATA": "", "BENCH_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "bench_suite", "run", name, "--smoke", "--offline", "--set", "matrix.threads=1",
         *arguments],
        cwd=folder, env=environment, text=True, capture_output=True,
    )  # fmt: skip


def test_these_are_the_suites_of_the_mission():
    assert set(shipped_suites()) == {
        "attribution",
        "ci",
        "curves",
        "engines",
        "nlp",
        "planted",
        "quickstart",
        "responsible",
        "tabular",
        "textbook",
        "vision",
    }


@pytest.mark.parametrize("name", shipped_suites())
def test_it_begins_with_the_question_it_answers_and_what_it_costs(name):
    text = locate(name).read_text(encoding="utf-8")
    comment = " ".join(line[1:].strip() for line in re.match(r"(#.*\n)+", text)[0].splitlines())
    assert "?" in comment
    assert re.search(r"\d+ (s|minutes?)\b", comment), "no cost in time"
    suite = read_suite(name)
    assert suite.description
    assert make_plan(suite).cells


def test_vision_has_the_model_that_the_figures_speak_of():
    suite = read_suite("vision")
    assert "resnet8" in [model.label for model in suite.models]
    assert {cell.precision for cell in make_plan(suite).cells} == {"auto"}


def test_the_textbook_network_varies_what_the_textbooks_do():
    cells = make_plan(read_suite("textbook")).cells
    axes = ("train.learning_rate", "train.batch_size", "train.weight_decay")
    assert [len({cell.labels[axis] for cell in cells}) for axis in axes] == [3, 3, 2]
    assert {cell.options["model"]["output"] for cell in cells} == {"logits", "softmax"}
    assert {cell.options["train"]["momentum"] for cell in cells} == {0.0}


def test_the_suite_for_continuous_integration_has_gates_and_one_thread():
    suite = read_suite("ci")
    assert suite.gates
    assert {cell.threads for cell in make_plan(suite).cells} == {1}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ci", "tabular", "curves", "engines", "nlp", "responsible"])
def test_it_runs_from_packages_alone(name, tmp_path):
    ended = smoke(name, tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_what_lies_outside_packages_is_unavailable_with_the_command_that_gets_it(tmp_path):
    ended = smoke("vision", tmp_path, "--only", "task=cifar10", "--only", "model=mlp", "--only", "seed=0")
    assert ended.returncode == 3
    assert "uoft-cs/cifar10" in ended.stderr
    assert "download" in ended.stderr
