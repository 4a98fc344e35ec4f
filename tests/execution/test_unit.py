"""Claims about units: one training and a record for each cell; a cell that fails is a record with its cause."""

import json

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.unit import run_unit
from bench_suite.store.runs import Store

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
RETURNS_A_CLASS = """
def build(data, options):
    return torch.nn.Linear
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
    "returns a class": (RETURNS_A_CLASS, "build returned the class Linear: return an object of it"),
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


@pytest.mark.parametrize("error", BROKEN)
def test_a_model_that_fails_becomes_a_failed_record_and_the_others_go_on(inside, error):
    source, cause = BROKEN[error]
    (inside.folder / "broken.py").write_text(HEAD + source)
    (inside.folder / "suite.toml").write_text(SUITE.format(train=""))
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["logistic_regression"]["status"] == "ok"
    broken = records["broken"]
    if cause is None:  # the error occurs when a probe requests predictions, so only that probe fails
        assert broken["probes"]["quality"]["status"] == "failed"
        assert "3 rows" in broken["probes"]["quality"]["reason"]
    else:
        assert broken["status"] == "failed"
        assert cause in broken["reason"]


def test_a_training_that_diverges_names_the_step_and_the_learning_rate(inside):
    (inside.folder / "suite.toml").write_text(
        SUITE.format(train='optimizer = "sgd"\nlearning_rate = 1e30').replace("./broken.py", "mlp")
    )
    ended = inside.run("run", "suite.toml", "--json")
    assert ended.returncode == 3
    (reason,) = [r["reason"] for r in json.loads(ended.stdout)["records"] if r["status"] == "failed"]
    assert "1e+30" in reason
    assert "step" in reason


def test_a_truncated_parquet_file_fails_its_cells_only(inside):
    folder = inside.folder / "hub" / "ylecun" / "mnist" / "mnist"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}-00000-of-00001.parquet").write_bytes(b"PAR1 and then nothing")
    inside.environment["BENCH_DATA"] = str(inside.folder / "hub")
    (inside.folder / "suite.toml").write_text(TWO_TASKS.format(task="mnist", model="cnn"))
    ended = inside.run("run", "suite.toml", "--json")
    assert ended.returncode == 3
    records = {r["cell"]["task"]: r for r in json.loads(ended.stdout)["records"]}
    assert records["loans"]["status"] == "ok"
    assert records["mnist"]["status"] == "failed"
    assert "train-00000-of-00001.parquet" in records["mnist"]["reason"]
    assert str(inside.folder) not in records["mnist"]["reason"]


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


def test_labels_outside_the_classes_fail_with_value_and_count(inside):
    (inside.folder / "task.py").write_text(ODD_LABELS)
    (inside.folder / "suite.toml").write_text(
        '[[tasks]]\nuse = "./task.py"\n[[models]]\nuse = "logistic_regression"\n[probes.quality]\nresamples = 100\n'
    )
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3
    (record,) = json.loads(ended.stdout)["records"]
    assert "9 (1 times)" in record["reason"]


def test_the_cause_stands_in_the_report(inside):
    (inside.folder / "broken.py").write_text(HEAD + RAISES)
    (inside.folder / "suite.toml").write_text(SUITE.format(train=""))
    assert inside.run("run", "suite.toml", "--trust").returncode == 3
    run = Store(inside.results).open("latest")
    assert "no such layer" in (run.path / "report.md").read_text()
    assert list(run.path.glob("cells/*/traceback-cell.txt"))


EXITS = """
import sys


def build(data, options):
    return Exits()


class Exits:
    def fit(self, data, options, report):
        sys.exit(7)

    def predict(self, split):
        return {}
"""
WRONG_CLASSES = TOO_FEW_PREDICTIONS.replace("np.zeros(3, dtype=int)", 'np.array(["a"] * len(split))')
GREEDY = """
class Greedy:
    def fit(self, data, options, report):
        self.held = np.ones(800_000_000, dtype=np.uint8)
        raise RuntimeError("after 800 MB")

    def predict(self, split):
        return {}


