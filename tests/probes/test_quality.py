"""Claims about `quality`."""

import numpy as np
import pytest
import torch
from scipy import special
from sklearn import metrics as sklearn

from bench_suite.contracts import Artifact, Threshold
from bench_suite.metrics.binary_f1 import binary_f1
from bench_suite.probes import quality
from bench_suite.problems.classification import best_threshold

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 2, 400)
SCORE = np.clip(TARGETS * 0.3 + RANDOM.random(400) * 0.7, 0.01, 0.99)
BINARY = {"targets": TARGETS, "predictions": (SCORE > 0.5).astype(int), "scores": np.stack([1 - SCORE, SCORE], 1)}
SHARE_OF_YES = """
import numpy as np

UNIT = "fraction"
BETTER = "none"


def share_of_yes(predictions):
    return float(np.mean(predictions))
"""


def measured(trained, **options):
    outputs = list(quality.probe(trained, quality.Options(**options)))
    return {m.name: m for m in outputs if not isinstance(m, Artifact)}, [a for a in outputs if isinstance(a, Artifact)]


def test_each_metric_of_the_problem_equals_scikit_learns_and_has_an_interval_around_it(written):
    metrics, _ = measured(written({"test": BINARY}))
    truth = {
        "accuracy": sklearn.accuracy_score(TARGETS, BINARY["predictions"]),
        "balanced_accuracy": sklearn.balanced_accuracy_score(TARGETS, BINARY["predictions"]),
        "macro_f1": sklearn.f1_score(TARGETS, BINARY["predictions"], average="macro"),
        "roc_auc": sklearn.roc_auc_score(TARGETS, SCORE),
        "average_precision": sklearn.average_precision_score(TARGETS, SCORE),
        "binary_f1": sklearn.f1_score(TARGETS, BINARY["predictions"]),
        "log_loss": sklearn.log_loss(TARGETS, BINARY["scores"]),
    }
    assert metrics.keys() == truth.keys()
    for name, value in truth.items():
        assert metrics[name].value == pytest.approx(value)
        assert metrics[name].interval.low < value < metrics[name].interval.high


def test_the_confusion_matrix_counts_true_by_row_and_predicted_by_column(written):
    _, (matrix,) = measured(written({"test": BINARY}))
    assert matrix.data["values"] == sklearn.confusion_matrix(TARGETS, BINARY["predictions"]).tolist()
    assert (matrix.data["x"], matrix.data["y"]) == ("predicted class", "true class")


def test_a_metric_that_is_undefined_is_absent_with_its_reason(written):
    one = {"targets": np.zeros(9, int), "predictions": np.zeros(9, int), "scores": np.tile([0.9, 0.1], (9, 1))}
    metrics, _ = measured(written({"test": one}))
    assert metrics["roc_auc"].value is None
    assert metrics["roc_auc"].reason
    assert metrics["accuracy"].value == 1.0
    assert metrics["accuracy"].interval.low == pytest.approx(0.025 ** (1 / 9)), "9 of 9 do not show that all are right"
    assert metrics["macro_f1"].interval is None, "all examples agree: no interval of width 0"
    assert metrics["macro_f1"].reason


def test_roc_auc_has_a_reason_where_there_are_more_than_two_classes(written):
    three = {"targets": np.arange(9) % 3, "predictions": np.arange(9) % 3, "scores": np.eye(3)[np.arange(9) % 3]}
    metrics, _ = measured(written({"test": three}, classes=("a", "b", "c")))
    assert "two classes" in metrics["roc_auc"].reason


@pytest.mark.parametrize("spec", [{"classes": ("a", "b", "c")}, {"classes": tuple("abcdefghij")}])
def test_metrics_of_two_classes_are_not_reported_for_more(written, spec):
    targets = np.arange(30) % len(spec["classes"])
    several = {"targets": targets, "predictions": targets, "scores": np.eye(len(spec["classes"]))[targets]}
    metrics, _ = measured(written({"test": several}, **spec))
    assert not {"average_precision", "binary_f1"} & metrics.keys()


@pytest.mark.parametrize("positive", [0, 1])
def test_the_positive_class_decides_what_f1_and_average_precision_are_about(written, positive):
    metrics, _ = measured(written({"test": BINARY}, positive=positive))
    truth = np.equal(TARGETS, positive)
    expected = {
        "average_precision": sklearn.average_precision_score(truth, BINARY["scores"][:, positive]),
        "binary_f1": sklearn.f1_score(TARGETS, BINARY["predictions"], pos_label=positive),
        "roc_auc": sklearn.roc_auc_score(TARGETS, SCORE),
        "balanced_accuracy": sklearn.balanced_accuracy_score(TARGETS, BINARY["predictions"]),
    }
    for name, value in expected.items():
        assert metrics[name].value == pytest.approx(value)
        assert metrics[name].interval.low < value < metrics[name].interval.high


def test_a_model_without_scores_lacks_only_what_needs_them(written):
    metrics, _ = measured(written({"test": {k: v for k, v in BINARY.items() if k != "scores"}}))
    assert metrics["accuracy"].value is not None
    assert "no scores" in metrics["log_loss"].reason


def test_a_suite_may_name_further_metrics_by_name_and_by_file(written, tmp_path):
    file = tmp_path / "share_of_yes.py"
    file.write_text(SHARE_OF_YES)
    metrics, _ = measured(written({"test": BINARY}), metrics=("rmse", str(file)))
    assert metrics["share_of_yes"].value == pytest.approx(BINARY["predictions"].mean())
    assert metrics["share_of_yes"].interval is not None
    assert metrics["rmse"].value == pytest.approx(np.sqrt(np.mean(BINARY["predictions"] != TARGETS)))


