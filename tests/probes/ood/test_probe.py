"""The probe `ood` on trained cells: what it compares, with what it does not, and the reasons."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score

from bench_suite.contracts import Artifact, DataUnavailable, OptionError
from bench_suite.probes import ood
from bench_suite.suite.document import SuiteError

OWN = '''
"""A table of the same columns, far away."""

from dataclasses import dataclass
from unittest.mock import Mock

import numpy as np
from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

MODALITY = "table"
PROBLEM = "classification"


@dataclass(frozen=True)
class Options:
    groups: tuple[str, ...] | None = None


def load(options, sources):
    table = np.random.default_rng(0).normal(size=(300, 4)) + {shift}
    split = MemorySplit(content_ids(table), {{"table": table, "target": np.zeros(300, int)}})
    spec = {{"classes": ("a", "b"), "columns": {columns}}}
    return Data("classification", spec, {{"train": split, "test": split}}, Source("generated", "{name}", "f"))
'''
SAME_COLUMNS = ("sign", "noise 1", "noise 2", "noise 3")
SUITE = """
[[tasks]]
use = "planted_noise"
train = 400
test = 300
[[models]]
use = "{model}"
[train]
epochs = 2
[matrix]
threads = 1
[probes.quality]
"""
GAUSSIANS = """
[[tasks]]
use = "planted_gaussians"
[[models]]
use = "planted_matmul"
rows = 1
width = 8
products = 1
[train]
epochs = 5
[matrix]
threads = 1
[probes.quality]
"""


def measured(trained, **options):
    items = list(ood.probe(trained, ood.Options(**{"resamples": 100, **options})))
    metrics = {
        (m.name, m.at.get("against"), m.at.get("method", m.at.get("set"))): m
        for m in items
        if not isinstance(m, Artifact)
    }  # fmt: skip
    return metrics, {a.name: a for a in items if isinstance(a, Artifact)}


def write_task(folder, name, columns=SAME_COLUMNS, shift=0.0):
    path = folder / f"{name}.py"
    path.write_text(OWN.format(columns=columns, shift=shift, name=name))
    return str(path)


def test_each_method_is_compared_against_the_shift_and_the_other_task(train_cells, tmp_path):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    metrics, artifacts = measured(trained, against=(write_task(tmp_path, "far", shift=9.0),))
    methods = ood.Options().methods
    for against, n in (("shift:noisier", 300), ("far", 300)):
        assert metrics["examples", against, "test"].value == 300
        assert metrics["examples", against, "other"].value == n
        for method in methods:
            for name in ("auroc", "fpr_at_95_tpr"):
                metric = metrics[name, against, method]
                assert metric.interval.low <= metric.value <= metric.interval.high
    assert metrics["auroc", "far", "mahalanobis"].value > 0.99
    assert metrics["auroc", "shift:noisier", "mahalanobis"].value == pytest.approx(0.5, abs=0.12)
    assert set(artifacts) == {"sets", "curves-far", "scores-far", "curves-shift-noisier", "scores-shift-noisier"}


def test_the_softmax_of_a_network_ranks_as_its_stored_scores(train_cells, tmp_path):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    metrics, _ = measured(trained, methods=("max_softmax",))
    scores = [trained.predictions(split)["scores"].max(axis=1) for split in ("test", "shift:noisier")]
    known = roc_auc_score(np.repeat([1, 0], 300), np.concatenate(scores))
    assert metrics["auroc", "shift:noisier", "max_softmax"].value == pytest.approx(known, abs=1e-3)


def test_nothing_of_another_task_is_stored_and_the_cells_own_predictions_stay(train_cells, tmp_path):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    stored: list[str] = []
    trained.keep = lambda split, predictions: stored.append(split)
    before = trained.predictions("test")
    measured(trained, against=(write_task(tmp_path, "far", shift=9.0),))
    assert trained.predictions("test") is before
    assert stored == ["test"]


def test_an_estimator_has_its_probabilities_only(train_cells, tmp_path):
    (trained,) = train_cells(SUITE.format(model="logistic_regression"))
    metrics, _ = measured(trained, against=(write_task(tmp_path, "far", shift=9.0),))
    assert metrics["auroc", "far", "max_softmax"].value is not None
    for method, words in (("energy", "logits"), ("mahalanobis", "layer"), ("nearest_neighbours", "layer")):
        metric = metrics["auroc", "far", method]
        assert (metric.value, words in metric.reason) == (None, True)


def test_scores_that_are_no_probabilities_have_a_reason(train_cells):
    (trained,) = train_cells(SUITE.format(model="logistic_regression"))
    predict = trained.model.predict
    trained.model.predict = lambda split: {**predict(split), "scores": 2 * predict(split)["scores"]}
    metrics, _ = measured(trained, methods=("max_softmax",))
    metric = metrics["auroc", "shift:noisier", "max_softmax"]
    assert (metric.value, "no probabilities" in metric.reason) == (None, True)


@pytest.mark.parametrize(
    ("use", "words"),
    [("digits", "its examples are images"), ("planted_noise", "trained on"), ("planted_groups", "other columns")],
)
def test_a_task_that_the_model_cannot_read_has_a_reason(train_cells, use, words):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    metrics, artifacts = measured(trained, against=(use,), methods=("energy",))
    for name in ("auroc", "fpr_at_95_tpr"):
        metric = metrics[name, use, None]
        assert metric.value is None
        assert words in metric.reason
    assert artifacts["sets"].data["rows"][-1][0] == use
    assert metrics["auroc", "shift:noisier", "energy"].value is not None


def test_a_reason_of_several_lines_is_joined_by_semicolons(train_cells, monkeypatch):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    error = DataUnavailable("no folder x", "fetch x")
    monkeypatch.setattr(type(trained), "on_task", Mock(side_effect=error))
    metrics, artifacts = measured(trained, against=("digits",), methods=("energy",))
    assert metrics["auroc", "digits", None].reason == "no folder x; to get it: fetch x"
    assert artifacts["sets"].data["rows"][-1][-1] == "no folder x; to get it: fetch x"


def test_too_few_test_examples_have_a_reason(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp").replace("test = 300", "test = 10\nflipped = 0\nshifted = 0"))
    metrics, artifacts = measured(trained)
    assert metrics["auroc", None, None].reason.startswith("10 test examples")
    assert not artifacts


def test_more_neighbours_than_training_examples_have_a_reason(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    metrics, _ = measured(trained, neighbours=50, train_examples=20)
    assert "20 training examples" in metrics["auroc", "shift:noisier", "nearest_neighbours"].reason


def test_the_drawn_examples_depend_on_the_cells_seed_alone(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    first, again = (measured(trained, examples=50, train_examples=80)[0] for _ in range(2))
    assert first == again
    assert first["examples", "shift:noisier", "other"].value == 50


def test_progress_is_reported(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp"))
    texts: list[str] = []
    trained.on_progress = texts.append
    measured(trained)
    assert any(text.startswith("ood, shift:noisier") for text in texts)


def test_the_planted_gaussians_have_the_known_separability(train_cells):
    (trained,) = train_cells(GAUSSIANS)
    metrics, _ = measured(trained)
    at = "shift:nearer", "max_softmax"
    assert metrics["auroc", *at].value == pytest.approx(special.ndtr(1.5 / 2**0.5), abs=0.003)
    assert metrics["fpr_at_95_tpr", *at].value == pytest.approx(special.ndtr(1.644854 - 1.5), abs=0.003)


# ── before training ─────────────────────────────────────────────────────────────────────────────


def test_two_tasks_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    uses = write_task(tmp_path, "far"), write_task(tmp_path / "other", "far")
    with pytest.raises(ValueError, match="both called far"):
        ood.check(ood.Options(against=uses))


@pytest.mark.parametrize(
    ("options", "key"), [({"methods": ()}, "methods"), ({"neighbours": 50, "train_examples": 20}, "neighbours")]
)
def test_options_that_leave_nothing_to_measure_are_refused(options, key):
    with pytest.raises(OptionError) as refused:
        ood.check(ood.Options(**options))
    assert refused.value.key == (key,)


def test_a_task_that_needs_options_is_refused():
    with pytest.raises(ValueError, match="files cannot be loaded with its default options"):
        ood.check(ood.Options(against=("files",)))


def test_a_suite_without_shift_and_task_of_the_modality_is_refused(train_cells):
    text = SUITE.format(model="mlp").replace('use = "planted_noise"\ntrain = 400\ntest = 300', 'use = "loans"')
    with pytest.raises(SuiteError, match="needs shift, or another task of the same modality in `against`"):
        train_cells(text + '[probes.ood]\nagainst = ["digits"]\n')
    with pytest.raises(SuiteError, match="no task"):
        train_cells(text + '[probes.ood]\nagainst = ["no_such_task"]\n')
