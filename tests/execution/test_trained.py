"""Claims about a trained cell: built from its seed, predicted once, checked, and trained again on request."""

from __future__ import annotations

import json
import pickle
import random
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from bench_suite.contracts import BenchError, Placement, Threshold
from bench_suite.data.splits import Joined, Subset
from bench_suite.execution.model_training import build, fit, train_options
from bench_suite.execution.trained import Trained
from bench_suite.problems import classification
from bench_suite.training.seeding import seed_everything

PLACEMENT = Placement("cpu", 1, "32-true")
HEAD = '''
"""A third party's model."""

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)

'''
CERTAIN = """
class Certain:
    def fit(self, data, options, report):
        pass

    def predict(self, split):
        scores = np.tile(np.array([[1.0, 0.0]], dtype=TYPE), (len(split), 1))
        return {"predictions": np.zeros(len(split), dtype=int), "scores": scores}


def build(data, options):
    return Certain()
"""


class Estimator:
    """An estimator whose predictions are given."""

    def __init__(self, columns) -> None:
        self.columns = columns

    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return self.columns


@pytest.fixture
def cells(context):
    """Return `(cell, data)` of a network and of an estimator."""
    network, _, estimator = context.plan.cells
    data = context.load(network)
    return (network, data), (estimator, data)


def built(cell, data, seed: int = 0, **train) -> Trained:
    return build(cell, data, PLACEMENT, seed, {**cell.options["train"], **train})


def weights(trained: Trained) -> list[float]:
    assert trained.network is not None
    return torch.cat([parameter.flatten() for parameter in trained.network.module.parameters()]).tolist()


# ── building and training ───────────────────────────────────────────────────────────────────────


def test_a_model_is_built_from_its_seed_and_not_trained(cells):
    network, estimator = cells
    assert weights(built(*network)) == weights(built(*network))
    assert weights(built(*network)) != weights(built(*network, seed=1))
    assert built(*network).history is None
    assert built(*estimator).network is None


def test_the_same_seed_trains_the_same_weights_and_another_one_others(cells):
    trained = [built(*cells[0], seed=seed) for seed in (0, 0, 1)]
    before = weights(trained[0])
    for cell in trained:
        fit(cell, lambda window: True)
    first, again, other = map(weights, trained)
    assert first == again
    assert first != before
    assert first != other
    assert trained[0].history.samples == len(trained[0].data.splits["train"])


def test_an_estimator_has_a_history_of_its_time_and_examples(cells):
    trained = built(*cells[1])
    fit(trained, lambda window: True)
    assert trained.history.samples == len(trained.data.splits["train"])
    assert trained.history.seconds > 0.0


def test_meters_are_entered_around_the_training_and_their_values_returned(cells):
    trained = built(*cells[1])
    assert fit(trained, lambda window: True, {"speed": nullcontext(3), "memory": nullcontext("m")}) == {
        "speed": 3, "memory": "m",
    }  # fmt: skip


def test_training_options_are_those_of_the_contract():
    options = train_options({"epochs": 2, "target": {"accuracy": 0.5}})
    assert (options.epochs, options.target, options.batch_size) == (2, {"accuracy": 0.5}, 64)


def test_all_generators_follow_from_one_seed():
    draws = []
    for seed in (5, 5, 6):
        seed_everything(seed)
        draws.append((random.random(), np.random.random(), float(torch.rand(()))))  # noqa: NPY002 - the global one
    assert draws[0] == draws[1]
    assert all(one != other for one, other in zip(draws[0], draws[2]))


def test_the_same_seed_gives_the_same_predictions_bit_for_bit(suite):
    first, second = suite(), suite()
    for a, b in zip(first.records, second.records):
        rows = [next(x for x in r.artifacts if x.name == "predictions/test") for r in (a, b)]
        one, two = first.run.read_predictions(rows[0]), second.run.read_predictions(rows[1])
        assert np.array_equal(one["scores"], two["scores"])
        assert np.array_equal(one.ids, two.ids)
    assert first.run.name != second.run.name


