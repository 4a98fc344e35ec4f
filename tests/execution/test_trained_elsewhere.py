"""Claims about a cell of each shipped task and model: another process can receive it."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bench_suite
from bench_suite.components import discovery
from bench_suite.components.discovery import builtin
from bench_suite.contracts import DataUnavailable, Placement
from bench_suite.data.sources import Sources
from bench_suite.execution.trained import Trained
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

HUB = 'id = "me/people"\ninputs = ["age", "pay"]\nlabel = "granted"\n'
FILES = 'path = "people.csv"\nlabel = "granted"\n'
PARTNERS = {  # a model for a task of each modality, and the reverse
    "image": ("mlp", "digits"),
    "table": ("mlp", "planted_columns"),
    "text": ("text_cnn", "planted_terms"),
}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return a folder with the data set `me/people` of the hub, and no other."""
    folder = tmp_path / "hub" / "me" / "people" / "default"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        columns = {"age": random.normal(size=80), "pay": random.normal(size=80), "granted": random.integers(0, 2, 80)}
        pq.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")
    rows = [f"{number},{number % 7},{number % 2}" for number in range(80)]
    (tmp_path / "people.csv").write_text("\n".join(["age,pay,granted", *rows]) + "\n")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "hub"))
    return tmp_path


def cell_of(folder, task: str, model: str):
    options = {"hub": HUB, "files": FILES}.get(task, "")
    (folder / "suite.toml").write_text(
        f'[[tasks]]\nuse = "{task}"\n{options}[[models]]\nuse = "{model}"\n[probes.quality]\n'
    )
    return make_plan(read_suite(str(folder / "suite.toml"))).cells[0]


def sent(cell, data):
    """Return what another process receives of a cell, as it would arrive there."""
    trained = Trained(cell, data, None, Placement("cpu", 1, "32-true"), None, cell.options["train"], 0)
    return pickle.loads(pickle.dumps(trained.without_model()))


@pytest.mark.parametrize("task", builtin("tasks"))
def test_a_cell_of_each_shipped_task_reaches_another_process(hub, task):
    component = discovery.find("tasks", task, hub)
    modality = "table" if task in ("hub", "files") else component.words("MODALITY")[0]
    cell = cell_of(hub, task, PARTNERS[modality][0])
    try:
        options = discovery.make_options(component, cell.options["task"])
        data = discovery.load(component).load(options, Sources(offline=True))
    except DataUnavailable:
        data = None  # the cell is sent all the same
    arrived = sent(cell, data)
    assert arrived.cell == cell
    if data is not None:
        assert {name: len(split) for name, split in arrived.data.splits.items()} == {
            name: len(split) for name, split in data.splits.items()
        }
        rows = np.arange(2)
        for name, values in data.splits["train"].take(rows).items():
            np.testing.assert_array_equal(arrived.data.splits["train"].take(rows)[name], values)


@pytest.mark.parametrize("model", builtin("models"))
def test_a_cell_of_each_shipped_model_reaches_another_process(hub, model):
    component = discovery.find("models", model, hub)
    modality = next(word for word in ("table", "text", "image") if word in component.words("MODALITIES"))
    cell = cell_of(hub, PARTNERS[modality][1], model)
    assert sent(cell, None) == replace(sent(cell, None), cell=cell)


@pytest.mark.slow
def test_a_component_with_a_required_option_is_measured_in_further_processes(hub):
    (hub / "suite.toml").write_text(
        f'[[tasks]]\nuse = "hub"\n{HUB}[[models]]\nuse = "logistic_regression"\n[matrix]\nthreads = 1\n'
        "[probes.throughput]\nprocesses = 2\nseconds = 0.02\nbatch_sizes = [1]\n"
    )
    (record,) = bench_suite.run(hub / "suite.toml", results=hub / "results").records
    assert record.probes["throughput"].status == "ok", record.probes