def build(data, options):
    return Greedy()
"""
NEXT = """
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Next:
    def fit(self, data, options, report):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        assert pages * 4096 < 700_000_000, f"{pages * 4096} bytes are held when the next cell begins"

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Next()
"""


@pytest.mark.parametrize(("source", "cause"), [(EXITS, "SystemExit: 7"), (WRONG_CLASSES, "must be class numbers")])
def test_neither_an_exit_nor_a_wrong_answer_of_a_model_ends_the_run(inside, source, cause):
    (inside.folder / "broken.py").write_text(HEAD + source)
    (inside.folder / "suite.toml").write_text(SUITE.format(train=""))
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["logistic_regression"]["status"] == "ok"
    assert cause in str(records["broken"]["reason"]) + str(records["broken"]["probes"])


def test_a_failed_cell_lets_go_of_its_memory(program):
    (program.folder / "broken.py").write_text(HEAD + GREEDY)
    (program.folder / "next.py").write_text(NEXT)
    suite = SUITE.format(train="").replace("[train]", "[[models]]\nuse = './next.py'\n[train]")
    (program.folder / "suite.toml").write_text(suite)
    ended = program.run("run", "suite.toml", "--trust", "--json")
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert "after 800 MB" in records["broken"]["reason"]
    assert records["next"]["status"] == "ok", records["next"]["reason"]


PROBE = """
import sys

import numpy as np

from bench_suite.contracts import Interval, Metric

METRICS = {{"a": {{"unit": "", "better": "none"}}}}


def probe(trained, options):
    {body}
"""
BROKEN_WORDS = {
    "exits": "sys.exit(3); yield",
    "an interval that is a tuple": "yield Metric('a', 0.5, interval=(0.1, 0.9))",
    "an interval without bounds": "yield Metric('a', 0.5, interval=Interval(None, None))",
    "a reason that is a number": "yield Metric('a', 0.5, reason=5)",
    "a coordinate that is a list": "yield Metric('a', 0.5, 'once', at={'b': [1, 2]})",
    "the same twice": "yield Metric('a', 0.5, 'once'); yield Metric('a', 0.7, 'once')",
    "a metric it does not state": "yield Metric('b', 0.5, 'once')",
    "neither interval nor reason": "yield Metric('a', 0.5)",
}


@pytest.mark.parametrize("error", BROKEN_WORDS)
def test_a_probe_that_breaks_its_word_fails_alone(inside, error):
    (inside.folder / "probe.py").write_text(PROBE.format(body=BROKEN_WORDS[error]))
    (inside.folder / "suite.toml").write_text(
        "[[tasks]]\nuse = 'loans'\n[[models]]\nuse = 'logistic_regression'\n[probes.quality]\nresamples = 100\n"
        "[probes.broken]\nuse = './probe.py'\n"
    )
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 3, ended.stderr
    (record,) = json.loads(ended.stdout)["records"]
    assert record["status"] == "ok"
    assert record["probes"]["broken"]["status"] == "failed"
    assert record["probes"]["quality"]["status"] == "ok"


EVALUATED = """
class Evaluated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(2)

    def forward(self, table):
        return self.layer({forward})


def encode(raw):
    return {{"table": {encode}(raw["table"].astype("float32"))}}


def build(data, options):
    return Network(Evaluated(), encode=encode, collate=stack)