def test_different_seeds_give_different_predictions_on_the_same_examples(suite):
    outcome = suite()
    rows = [next(x for x in r.artifacts if x.name == "predictions/test") for r in outcome.records]
    one, two = (outcome.run.read_predictions(row) for row in rows)
    assert np.array_equal(one.ids, two.ids)
    assert not np.array_equal(one["scores"], two["scores"])


# ── predictions ─────────────────────────────────────────────────────────────────────────────────


def test_predictions_are_computed_once_and_kept_once(cells):
    trained = built(*cells[0])
    splits = []
    trained.keep = lambda split, predictions: splits.append(split)
    first = trained.predictions("test")
    assert trained.predictions("test") is first
    assert splits == ["test"]
    assert np.array_equal(first.ids, trained.data.splits["test"].ids)
    changed = trained.predictions("test", lambda raw: {**raw, "table": raw["table"] * 0.0})
    assert not np.array_equal(changed["scores"], first["scores"])
    assert splits == ["test"], "predictions on changed examples are not stored"
    assert trained.predictions("test") is first


def test_another_cell_of_the_unit_has_the_same_model_and_predictions_of_its_own(cells, context):
    trained = built(*cells[0])
    first = trained.predictions("test")
    other = trained.for_cell(context.plan.cells[1], None)
    assert other.model is trained.model
    assert (trained.evaluation().batch_size, other.evaluation().batch_size) == (16, 256)
    assert other.labels["evaluate.batch_size"] == 256
    assert other.predictions("test") is not first
    np.testing.assert_allclose(other.predictions("test")["scores"], first["scores"], rtol=1e-5, atol=1e-6)


def test_a_probe_gets_its_own_meter_and_the_same_predictions(cells):
    trained = built(*cells[0])
    first = trained.predictions("test")
    probe = trained.for_probe("meter")
    assert (probe.meter, trained.meter) == ("meter", None)
    assert probe.predictions("test") is first


def test_some_rows_are_predicted_as_in_the_whole_split(cells):
    rows = np.array([5, 1, 1])
    for cell, data in cells:
        trained = built(cell, data)
        fit(trained, lambda window: True)
        predicted = trained.inference("test", rows)()["predictions"]
        assert predicted.tolist() == trained.predictions("test")["predictions"][rows].tolist()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (None, "predict must return a mapping with `predictions`, not NoneType"),
        ({"scores": []}, "predict must return a mapping with `predictions`, not dict"),
        ({"predictions": np.zeros(3, int)}, "predictions of test has 3 rows for "),
        ({}, "must be class numbers"),
    ],
)
def test_predictions_that_cannot_be_used_are_refused_with_the_name_of_the_model(cells, columns, message):
    cell, data = cells[1]
    if message == "must be class numbers":
        columns = {"predictions": np.array(["a"] * len(data.splits["test"]))}
    trained = Trained(cell, data, classification, PLACEMENT, Estimator(columns), {}, 0)
    with pytest.raises(BenchError, match="logistic_regression") as raised:
        trained.predictions("test")
    assert message in str(raised.value)


def test_scores_have_one_type_whatever_the_model_returns(cells):
    cell, data = cells[1]
    n = len(data.splits["test"])
    columns = {"predictions": np.zeros(n, int), "scores": np.tile([[1.0, 0.0]], (n, 1))}
    trained = Trained(cell, data, classification, PLACEMENT, Estimator(columns), {}, 0)
    assert trained.predictions("test")["scores"].dtype == np.float32


