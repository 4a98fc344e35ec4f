"""D009, D011 and D012 on predictions whose quality is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from bench_suite.contracts import Interval, MetricRow, Predictions
from bench_suite.data.checks.trivial import Baselines
from bench_suite.execution.result_checks import (
    JudgedModel,
    _gain,
    association,
    chance_models,
    judged_models,
    matched_baselines,
    measure_of,
    overfitted_models,
    result_findings,
)

N = 400
RANDOM = np.random.default_rng(3)


def predictions(accuracy: float, targets: np.ndarray) -> Predictions:
    """Return predictions of a share of right classes; the others are drawn."""
    known = np.random.default_rng(int(1000 * accuracy)).random(len(targets)) < accuracy
    drawn = np.random.default_rng(7).integers(0, 2, len(targets))
    return Predictions(
        "test", np.arange(len(targets)), {"targets": targets, "predictions": np.where(known, targets, drawn)}
    )


def record(number: int = 0, **cell: object) -> SimpleNamespace:
    """Return a record of a model without options; one with a fold is of 5 folds."""
    of_folds = {"folds": {"folds": 5}, "train": 4 * N, "test": N} if "fold" in cell else {}
    labels = {"task": "mine", "model": "mlp", "precision": "32-true", "seed": 0, **cell}
    return SimpleNamespace(
        id=f"cell{number}", status="ok", cell=labels, data=of_folds, options={"task": {"fold": cell.get("fold")}},
        metrics=(), artifacts=(SimpleNamespace(name="predictions/test", number=number),),
    )  # fmt: skip


def findings_on(models: dict[str, list[Predictions]], baselines: Baselines) -> list:
    """Return D009 of models that are tested once or with several seeds."""
    models = [
        JudgedModel(name, tuple(record(seed=seed) for seed in range(len(runs))), tuple(runs))
        for name, runs in models.items()
    ]
    return list(matched_baselines("mine", models, {"cell0": baselines}))


def test_only_a_model_that_does_not_beat_the_baseline_is_named() -> None:
    targets = (np.arange(N) % 10 < 2).astype(int)
    losses = {"constant": (targets != 0).astype(float)}
    baselines = Baselines(np.arange(N), losses, {"constant": "the most frequent class (no)"})
    (finding,) = findings_on({"mlp": [predictions(0.5, targets)]}, baselines)
    assert (finding.code, finding.subject) == ("D009", "mlp")
    assert "a trivial predictor, the most frequent class (no):" in finding.summary
    assert finding.values["gain"] < 0
    good = [predictions(0.95, targets)]
    assert findings_on({"mlp": [predictions(0.5, targets)], "cnn": good}, baselines) == []


def test_if_no_model_beats_the_baseline_the_finding_is_about_all_of_them() -> None:
    targets = (np.arange(N) % 10 < 2).astype(int)
    baselines = Baselines(np.arange(N), {"constant": (targets != 0).astype(float)}, {"constant": "always no"})
    (finding,) = findings_on({"mlp": [predictions(0.5, targets)], "cnn": [predictions(0.5, targets)]}, baselines)
    assert finding.summary.startswith("no model clearly beats a trivial predictor, always no: −")
    assert "percentage points of accuracy for mlp (95 % interval −" in finding.summary
    assert (finding.values["models"], finding.values["better"]) == (2, 0)


@pytest.mark.parametrize(
    ("train", "evaluate", "measure"),
    [
        ({}, {}, "accuracy"),
        ({"class_weights": "none", "sampler": "shuffled"}, {"threshold": "none"}, "accuracy"),
        ({"class_weights": "balanced"}, {}, "balanced accuracy"),
        ({"class_weights": {"no": 1.0, "yes": 9.0}}, {"threshold": "none"}, "balanced accuracy"),
        ({"sampler": "balanced"}, {"threshold": "none"}, "balanced accuracy"),
        ({}, {"threshold": "balanced_accuracy"}, "balanced accuracy"),
        ({"class_weights": "balanced"}, {"threshold": "f1"}, "none"),
        ({}, {"threshold": 0.3}, "none"),
    ],
)
def test_a_model_is_judged_by_what_the_suite_asks_for(train: dict, evaluate: dict, measure: str) -> None:
    assert measure_of(SimpleNamespace(options={"train": train, "evaluate": evaluate})) == measure


def test_balanced_accuracy_judges_a_model_that_weighs_classes() -> None:
    """It finds half of the rare class at the cost of as many others: less accurate than always `no`, and better."""
    targets = (np.arange(N) % 10 < 1).astype(int)
    predicted = np.where(targets == 1, np.arange(N) % 20 < 10, np.arange(N) % 10 == 5).astype(int)
    model = Predictions("test", np.arange(N), {"targets": targets, "predictions": predicted})
    balanced = ((predicted[targets == 1] == 1).mean() + (predicted[targets == 0] == 0).mean()) / 2
    baselines = {"cell0": Baselines(np.arange(N), {"constant": (targets != 0).astype(float)})}
    models = [JudgedModel("mlp", (record(),), (model,), measure) for measure in ("accuracy", "balanced accuracy")]
    assert [one.code for one in matched_baselines("mine", models[:1], baselines)] == ["D009"]
    assert list(matched_baselines("mine", models[1:], baselines)) == []
    assert _gain(models[1], baselines).mean == pytest.approx(balanced - 0.5)
    never = Predictions("test", np.arange(N), {"targets": targets, "predictions": np.zeros(N, dtype=int)})
    (finding,) = matched_baselines("mine", [JudgedModel("mlp", (record(),), (never,), "balanced accuracy")], baselines)
    assert "percentage points of balanced accuracy" in finding.summary
    assert finding.values["gain"] == 0


def test_a_model_whose_threshold_serves_another_metric_is_not_judged() -> None:
    targets = np.arange(N) % 2
    baselines = {"cell0": Baselines(np.arange(N), {"constant": (targets != 0).astype(float)})}
    model = JudgedModel("mlp", (record(),), (predictions(0.0, targets),), "none")
    assert list(matched_baselines("mine", [model], baselines)) == []


def test_losses_are_paired_by_example_in_any_order() -> None:
    targets = np.arange(N) % 2
    model = predictions(0.9, targets)
    order = np.random.default_rng(0).permutation(N)
    turned = Predictions(
        "test", model.ids[order], {name: np.asarray(values)[order] for name, values in model.columns.items()}
    )
    same = Baselines(np.arange(N), {"itself": (model["targets"] != model["predictions"]).astype(float)})
    (finding,) = findings_on({"mlp": [turned]}, same)
    assert finding.values == {"gain": 0.0, "low": 0.0, "high": 0.0, "folds": 0.0, "models": 1.0, "better": 0.0}


def fold_findings(gains: list[float]) -> list:
    """Return D009 of a model that is better than the most frequent class by these shares of the folds' examples."""
    targets = np.arange(N) % 2
    runs, baselines = [], {}
    for fold, gain in enumerate(gains):
        right = np.random.default_rng(fold).permutation(N) < round(N * (0.5 + gain))
        ids = np.arange(N) + fold * N
        columns = {"targets": targets, "predictions": np.where(right, targets, 1 - targets)}
        runs.append(Predictions("test", ids, columns))
        baselines[f"cell{fold}"] = Baselines(ids, {"constant": targets.astype(float)})
    records = tuple(record(fold, fold=fold) for fold in range(len(gains)))
    return list(matched_baselines("mine", [JudgedModel("mlp", records, tuple(runs))], baselines))


