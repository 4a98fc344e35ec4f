"""D009, D011 and D012 on predictions whose quality is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from bench_suite.contracts import Interval, MetricRow, Predictions
from bench_suite.data.checks.trivial import Baselines
from bench_suite.execution.result_checks import association, chance_models, matched_baselines, overfitted_models

N = 400
RANDOM = np.random.default_rng(3)


def predictions(accuracy: float, targets: np.ndarray) -> Predictions:
    """Return predictions of a share of right classes; the others are drawn."""
    known = np.random.default_rng(int(1000 * accuracy)).random(len(targets)) < accuracy
    drawn = np.random.default_rng(7).integers(0, 2, len(targets))
    return Predictions(
        "test", np.arange(len(targets)), {"targets": targets, "predictions": np.where(known, targets, drawn)}
    )


def test_only_a_model_that_does_not_beat_the_baseline_is_named() -> None:
    targets = (np.arange(N) % 10 < 2).astype(int)
    baselines = Baselines(np.arange(N), {"the most frequent class (no)": (targets != 0).astype(float)})
    (finding,) = matched_baselines("mine", {"mlp": [predictions(0.5, targets)]}, baselines)
    assert (finding.code, finding.subject) == ("D009", "mlp")
    assert finding.values["gain"] < 0
    good = [predictions(0.95, targets)]
    assert list(matched_baselines("mine", {"mlp": [predictions(0.5, targets)], "cnn": good}, baselines)) == []


def test_losses_are_paired_by_example_in_any_order() -> None:
    targets = np.arange(N) % 2
    model = predictions(0.9, targets)
    order = np.random.default_rng(0).permutation(N)
    turned = Predictions(
        "test", model.ids[order], {name: np.asarray(values)[order] for name, values in model.columns.items()}
    )
    same = Baselines(np.arange(N), {"itself": (model["targets"] != model["predictions"]).astype(float)})
    (finding,) = matched_baselines("mine", {"mlp": [turned]}, same)
    assert finding.values == {"gain": 0.0, "low": 0.0, "high": 0.0}


def test_chance_is_found_and_false_alarms_are_as_rare_as_stated() -> None:
    """A model at chance is named in 95 % of data sets, one with accuracy 0.6 (100 examples a class) in under 5 %."""
    random, chance, skilled = np.random.default_rng(5), 0, 0
    for _ in range(400):
        targets = random.integers(0, 2, 200)
        right = random.random(200) < 0.65
        for share, predicted in (
            ("chance", random.integers(0, 2, 200)),
            ("skilled", np.where(right, targets, 1 - targets)),
        ):
            one = Predictions("test", np.arange(200), {"targets": targets, "predictions": predicted})
            named = len([*chance_models("mine", {"mlp": [one]})])
            chance, skilled = chance + named * (share == "chance"), skilled + named * (share == "skilled")
    assert 0.91 * 400 <= chance <= 0.98 * 400
    assert skilled <= 0.02 * 400


def test_the_association_of_classes_is_kappa_over_its_error_and_of_numbers_a_rank_correlation() -> None:
    targets = np.arange(300) % 3
    one = predictions(0.3, targets)
    kappa = cohen_kappa_score(targets, one["predictions"])
    # Equal margins of three classes: the standard error of kappa under chance is √(pₑ / ((1 − pₑ) n)) = √(0.5 / 300).
    assert association(one) == pytest.approx(kappa / np.sqrt(0.5 / 300), rel=0.15)
    constant = Predictions("test", np.arange(300), {"targets": targets, "predictions": np.zeros(300, int)})
    assert association(constant) == 0.0
    values = np.linspace(0, 1, 101)
    numbers = Predictions("test", np.arange(101), {"targets": values, "predictions": values**3})
    assert association(numbers) == pytest.approx(10.0)


@pytest.mark.parametrize(("low", "named"), [(0.2, True), (0.05, False)])
def test_a_train_score_far_above_test_is_named_by_its_lower_bound(low: float, named: bool) -> None:
    row = MetricRow("gap/accuracy_gap", low + 0.05, "fraction", "lower", interval=Interval(low, low + 0.1))
    probe = SimpleNamespace(label="gap", component=SimpleNamespace(name="generalization"))
    record = SimpleNamespace(metrics=(row,), cell={"model": "mlp"})
    findings = list(overfitted_models(SimpleNamespace(probes=(probe,)), "mine", [record]))
    assert [one.code for one in findings] == ["D012"] * named