def test_the_same_scores_cost_the_same_whatever_their_type(inside):
    for name in ("float32", "float64"):
        (inside.folder / f"{name}.py").write_text(HEAD + f'TYPE = "{name}"\n' + CERTAIN)
    models = "".join(f"[[models]]\nuse = './{name}.py'\n" for name in ("float32", "float64"))
    (inside.folder / "suite.toml").write_text(f"[[tasks]]\nuse = 'loans'\n{models}[probes.quality]\nresamples = 100\n")
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    metrics = [record["metrics"] for record in json.loads(ended.stdout)["records"]]
    one, other = ({m["name"]: m["value"] for m in rows}["quality/log_loss"] for rows in metrics)
    assert one == other


def test_a_split_that_the_task_lacks_and_encoded_data_of_an_estimator_are_errors(cells):
    trained = built(*cells[1])
    with pytest.raises(BenchError, match=r'the task loans has no split "shift:x" \(it has: '):
        trained.predictions("shift:x")
    with pytest.raises(BenchError, match="logistic_regression is an estimator, and only a network has encoded data"):
        trained.encoded("test")


@pytest.mark.parametrize("which", [0, 1])
def test_predictions_of_any_model_are_those_at_the_threshold_that_validation_chose(cells, which):
    cell, data = cells[which]
    trained = built(cell, data)
    fit(trained, lambda window: True)
    options = {**cell.options, "evaluate": {**cell.options["evaluate"], "threshold": "balanced_accuracy"}}
    chosen, plain = trained.for_cell(replace(cell, options=options), None), trained.for_cell(cell, None)
    assert plain.threshold is None
    assert plain.predictions("validation")["predictions"].dtype.kind == "i"
    columns = plain.predictions("validation").columns
    value, score = classification.best_threshold(columns["targets"] == 1, columns["scores"][:, 1], "balanced_accuracy")
    assert chosen.threshold == Threshold(value, "balanced_accuracy", score, len(columns["targets"]))
    assert score == pytest.approx(balanced_accuracy_score(columns["targets"], columns["scores"][:, 1] >= value))
    before, after = plain.predictions("test"), chosen.predictions("test")
    assert np.array_equal(before["scores"], after["scores"])
    assert np.array_equal(after["predictions"], (after["scores"][:, 1] >= value).astype(int))
    assert not np.array_equal(before["predictions"], after["predictions"])
    swapped = chosen.predictions("test", lambda raw: {**raw, "table": raw["table"] * 0.0})
    assert np.array_equal(swapped["predictions"], (swapped["scores"][:, 1] >= value).astype(int))


def test_a_threshold_needs_a_validation_split_and_reads_no_other(cells):
    cell, data = cells[1]
    options = {**cell.options, "evaluate": {**cell.options["evaluate"], "threshold": "f1"}}
    splits = {name: split for name, split in data.splits.items() if name != "test"}
    trained = built(replace(cell, options=options), replace(data, splits=splits))
    fit(trained, lambda window: True)
    assert trained.threshold is not None
    without = {name: split for name, split in data.splits.items() if name != "validation"}
    trained = built(replace(cell, options=options), replace(data, splits=without))
    fit(trained, lambda window: True)
    with pytest.raises(BenchError, match="threshold is chosen on validation data, and there are none"):
        trained.predictions("test")


OWN = """
from dataclasses import dataclass

import torch
from torch import nn

from bench_suite.contracts import Batch, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import standardisation_of

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


@dataclass(frozen=True)
class Options:
    gamma: float = 2.0
    noise: float = 0.1


class Net(nn.Linear):
    def forward(self, table):
        return super().forward(table)


def build(data, options):
    return Network(Net(len(data.spec["columns"]), 2), standardisation_of(data), stack)


def loss(outputs, targets, options, weights=None):
    log_likelihood = outputs.log_softmax(1).gather(1, targets[:, None]).squeeze(1)
    losses = -((1 - log_likelihood.exp()) ** options.gamma) * log_likelihood
    return (losses if weights is None else losses * weights[targets]).mean()


def augment(batch, generator, options):
    table = batch.inputs["table"]
    noise = torch.randn(table.shape, generator=generator, device=table.device)
    return Batch({"table": table + options.noise * noise}, batch.targets)
"""