def test_folds_are_judged_together_by_the_variance_that_knows_that_they_share_train() -> None:
    """The naive interval of these gains is 0.032 ± 0.030, that of Nadeau and Bengio 0.032 ± 0.045."""
    gains = [0.0, 0.02, 0.05, 0.03, 0.06]
    (finding,) = fold_findings(gains)
    half = 2.7764 * np.sqrt((1 / 5 + 1 / 4) * np.var(gains, ddof=1))
    expected = {"gain": 0.032, "low": 0.032 - half, "high": 0.032 + half, "folds": 5, "models": 1, "better": 0}
    assert finding.values == pytest.approx(expected, abs=1e-4)
    assert "over 5 folds)" in finding.summary
    assert fold_findings([gain + 0.2 for gain in gains]) == []


def test_folds_without_baselines_of_each_are_not_judged() -> None:
    targets = np.arange(N) % 2
    model = JudgedModel("mlp", (record(0, fold=0), record(1, fold=1)), (predictions(0.5, targets),) * 2)
    baselines = {"cell0": Baselines(np.arange(N), {"constant": targets.astype(float)})}
    assert list(matched_baselines("mine", [model], baselines)) == []


def test_seeds_and_folds_of_a_model_are_one_and_its_variants_are_several() -> None:
    run = SimpleNamespace(read_predictions=lambda row: row.number)
    records = [
        record(0, seed=0, fold=0), record(1, seed=1, fold=0), record(2, seed=0, fold=1),
        record(3, seed=0, fold=0, precision="16-mixed"), record(4, model="cnn"),
    ]  # fmt: skip
    models = judged_models(run, records)
    assert [(model.name, model.predictions) for model in models] == [
        ("mlp (precision 32-true)", (0, 1, 2)), ("mlp (precision 16-mixed)", (3,)), ("cnn", (4,)),
    ]  # fmt: skip


def test_a_learning_curve_is_judged_at_its_largest_fraction() -> None:
    targets = np.arange(N) % 2
    runs = [predictions(0.0, targets), predictions(0.9, targets)]
    run = SimpleNamespace(read_predictions=lambda row: runs[row.number])
    records = [record(0, fraction=0.01), record(1, fraction=1.0)]
    baselines = dict.fromkeys(("cell0", "cell1"), Baselines(np.arange(N), {"constant": targets.astype(float)}))
    suite = SimpleNamespace(probes=())
    assert result_findings(suite, run, "mine", records, baselines) == []
    assert [one.code for one in result_findings(suite, run, "mine", records[:1], baselines)] == ["D009", "D011"]


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


def test_several_models_are_one_finding_of_a_kind() -> None:
    targets = np.arange(300) % 3
    chance = Predictions("test", np.arange(300), {"targets": targets, "predictions": np.zeros(300, int)})
    [finding] = chance_models("mine", {"mlp": [chance], "tree": [chance]})
    assert (finding.subject, finding.subjects) == ("mlp, tree", ("mlp", "tree"))
    assert finding.summary.startswith("mlp (z = 0.00), tree (z = 0.00) score like chance")
    row = MetricRow("gap/accuracy_gap", 0.3, "fraction", "lower", interval=Interval(0.2, 0.4))
    probe = SimpleNamespace(label="gap", component=SimpleNamespace(name="generalization"))
    records = [SimpleNamespace(metrics=(row,), cell={"model": name}) for name in ("mlp", "tree")]
    [finding] = overfitted_models(SimpleNamespace(probes=(probe,)), "mine", records)
    assert finding.subjects == ("mlp", "tree")
    assert "mlp (30.0%, at least 20.0%), tree (30.0%, at least 20.0%)" in finding.summary