"""


def evaluated(inside, forward: str = "table", encode: str = "np.nan_to_num") -> dict:
    """Return the record of a network with a lazy layer that is not trained."""
    (inside.folder / "broken.py").write_text(HEAD + EVALUATED.format(forward=forward, encode=encode))
    suite = (
        "[[tasks]]\nuse = 'loans'\n[[models]]\nuse = './broken.py'\n[train]\nepochs = 0\n"
        "[probes.compute]\n[probes.quality]\nresamples = 100\n"
    )
    (inside.folder / "suite.toml").write_text(suite)
    (record,) = json.loads(inside.run("run", "suite.toml", "--trust", "--json").stdout)["records"]
    return record


def test_lazy_layers_have_their_weights_before_anything_counts_them(inside):
    record = evaluated(inside)
    values = {metric["name"]: metric["value"] for metric in record["metrics"]}
    columns = 41
    assert values["compute/parameters"] == 2 * columns + 2
    assert values["quality/accuracy"] > 0


def test_dropout_in_evaluation_mode_is_remarked_on_each_metric_of_quality(inside):
    record = evaluated(inside, forward="nn.functional.dropout(table, 0.5)")
    reasons = [metric["reason"] or "" for metric in record["metrics"] if metric["name"].startswith("quality/")]
    assert reasons, record["probes"]
    assert all("random in evaluation mode" in reason for reason in reasons)


def test_missing_inputs_of_an_untrained_network_are_named(inside):
    reason = evaluated(inside, encode="np.array")["probes"]["quality"]["reason"]
    assert "scores are not finite numbers" in reason
    assert 'column "' in reason
    assert "% missing)" in reason


# ── one unit, in this process ───────────────────────────────────────────────────────────────────


def test_cells_of_a_unit_share_one_training_whose_time_is_in_the_first_record(context):
    network, _ = context.plan.units
    first, second = run_unit(network, context)
    assert [first.id, second.id] == [cell.id for cell in network.cells]
    assert (first.status, second.status) == ("ok", "ok")
    assert {label: row.status for label, row in second.probes.items()} == {"quality": "ok", "generalization": "ok"}
    assert (first.shared_training, second.shared_training) == (False, True)
    assert set(first.seconds) == {"data", "build", "encode", "train", "probes", "total"}
    assert set(second.seconds) == {"probes", "total"}
    assert "shares the training of another cell" in second.notes
    values = [{row.name: row.value for row in record.metrics}["quality/accuracy"] for record in (first, second)]
    assert values[0] == values[1]


def test_weights_of_the_run_are_used_again_under_the_same_key_only(context):
    network, _ = context.plan.units
    first = next(iter(run_unit(network, context)))
    assert not first.weights_reused
    again = next(iter(run_unit(network, context)))
    assert (again.weights_reused, again.weights_key) == (True, first.weights_key)
    assert "train" not in again.seconds
    assert [row.value for row in again.metrics] == [row.value for row in first.metrics]
    context.code = "changed"
    assert not next(iter(run_unit(network, context))).weights_reused


def test_only_missing_probes_are_applied_and_complete_cells_have_no_record(context):
    network, estimator = context.plan.units
    first, second = network.cells
    context.done = {first.id: frozenset(["quality", "generalization"]), second.id: frozenset(["quality"])}
    (record,) = run_unit(network, context)
    assert (record.id, set(record.probes)) == (second.id, {"generalization"})
    assert not record.shared_training, "the training is in the first record that is written"
    context.done = {cell.id: frozenset(["quality", "generalization"]) for cell in estimator.cells}
    assert list(run_unit(estimator, context)) == []


def test_an_interrupt_ends_the_unit_after_a_record_of_the_current_cell(context):
    class Interrupts(RunCallback):
        def step(self, cell, what):
            if what == "training":
                raise KeyboardInterrupt

    context.callback = Interrupts()
    records = run_unit(context.plan.units[0], context)
    record = next(records)
    assert (record.status, record.reason) == ("interrupted", "Ctrl-C")
    assert {row.status for row in record.probes.values()} == {"skipped"}
    with pytest.raises(KeyboardInterrupt):
        next(records)


def test_a_smoke_run_trains_one_epoch_of_64_examples(context):
    context.smoke = True
    record = next(iter(run_unit(context.plan.units[0], context)))
    assert (record.status, record.smoke, record.data["train"], record.data["test"]) == ("ok", True, 64, 64)