def test_regression_has_its_own_metrics(written, of_regression):
    targets = RANDOM.normal(size=200)
    predictions = targets + RANDOM.normal(size=200) * 0.3
    metrics, artifacts = measured(
        written({"test": {"targets": targets, "predictions": predictions}}, of_regression, mean=0.0, scale=1.0)
    )
    assert metrics["r2"].value == pytest.approx(sklearn.r2_score(targets, predictions))
    assert not artifacts


@pytest.mark.parametrize("random", [True, False])
def test_a_network_that_is_random_in_evaluation_mode_has_a_remark_on_each_value(written, random):
    trained = written({"test": BINARY})
    trained.network = object()

    def inference(split, rows):
        noise = 0.1 if random else 0.0
        return lambda: {"predictions": rows % 2, "scores": BINARY["scores"][rows] + noise * torch.rand(()).item()}

    trained.inference = inference
    torch.manual_seed(0)  # some numbers are too alike for a remark
    state = torch.get_rng_state()
    values, _ = measured(trained)
    assert torch.equal(torch.get_rng_state(), state), "what comes later draws the same numbers"
    assert all(("two passes" in (metric.reason or "")) == random for metric in values.values())
    assert values["accuracy"].value == pytest.approx(sklearn.accuracy_score(TARGETS, BINARY["predictions"]))


def test_intervals_are_over_clusters_if_the_predictions_have_them(written):
    pairs = {name: np.repeat(values, 2, axis=0) for name, values in BINARY.items()}
    single, _ = measured(written({"test": BINARY}))
    clustered, _ = measured(written({"test": {**pairs, "cluster": np.repeat(np.arange(400), 2)}}))
    by_rows, _ = measured(written({"test": pairs}))
    assert clustered.keys() == single.keys()
    for name, metric in clustered.items():
        assert (metric.interval.over, by_rows[name].interval.over) == ("clusters", "examples")
        assert (metric.n, metric.value) == (800, pytest.approx(by_rows[name].value)), "the values stay"
        width = metric.interval.high - metric.interval.low
        assert width == pytest.approx(single[name].interval.high - single[name].interval.low, rel=0.15)
        assert by_rows[name].interval.high - by_rows[name].interval.low < 0.85 * width, "1/√2"


def test_a_metric_from_a_file_has_an_interval_over_clusters(written, tmp_path):
    file = tmp_path / "share_of_yes.py"
    file.write_text(SHARE_OF_YES)
    columns = {**BINARY, "cluster": np.arange(400) // 4}
    metrics, _ = measured(written({"test": columns}), metrics=(str(file),))
    assert metrics["share_of_yes"].interval.over == "clusters"
    one, _ = measured(written({"test": {**BINARY, "cluster": np.zeros(400, int)}}), metrics=(str(file),))
    assert (one["share_of_yes"].interval, one["share_of_yes"].reason) == (None, "one cluster of examples")


def test_a_threshold_that_was_chosen_is_reported_with_its_value_on_validation(written):
    trained = written({"test": BINARY})
    trained.threshold = Threshold(0.31, "f1", 0.62, 40)
    metrics, _ = measured(trained)
    assert (metrics["threshold"].value, metrics["threshold"].n, metrics["threshold"].kind) == (0.31, 40, "single")
    assert (metrics["threshold_score"].value, metrics["threshold_score"].at) == (0.62, {"metric": "f1"})
    trained.threshold = Threshold(0.3)
    metrics, _ = measured(trained)
    assert (metrics["threshold"].value, metrics["threshold"].kind) == (0.3, "exact")
    assert "threshold_score" not in metrics
    trained.threshold = None
    assert "threshold" not in measured(trained)[0]


# ── coverage with a threshold that was chosen, by simulation ────────────────────────────────────

SHARE, DISTANCE = 0.1, 1.5
"Share of positive examples, and how much higher their scores are, in standard deviations."


def draw_scores(random, n):
    """Return which examples are positive, and their scores between 0 and 1."""
    positive = random.random(n) < SHARE
    return positive, special.expit(random.normal(size=n) + DISTANCE * positive)


def f1_of_population(threshold):
    """Return the F1 on infinitely many examples: 2 · hits / (predicted + positive)."""
    cut = special.logit(threshold)
    hits, alarms = SHARE * special.ndtr(DISTANCE - cut), (1 - SHARE) * special.ndtr(-cut)
    return 2 * hits / (hits + alarms + SHARE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("validation", "test", "least", "most"), [(100, 2000, 0.7, 0.83), (500, 2000, 0.87, 0.95), (2000, 2000, 0.9, 0.97)]
)
def test_coverage_with_a_chosen_threshold_as_the_appendix_states_it(validation, test, least, most):
    """The interval covers the F1 at this threshold; of the F1 of the choice it leaves out the threshold's part."""
    random = np.random.default_rng(validation)
    trials = 1000
    chosen = [best_threshold(*draw_scores(random, validation), "f1")[0] for _ in range(trials)]
    truths = f1_of_population(np.array(chosen))
    mean = f1_of_population(np.array([best_threshold(*draw_scores(random, validation), "f1")[0] for _ in range(4000)]))
    covered = np.zeros(2)
    for threshold, truth in zip(chosen, truths):
        positive, scores = draw_scores(random, test)
        columns = {"targets": positive.astype(int), "predictions": (scores >= threshold).astype(int)}
        metric = quality.measure("binary_f1", binary_f1, columns, {"classes": ("no", "yes")}, 300)
        covered += [metric.interval.low <= value <= metric.interval.high for value in (truth, mean.mean())]
    at_this, of_the_choice = covered / trials
    print(f"{validation} validation, {test} test: at this threshold {at_this:.3f}, of the choice {of_the_choice:.3f}")
    assert 0.92 <= at_this <= 0.975
    assert least <= of_the_choice <= most
