"""Claims about cells whose errors, working folder or facts are hostile: each costs its cell, and nothing else."""

import json

import pytest

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "logistic_regression"
[[models]]
use = "./broken.py"
[train]
epochs = 2
{train}
[probes.quality]
resamples = 100
"""
HEAD = '''
"""A third party's model, and what is wrong with it."""

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Network
from bench_suite.data.encoded import stack

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


def encode(raw):
    return {"table": np.nan_to_num(raw["table"]).astype("float32")}


def collate(columns):
    return stack({"input": columns["table"], "target": columns["target"]})


'''
RAISES = """
def build(data, options):
    raise RuntimeError("no such layer")
"""
TOO_FEW_PREDICTIONS = """
class Short:
    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return {"predictions": np.zeros(3, dtype=int)}


def build(data, options):
    return Short()
"""
ODD_LABELS = """
import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

MODALITY = "table"
PROBLEM = "classification"


def load(options, sources):
    table = np.arange(200.0)[:, None]
    target = np.arange(200) % 2
    target[7] = 9
    split = MemorySplit(content_ids(table), {"table": table, "target": target})
    spec = {"classes": ("a", "b"), "columns": ("x",)}
    return Data(PROBLEM, spec, {"train": split, "test": split}, Source("generated", "odd", "1"))
"""
UNREADABLE = """
class Name(type):
    @property
    def __name__(cls):
        raise ValueError("no name")

    __module__ = __name__


class NoText(RuntimeError, metaclass=META):
    def __str__(self):
        BODY

    @property
    def __traceback__(self):
        raise ValueError("no traceback")

    @__traceback__.setter
    def __traceback__(self, value):
        raise ValueError("no traceback")


def build(data, options):
    raise NoText("lost")
"""
TEXTS = {
    "raises": ("type", 'raise ValueError("no text")', "NoText: an error whose message cannot be read"),
    "exits": ("type", "import sys; sys.exit(0)", "NoText: an error whose message cannot be read"),
    "is no text": ("type", "return 3", "NoText: an error whose message cannot be read"),
    "class without a name": ("Name", 'raise ValueError("no text")', "NoText: an error whose message cannot be read"),
    "class without a name, with a text": ("Name", 'return "what it says"', "NoText: what it says"),
}


@pytest.mark.parametrize("position", ["model", "probe"])
@pytest.mark.parametrize("text", TEXTS)
def test_an_error_that_cannot_be_read_fails_its_cell_or_probe_only(inside, text, position):
    metaclass, body, reason = TEXTS[text]
    source = UNREADABLE.replace("META", metaclass).replace("BODY", body)
    (inside.folder / "broken.py").write_text(HEAD + (source if position == "model" else TOO_FEW_PREDICTIONS))
    suite = SUITE.format(train="")
    if position == "probe":
        raising = source.replace("def build(data, options):", "def probe(trained, options):") + "    yield\n"
        (inside.folder / "probe.py").write_text("METRICS = {}\n" + raising)
        suite += "[probes.broken]\nuse = './probe.py'\nonly = { model = 'logistic_regression' }\n"
    (inside.folder / "suite.toml").write_text(suite)
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["logistic_regression"]["status"] == "ok"
    broken = records["broken"] if position == "model" else records["logistic_regression"]["probes"]["broken"]
    assert (broken["status"], broken["reason"]) == ("failed", reason)


def test_a_check_that_raises_anything_is_an_error_of_the_suite(inside):
    check = (
        UNREADABLE.replace("META", "type").replace("BODY", "return 3").replace("def build(data", "def check(options")
    )
    source = check.replace("check(options, options)", "check(options)") + RAISES
    (inside.folder / "broken.py").write_text(HEAD + source)
    (inside.folder / "suite.toml").write_text(SUITE.format(train=""))
    ended = inside.run("run", "suite.toml", "--trust")
    assert ended.returncode == 2, ended.stderr
    assert "its check raised NoText: an error whose message cannot be read" in ended.stderr


REMOVES = """
import os, shutil, tempfile


def build(data, options):
    FOLDER
    os.chdir(folder)
    shutil.rmtree(folder)
    raise RuntimeError("from nowhere")
"""


@pytest.mark.parametrize("removed", ["folder = tempfile.mkdtemp()", "folder = os.getcwd()"], ids=["other", "own"])
def test_a_working_folder_that_a_model_removes_costs_its_cell_only(inside, tmp_path_factory, monkeypatch, removed):
    suite, working = inside.folder / "suite.toml", tmp_path_factory.mktemp("working")
    (inside.folder / "broken.py").write_text(HEAD + REMOVES.replace("FOLDER", removed))
    models = "[[models]]\nuse = './broken.py'\n[[models]]\nuse = 'logistic_regression'"
    suite.write_text(f"[[tasks]]\nuse = 'loans'\n{models}\n[probes.quality]\nresamples = 100\n")
    results = inside.folder / "kept"
    inside.folder = working  # `run` begins here
    try:
        ended = inside.run("run", str(suite), "--trust", "--json", "--results", str(results))
    finally:
        monkeypatch.chdir(tmp_path_factory.getbasetemp())
    assert ended.returncode == 3, ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["broken"]["reason"] == "RuntimeError: from nowhere"
    assert records["logistic_regression"]["status"] == "ok"
    unrestored = records["broken"].get("unrestored", {})
    assert ("working folder" in unrestored) == removed.endswith("getcwd()")


ODD_SOURCE = ODD_LABELS.replace("target[7] = 9", "").replace(
    'return Data(PROBLEM, spec, {"train": split, "test": split}, Source("generated", "odd", "1"))',
    'test = MemorySplit(content_ids(-1 - table), {"table": -1 - table, "target": target})\n'
    '    source = Source("generated", "odd", "1", notes={"what": NoText()})\n'
    '    return Data(PROBLEM, spec | {"columns": ("x",)}, {"train": split, "test": test}, source)',
)


def test_facts_of_a_task_that_cannot_be_read_fail_its_cells_only(inside):
    (inside.folder / "task.py").write_text(
        "class NoText:\n    def __str__(self):\n        raise ValueError('no text')\n" + ODD_SOURCE
    )
    (inside.folder / "suite.toml").write_text(
        "[[tasks]]\nuse = './task.py'\n[[tasks]]\nuse = 'loans'\n[[models]]\nuse = 'logistic_regression'\n"
        "[probes.quality]\nresamples = 100\n"
    )
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    records = {record["cell"]["task"]: record for record in json.loads(ended.stdout)["records"]}
    assert (records["task"]["status"], records["loans"]["status"]) == ("failed", "ok")
    assert "no text" in records["task"]["reason"]
