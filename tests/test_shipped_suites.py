"""The shipped suites: each states its question and its cost, is valid, and runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench_suite.components import discovery
from bench_suite.data.sources import Sources
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.suite.spec import locate, shipped_suites
from bench_suite.training import devices


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
        "privacy",
        "quickstart",
        "responsible",
        "tabular",
        "textbook",
        "throughput",
        "throughput_small",
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


PUBLISHED = {"resnet50": 25_557_032, "vgg16": 138_357_544, "vit_b16": 86_567_656}
"Parameters for the 1,000 classes of ImageNet, of these architectures in torchvision."
HEADS = {"bert_base": 109_482_240 + 2 * 768 + 2, "gpt2": 124_439_808 + 2 * 768 + 2}
"Parameters of the published weights, with a linear layer for two classes on top."


@pytest.mark.parametrize("name", ["throughput", "throughput_small"])
def test_the_networks_of_throughput_have_the_published_numbers_of_parameters(name):
    shapes = {"images_224": 1000, "tokens_128": 128, "tokens_512": 512, "tokens_1024": 1024}
    counted = {}
    for cell in {(cell.task.label, cell.model.label): cell for cell in make_plan(read_suite(name)).cells}.values():
        if cell.model.label not in PUBLISHED | HEADS:
            continue
        task, model = (discovery.load(use.component) for use in (cell.task, cell.model))
        options = discovery.make_options(cell.task.component, {**cell.options["task"], "examples": 4})
        data = task.load(options, Sources(offline=True))
        with torch.device("meta"):  # parameters are counted without gigabytes of weights
            network = model.build(data, discovery.make_options(cell.model.component, cell.options["model"]))
        counted[cell.model.label] = sum(weight.numel() for weight in network.module.parameters())
        if "text" in cell.task.component.words("MODALITY"):
            (row,) = network.encode(data.splits["test"].take(np.array([0])))["tokens"]
            assert len(row) == shapes[cell.task.label]
        else:
            assert len(data.spec["classes"]) == shapes[cell.task.label]
    known = PUBLISHED | HEADS
    assert counted == {label: known[label] for label in counted}
    assert set(counted) == ({*known} if name == "throughput" else {"resnet50", "bert_base"})


def test_the_small_throughput_has_models_of_the_large_one_and_fits_into_five_minutes():
    large, small = (make_plan(read_suite(name)) for name in ("throughput", "throughput_small"))
    pairs = [{(cell.task.label, cell.model.label) for cell in plan.cells} for plan in (large, small)]
    assert pairs[1] < pairs[0]
    assert {cell.precision for cell in large.cells} == {"32-true", "bf16-mixed"}
    options = {probe.label: probe.stated for probe in small.suite.probes}
    phases = 2
    assert len(small.cells) * phases * options["batch_size"]["budget"] <= 120


def test_without_an_accelerator_throughput_names_the_suite_for_a_processor(tmp_path):
    if devices.is_available("cuda"):
        pytest.skip("this machine has an accelerator")
    ended = smoke("throughput", tmp_path, "--only", "model=mlp")
    assert ended.returncode == 3
    assert "throughput_small" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ci", "throughput_small", "tabular", "curves", "engines", "nlp", "responsible", "privacy"]
)
def test_it_runs_from_packages_alone(name, tmp_path):
    ended = smoke(name, tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_what_lies_outside_packages_is_unavailable_with_the_command_that_gets_it(tmp_path):
    ended = smoke("vision", tmp_path, "--only", "task=cifar10", "--only", "model=mlp", "--only", "seed=0")
    assert ended.returncode == 3
    assert "uoft-cs/cifar10" in ended.stderr
    assert "download" in ended.stderr
