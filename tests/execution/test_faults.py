"""Claims about cells that fail: each becomes a record with its cause, the others go on, and the exit status is 3."""

import json

import pytest

from bench_suite.store import Store

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
RETURNS_NOTHING = """
def build(data, options):
    return None
"""
OUT_OF_MEMORY = """
def build(data, options):
    return torch.empty(10**15)
"""
LOSS_IS_NO_NUMBER = """
class Bad(nn.Linear):
    def forward(self, input):
        return super().forward(input) * float("nan")


def build(data, options):
    return Network(Bad(len(data.spec["columns"]), 2), encode, collate)
"""
WRONG_SHAPE = """
def build(data, options):
    return Network(nn.Linear(3, 2), encode, collate)
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
BROKEN = {
    "raises": (RAISES, "no such layer"),
    "returns nothing": (RETURNS_NOTHING, "neither a Network nor an Estimator"),
    "out of memory": (OUT_OF_MEMORY, "out of memory"),
    "loss is no number": (LOSS_IS_NO_NUMBER, "no longer a finite number"),
    "wrong shape": (WRONG_SHAPE, "shapes cannot be multiplied"),
    "too few predictions": (TOO_FEW_PREDICTIONS, None),
}
TWO_TASKS = """
[[tasks]]
use = "{task}"
[[tasks]]
use = "loans"
[[models]]
use = "{model}"
[[models]]
use = "logistic_regression"
[probes.quality]
resamples = 100
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


@pytest.mark.parametrize("fault", BROKEN)
def test_a_model_that_fails_becomes_a_failed_record_and_the_others_go_on(program, fault):
    source, cause = BROKEN[fault]
    (program.folder / "broken.py").write_text(HEAD + source)
    (program.folder / "suite.toml").write_text(SUITE.format(train=""))
    ended = program.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["logistic_regression"]["status"] == "ok"
    broken = records["broken"]
    if cause is None:  # the fault shows when a probe asks for predictions, so it costs that probe
        assert broken["probes"]["quality"]["status"] == "failed"
        assert "3 rows" in broken["probes"]["quality"]["reason"]
    else:
        assert broken["status"] == "failed"
        assert cause in broken["reason"]


def test_a_training_that_diverges_names_the_step_and_the_learning_rate(program):
    (program.folder / "suite.toml").write_text(
        SUITE.format(train='optimizer = "sgd"\nlearning_rate = 1e30').replace("./broken.py", "mlp")
    )
    ended = program.run("run", "suite.toml", "--json")
    assert ended.returncode == 3
    (reason,) = [r["reason"] for r in json.loads(ended.stdout)["records"] if r["status"] == "failed"]
    assert "1e+30" in reason
    assert "step" in reason


def test_a_truncated_parquet_file_fails_its_cells_only(program):
    folder = program.folder / "hub" / "ylecun" / "mnist" / "mnist"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}-00000-of-00001.parquet").write_bytes(b"PAR1 and then nothing")
    program.environment["BENCH_DATA"] = str(program.folder / "hub")
    (program.folder / "suite.toml").write_text(TWO_TASKS.format(task="mnist", model="cnn"))
    ended = program.run("run", "suite.toml", "--json")
    assert ended.returncode == 3
    records = {r["cell"]["task"]: r for r in json.loads(ended.stdout)["records"]}
    assert records["loans"]["status"] == "ok"
    assert records["mnist"]["status"] == "failed"
    assert "train-00000-of-00001.parquet" in records["mnist"]["reason"]
    assert str(program.folder) not in records["mnist"]["reason"]


def test_missing_data_are_unavailable_with_the_command_that_gets_them(program):
    (program.folder / "suite.toml").write_text(TWO_TASKS.format(task="imdb", model="bag_of_words"))
    program.environment |= {"BENCH_DATA": str(program.folder), "HF_HOME": str(program.folder / "hf")}
    ended = program.run("run", "suite.toml", "--offline", "--json")
    assert ended.returncode == 3
    records = {r["cell"]["task"]: r for r in json.loads(ended.stdout)["records"]}
    assert records["imdb"]["status"] == "unavailable"
    assert "stanfordnlp/imdb" in records["imdb"]["reason"]
    assert "to get it:" in records["imdb"]["reason"]
    assert records["loans"]["status"] == "ok"


def test_labels_outside_the_classes_fail_with_value_and_count(program):
    (program.folder / "task.py").write_text(ODD_LABELS)
    (program.folder / "suite.toml").write_text(
        '[[tasks]]\nuse = "./task.py"\n[[models]]\nuse = "logistic_regression"\n[probes.quality]\nresamples = 100\n'
    )
    ended = program.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3
    (record,) = json.loads(ended.stdout)["records"]
    assert "9 (1 times)" in record["reason"]


def test_the_cause_stands_in_the_report(program):
    (program.folder / "broken.py").write_text(HEAD + RAISES)
    (program.folder / "suite.toml").write_text(SUITE.format(train=""))
    assert program.run("run", "suite.toml", "--trust").returncode == 3
    run = Store(program.results).open("latest")
    assert "no such layer" in (run.path / "report.md").read_text()
    assert list(run.path.glob("cells/*/traceback-cell.txt"))


def test_gates_decide_the_exit_status(program):
    program.write(seeds=2)
    suite = (program.folder / "suite.toml").read_text()
    for gate, status in (("min = 0.5", 0), ("min = 0.99", 1), ("max = 0.5", 1), ("tolerance = 0.01", 0)):
        (program.folder / "suite.toml").write_text(suite + f'\n[gate]\n"quality/accuracy" = {{ {gate} }}\n')
        ended = program.run("run", "suite.toml", "--trust")
        assert ended.returncode == status, ended.stdout
        assert "gate" in ended.stdout