def test_a_models_own_loss_and_augment_get_its_options_and_the_record_says_so(inside):
    (inside.folder / "own.py").write_text(OWN)
    models = "".join(f"[[models]]\nuse = './own.py'\nname = 'g{g}'\ngamma = {g}\nnoise = 0.0\n" for g in (0, 4))
    models += "[[models]]\nuse = './own.py'\nname = 'noisy'\ngamma = 0\nnoise = 2.0\n"
    models += "[[models]]\nuse = 'mlp'\nhidden = []\n"
    (inside.folder / "suite.toml").write_text(
        f"[[tasks]]\nuse = 'loans'\npositive = 'denied'\n{models}[train]\nepochs = 2\nclass_weights = 'balanced'\n"
        "[probes.quality]\nresamples = 100\n"
    )
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    assert ended.returncode == 0, ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    values = {
        model: {metric["name"]: metric["value"] for metric in record["metrics"]} for model, record in records.items()
    }
    # With gamma = 0 the focal loss is the weighted cross-entropy, with which the built-in linear model is trained.
    assert values["g0"]["quality/log_loss"] == pytest.approx(values["mlp"]["quality/log_loss"], rel=1e-3)
    assert len({round(of_model["quality/log_loss"], 4) for of_model in values.values()}) == 3
    own, builtin = records["g0"]["notes"], records["mlp"]["notes"]
    assert "the training loss is the model's own; the validation loss is that of classification" in own
    assert not any("own" in note for note in builtin if "loss" in note)
    assert any(note.startswith("weights of the classes in the training loss: denied 4.0") for note in builtin)
    assert records["mlp"]["data"]["positive"] == 0
    assert "quality/binary_f1" in values["mlp"]


# ── training again ──────────────────────────────────────────────────────────────────────────────


def test_a_cell_is_trained_again_on_some_rows_with_another_seed_or_other_options(cells):
    trained = built(*cells[0])
    fit(trained, lambda window: True)
    assert weights(trained.retrain()) == weights(trained)
    part = trained.retrain(rows=np.arange(10))
    assert (len(part.data.splits["train"]), part.history.samples) == (10, 10)
    assert part.data.source.fingerprint != trained.data.source.fingerprint
    assert len(trained.data.splits["train"]) > 10, "the cell itself is as it was"
    assert weights(trained.retrain(seed=1)) != weights(trained)
    assert trained.retrain(train={"epochs": 0}).history is None
    with pytest.raises(BenchError, match="retrain: unknown training option epoch"):
        trained.retrain(train={"epoch": 1})


def test_a_cell_is_trained_again_on_another_split_and_predicts_further_examples(cells):
    trained = built(*cells[0])
    fit(trained, lambda window: True)
    train, test = trained.data.splits["train"], trained.data.splits["test"]
    pool = Joined(train, test)
    rows = np.r_[np.arange(5), len(train) + np.arange(3)]
    again = trained.retrain(splits={"train": Subset(pool, rows), "attacked": Subset(pool, rows[::-1])})
    assert again.history.samples == len(rows)
    predictions = again.predictions("attacked")
    assert predictions.ids.tolist() == [*test.ids[2::-1].tolist(), *train.ids[4::-1].tolist()]
    assert again.data.source.fingerprint != trained.data.source.fingerprint
    assert trained.data.splits["train"] is train, "the cell itself is as it was"
    assert weights(trained.retrain(splits={"train": train})) == weights(trained)


def test_a_cell_without_its_model_can_be_sent_to_another_process_and_trained_there(cells):
    trained = built(*cells[0])
    fit(trained, lambda window: True)
    sent = pickle.loads(pickle.dumps(trained.without_model()))
    assert (sent.model, sent.history, sent.keep) == (None, None, None)
    assert weights(sent.retrain()) == weights(trained)
