"""Claims about what a run checks with data and built models before its first training."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

LOANS = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
hidden = [4]
[train]
epochs = 1
[matrix]
threads = 1
[probes.quality]
resamples = 100
"""


class Noted(RunCallback):
    """A callback that keeps what it is told of data and trainings."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, object]]] = []
        self.trainings = 0

    def data_notes(self, task, notes) -> None:
        self.notes.append((task, dict(notes)))

    def trained(self, cell, history) -> None:
        self.trainings += 1


def executed(tmp_path: Path, text: str, callback: RunCallback, *, trust: bool = False):
    (tmp_path / "s.toml").write_text(text)
    return execute(
        make_plan(read_suite(str(tmp_path / "s.toml"))), Store(tmp_path / "results"), Request(trust=trust), callback
    )


def refused(tmp_path: Path, text: str, *, trust: bool = False) -> list[str]:
    """Return the errors of a run that ends before any training and without a record."""
    callback = Noted()
    with pytest.raises(SuiteError) as raised:
        executed(tmp_path, text, callback, trust=trust)
    assert callback.trainings == 0
    assert not [*tmp_path.glob("results/*/records/*")]
    return [f"{'.'.join(map(str, entry.key))}: {entry.message}" for entry in raised.value.entries]


def test_a_column_that_the_table_does_not_have_is_refused_with_the_nearest(tmp_path):
    (error,) = refused(tmp_path, LOANS + '[probes.importance]\ncolumns = ["liq", "nettw"]\n')
    start = 'probes.importance.columns: the table of loans has no column "nettw"; did you mean "netw"? (it has: '
    assert error.startswith(start)


def test_a_column_of_one_task_is_refused_for_another_with_the_way_to_leave_it_out(tmp_path):
    two = LOANS.replace("[[models]]", '[[tasks]]\nuse = "breast_cancer"\n[[models]]')
    asked = two + '[probes.importance]\ncolumns = ["liq"]\nrepeats = 1\nresamples = 100\n'
    (error,) = refused(tmp_path, asked)
    assert 'the table of breast_cancer has no column "liq"' in error
    assert error.endswith('to leave that task out: only = { task = ["loans"] }')
    outcome = executed(tmp_path, asked + 'only = { task = ["loans"] }\n', RunCallback())
    assert not outcome.failed


def test_a_class_that_only_data_have_is_refused(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n" + "".join(f"{i},{'good' if i % 3 else 'bad'}\n" for i in range(90)))
    files = LOANS.replace('use = "loans"', 'use = "files"\npath = "d.csv"\nlabel = "y"')
    (error,) = refused(tmp_path, files + '[probes.fairness]\npositive = "goood"\n')
    assert error.startswith('probes.fairness.positive: "goood" is no class of files')
    weights = files.replace("epochs = 1", "epochs = 1\nclass_weights = { good = 1.0, baad = 2.0 }")
    (error,) = refused(tmp_path, weights)
    assert error.startswith('train.class_weights: "baad" is no class of files')


AGAINST = "[probes.ood]\nresamples = 100\ntrain_examples = 50\nneighbours = 1\nagainst = "


def test_a_task_whose_examples_no_model_of_the_suite_can_read_is_refused(tmp_path):
    (error,) = refused(tmp_path, LOANS + AGAINST + '["breast_cancer"]\n')
    assert error == (
        'probes.ood.against: "breast_cancer" cannot be compared with any task of this suite: for loans, its table has '
        "other columns than the one that the model takes (else leave it out)"
    )


def test_a_task_that_fits_some_cells_only_is_announced_for_the_others(tmp_path):
    two = LOANS.replace('use = "loans"', 'use = "planted_noise"\n[[tasks]]\nuse = "planted_gaussians"')
    callback = Noted()
    outcome = executed(tmp_path, two + AGAINST + '["planted_gaussians"]\n', callback)
    assert not outcome.failed
    (note,) = [note for note in callback.notes if any("ood" in key for key in note[1])]
    assert next(iter(note[1])) == "ood does not compare with planted_gaussians"


PRIVATE = LOANS.replace("epochs = 1", "epochs = 1\nprivacy = { epsilon = 3.0, delta = DELTA }")
MIXING = """
import torch
from bench_suite.models import mlp
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
class Mixing(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, **inputs):
        outputs = self.inner(**inputs)
        return outputs - outputs.mean(0, keepdim=True) / 2
class Unused(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.unused = inner, torch.nn.Linear(2, 2)
    def forward(self, **inputs):
        return self.inner(**inputs)
def build(data, options):
    network = mlp.build(data, mlp.Options(hidden=(4,)))
    network.module = KIND(network.module)
    return network
"""


def test_a_delta_that_would_permit_to_publish_examples_is_refused(tmp_path):
    pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")
    (error,) = refused(tmp_path, PRIVATE.replace("DELTA", "0.01"))
    assert error.startswith("train.privacy: mlp: privacy: delta = 0.01 is not below 1 /")


@pytest.mark.parametrize(
    ("kind", "message"), [("Mixing", "differ from those of its examples alone"), ("Unused", "unused")]
)
def test_a_model_that_cannot_be_private_is_refused_before_the_cells_before_it_train(tmp_path, kind, message):
    pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")
    (tmp_path / "mine.py").write_text(MIXING.replace("KIND", kind))
    text = PRIVATE.replace("DELTA", "1e-5").replace("[train]", '[[models]]\nuse = "./mine.py"\n[train]')
    (error,) = refused(tmp_path, text, trust=True)
    assert error.startswith("train.privacy: mine: ")
    assert message in error


def test_a_private_training_is_the_same_after_the_checks(tmp_path, monkeypatch):
    pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")
    text = PRIVATE.replace("DELTA", "1e-5")
    checked = executed(tmp_path, text, RunCallback()).records[0]
    monkeypatch.setattr("bench_suite.execution.session.check_early", lambda context: None)
    plain = executed(tmp_path, text, RunCallback()).records[0]
    assert [metric.value for metric in checked.metrics] == [metric.value for metric in plain.metrics]
