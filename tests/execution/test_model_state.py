"""Claims about what one probe may change for the next: it is restored, and what cannot be is in the record."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench_suite.execution.model_state import model_settings
from bench_suite.execution.process_state import ProcessState

CHANGES = {
    "training mode": lambda module: module[1].train(),
    "requires_grad of parameters": lambda module: module.requires_grad_(False),
    "hooks of modules": lambda module: module[0].register_forward_hook(lambda *arguments: arguments[2] * 0),
}
"What a probe may do to a network, by the kind of the setting that it changes."


def network():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    module[0].bias.requires_grad_(False)
    return SimpleNamespace(module=module, frozen=nn.Linear(2, 2))


@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_of_a_network_is_restored(kind):
    trained = network()
    before = trained.module(torch.ones(2, 3)).tolist()
    state = ProcessState.capture(model_settings(trained))
    settings = {setting.kind: setting.read for setting in model_settings(trained)}
    values = settings[kind]()
    CHANGES[kind](trained.module)
    assert settings[kind]() != values
    changes = state.restore()
    assert (changes.restored, changes.unrestored) == ([kind], {})
    assert settings[kind]() == values
    assert trained.module(torch.ones(2, 3)).tolist() == before


def test_running_statistics_are_restored_and_parameters_that_change_in_place_are_named():
    trained = network()
    state = ProcessState.capture(model_settings(trained))
    before = {name: value.clone() for name, value in trained.module.state_dict().items()}
    for _ in range(2):
        trained.module.train()
        trained.module(torch.rand(4, 3))
        assert not torch.equal(trained.module[1].running_mean, before["1.running_mean"])
        assert state.restore().unrestored == {}
        assert all(torch.equal(value, before[name]) for name, value in trained.module.state_dict().items())
    with torch.no_grad():
        trained.frozen.weight.add_(1.0)
    assert state.restore().unrestored == {"parameters": "changed, and cannot be restored"}


SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "./normed.py"
[train]
epochs = 1
[matrix]
threads = 1
{leaves}
[probes.sees]
use = "./sees.py"
[probes.quality]
resamples = 100
"""
MODEL = """
import numpy as np
from torch import nn

from bench_suite.contracts import Network
from bench_suite.data.encoded import stack

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


class Normed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    def forward(self, input):
        return self.layers(input)


def build(data, options):
    return Network(
        Normed(len(data.spec["columns"])),
        lambda raw: {"table": np.nan_to_num(raw["table"]).astype("float32")},
        lambda columns: stack({"input": columns["table"], "target": columns["target"]}),
    )
"""
LEAVES = """
import os, random, sys, threading, time, warnings

import matplotlib
import numpy as np
import torch

METRICS = {"one": {"unit": "count", "better": "none"}}


def probe(trained, options):
    module = trained.network.module
    module.train()
    module.requires_grad_(False)
    module.register_forward_hook(lambda *arguments: arguments[2] * 0)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(False)
    np.seterr(all="raise")
    matplotlib.rcParams["font.size"] = 31.0
    sys.setrecursionlimit(5000)
    warnings.simplefilter("error")
    os.environ["LEFT"] = "1"
    os.chdir("/")
    torch.rand(3), np.random.rand(3), random.random()
    ENDS
    yield from ()
"""
SEES = """
import os, random, sys

import matplotlib
import numpy as np
import torch

from bench_suite.contracts import Metric

METRICS = {"seen": {"unit": "", "better": "none"}}


def probe(trained, options):
    module = trained.network.module
    seen = {
        "mode": sum(part.training for part in module.modules()),
        "requires grad": sum(parameter.requires_grad for parameter in module.parameters()),
        "dtype": torch.get_default_dtype() == torch.float32,
        "grad": torch.is_grad_enabled(),
        "errors": len(set(np.geterr().values())),
        "font": matplotlib.rcParams["font.size"],
        "recursion": sys.getrecursionlimit(),
        "left": "LEFT" in os.environ,
        "folder": len(os.getcwd()),
        "torch": float(torch.rand(1)),
        "numpy": float(np.random.rand()),
        "random": random.random(),
    }
    for name, value in seen.items():
        yield Metric("seen", float(value), at={"of": name}, kind="exact")
"""


def measured(inside, ends=None):
    """Return the record of the suite's cell, with the probe that changes everything and ends so, or without it."""
    (inside.folder / "normed.py").write_text(MODEL)
    (inside.folder / "sees.py").write_text(SEES)
    (inside.folder / "leaves.py").write_text(LEAVES.replace("ENDS", ends or "pass"))
    leaves = '[probes.leaves]\nuse = "./leaves.py"' if ends else ""
    (inside.folder / "suite.toml").write_text(SUITE.format(leaves=leaves))
    [record] = json.loads(inside.run("run", "suite.toml", "--trust", "--json").stdout)["records"]
    return record


def values(record):
    return [(row["name"], row["at"], row["value"]) for row in record["metrics"]]


@pytest.mark.parametrize(("ends", "status"), [("pass", "ok"), ("raise ValueError", "failed")])
def test_a_probe_has_the_same_results_after_one_that_changes_everything(inside, ends, status):
    alone, after = measured(inside), measured(inside, ends)
    assert after["probes"]["leaves"]["status"] == status
    assert values(after) == values(alone)
    assert "unrestored" not in after["probes"]["leaves"]
    assert not any("affected" in note for note in after["notes"])


def test_what_a_probe_leaves_for_the_next_is_noted_on_that_probe(inside):
    thread = "threading.Thread(target=time.sleep, args=(60,), name='goes on', daemon=True).start()"
    record = measured(inside, f"module.layers[0].bias.add_(1.0); {thread}")
    assert record["probes"]["leaves"]["unrestored"] == {
        "parameters": "changed, and cannot be restored",
        "threads": "goes on",
    }
    assert "unrestored" not in record["probes"]["sees"]
    assert any("may be affected by the probe leaves" in note for note in record["notes"])
