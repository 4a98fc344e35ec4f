"""`bench selftest`: all checks pass here, and it finds and names an instrument that is broken on purpose."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison import between, rescoring, verdicts
from bench_suite.contracts import Interval
from bench_suite.metrics import accuracy, mae, roc_auc
from bench_suite.probes import batch_size, generalization, importance, ood, quality, stability, throughput
from bench_suite.probes.attribution import evaluation, faithfulness, methods
from bench_suite.probes.attribution import importance as column_importance
from bench_suite.probes.attribution.adapters import Subject
from bench_suite.probes.calibration import groups as calibrated_groups
from bench_suite.probes.calibration import prediction_intervals, scaling
from bench_suite.probes.fairness import groups, intervals, words
from bench_suite.probes.ood import detection, scores
from bench_suite.probes.privacy import attacks, canaries, shadows
from bench_suite.probes.privacy import scores as attack_scores
from bench_suite.probes.robustness import (
    adversarial,
    images,
    invariance,
    relative,
    shares,
    tables,
    targets,
    texts,
)
from bench_suite.probes.robustness import curves as accuracy_curves
from bench_suite.probes.stability import churn, passes
from bench_suite.selftest import attribution_checks, robustness_checks, runner
from bench_suite.stats import calibration, calibration_null, paired, reliability
from bench_suite.training import flops, seeding

LINE = "planted_line"


@pytest.mark.slow
def test_the_whole_of_it_finds_what_is_known(bench):
    ended = bench("selftest")
    assert ended.status == 0, ended.out
    rows = [line for line in ended.out.splitlines() if line.startswith("  ") and line.endswith(" ok")]
    plan, checks, _ = runner.plan_checks()
    assert len(rows) == len(checks)
    assert f"{len(rows)} of {len(rows)} as known" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert ended.out.rstrip().splitlines()[-1].startswith("next: bench ")
    assert f"[{len(plan.cells)}/{len(plan.cells)}]" in ended.err


def test_nothing_of_it_is_kept(bench, tmp_path):
    assert bench("selftest", "-k", LINE).status == 0
    assert not list(tmp_path.iterdir())


def test_the_json_has_each_number_with_what_is_allowed(bench):
    document = json.loads(bench("selftest", "-k", "quality/mae or quality/rmse", "--json").out)
    assert (document["schema"], document["status"]) == (1, 0)
    assert [check["instrument"] for check in document["checks"]] == ["quality/mae", "quality/rmse"]
    for check in document["checks"]:
        assert check["holds"]
        assert check["least"] <= check["measured"] <= check["most"]
        assert check["error"] == check["measured"] - check["known"]
        assert check["basis"] == "exact"
    assert document["environment"]["packages"]["torch"]


def test_a_word_that_matches_no_check_is_told(bench):
    ended = bench("selftest", "-k", "planted_lime")
    assert ended.status == 2
    assert 'did you mean "planted_line"?' in ended.err


def test_an_extra_that_is_not_installed_is_told_and_costs_nothing_else(bench, monkeypatch):
    monkeypatch.setitem(runner.EXTRAS, "fairness", ("no_such_package", runner.EXTRAS["fairness"][1]))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 0
    assert "not checked, since it is not installed: fairness   pip install 'bench-suite[fairness]'" in ended.out
    assert not any(check.instrument.startswith("fairness") for check in runner.plan_checks()[1])


# ── broken on purpose ───────────────────────────────────────────────────────────────────────────


def off_by(function: Callable[..., float], error: float) -> Callable[..., float]:
    """Return the same metric with this offset; it needs the same columns."""

    def wrong(targets: Any, predictions: Any) -> float:
        return function(targets, predictions) + error

    return wrong


def narrow(*arguments: Any, **options: Any) -> Any:
    return Interval(0.795, 0.805), None


def shifted(*arguments: Any, **options: Any) -> Any:
    interval, reason = bootstrapped(*arguments, **options)
    return interval and Interval(interval.low + 0.02, interval.high + 0.02), reason


def too_sure(*arguments: Any, **options: Any) -> Any:
    """Return gaps with intervals of a quarter of the width."""
    metric = gap(*arguments, **options)
    if metric.interval is None:
        return metric
    bounds = [metric.value + (bound - metric.value) / 4 for bound in (metric.interval.low, metric.interval.high)]
    return replace(metric, interval=Interval(*bounds))


def elsewhere(*arguments: Any, **options: Any) -> Any:
    return Interval(-9, -8), None


def failing(*arguments: Any) -> Any:
    raise RuntimeError("no such kernel")
    yield


def confused(targets: Any, predictions: Any, classes: int | None = None) -> Any:
    return confusion(predictions, targets, classes)


def turned(targets: Any, predictions: Any, positive: int, columns: Any) -> Any:
    return count_groups(targets, predictions, 1 - positive, columns)


def forgetful(of: Any, old: str, new: str) -> Callable[[str], str]:
    """Swap all words except those for parents."""
    swap = swapper(of, old, new)
    return lambda text: text if "father" in text or "mother" in text else swap(text)


def of_the_other_class(swap: Any, test: Any, after: Any, positive: int) -> Any:
    return with_predictions(swap, test, after, 1 - positive)


def of_one_seed(d: Any, *rest: Any) -> Any:
    return nested(d.mean(axis=0, keepdims=True), *rest)


def unscaled(hits: Any, n: Any) -> Any:
    return hits / n, hits / n * (1 - hits / n) / n


def turned_round(variant: methods.MethodVariant, subject: Any, elements: Any) -> Any:
    """Return the parts of smoothed methods in reverse order."""
    parts = parts_of(variant, subject, elements)
    return parts.flip(1) if variant.smoothed else parts


def instead(name: str, make: Any) -> dict[str, Any]:
    """Return the methods, with one of them replaced."""
    return {**methods.METHODS, name: replace(methods.METHODS[name], make=make)}


def negative(subject: Any, inputs: Any, settings: Any) -> Any:
    prepared = occlusion(subject, inputs, settings)
    return replace(prepared, finish=lambda elements: -prepared.finish(elements))


def without_formula(*arguments: Any, **options: Any) -> int:
    return 0


def the_last_only(subject: Any, layers: str, seed: int) -> Any:
    return scrambled(subject, "last layer", seed)


def nowhere_but_in_the_last(subject: Any, layers: str, seed: int) -> Any:
    return scrambled(subject, layers, seed) if layers == "last layer" else subject


def deletes_nothing_of_pictures(subject: Any, inputs: Any, gone: Any) -> Any:
    return inputs if subject.kind == "image" and not bool(gone.all()) else without(subject, inputs, gone)


def of_one_class(features: Any, targets: Any) -> Any:
    return gaussians(features, 0 * targets)


def of_probabilities(logits: Any) -> Any:
    return energy(logits - energy(logits)[:, None])


def from_the_same_numbers(*arguments: Any) -> Any:
    """Predict as if each pass began with the same random numbers."""
    seeding.seed_everything(0)
    return predict(*arguments)


def whole(trained: Any, rows: Any, one: passes.Pass, seed: int) -> Any:
    """Predict all examples as one batch."""
    return pass_of(trained, rows, replace(one, batch_size=256), seed)


def in_the_same_order(trained: Any, rows: Any, one: passes.Pass, seed: int) -> Any:
    return pass_of(trained, rows, replace(one, shuffled=False), seed)


def with_the_diagonal(pairs: Any, *rest: Any, **options: Any) -> Any:
    seeds = pairs.shape[1]
    return churn_of(pairs * (seeds - 1) / seeds, *rest, **options)


def noisier(factor: float) -> Callable[..., Any]:
    return lambda variant, subject, inputs, settings, samples: sensitivity(
        variant, subject, inputs, replace(settings, noise=factor * settings.noise), samples
    )


def of_the_next_column(table: Any, one: Any, order: Any) -> Any:
    return shuffled_column(table, replace(one, positions=((one.positions[0] + 1) % table.shape[1],)), order)


def turned_drop(name: str, one: Any, drops: Any, *rest: Any) -> Any:
    return summarised(name, one, -drops, *rest)


def of_signs(parts: Any, column: Any, signed: bool) -> Any:
    return parts[:, list(column.positions)].double().sum(dim=1).numpy()


shuffled_column, summarised = importance.shuffled, importance.summarised


def of_three_deviations(table: Any, share: float, columns: Any, uniform: Any, normal: Any) -> Any:
    return table + 3 * share * columns.deviation * normal


def half_as_many(words: Any, chosen: Any, how: Any) -> None:
    texts.dropped_words(words, chosen[::2], how)


def as_if_independent(function: Any, columns: Any, **options: Any) -> Any:
    """Return intervals of means over three severities as if each had examples of its own."""
    interval, reason = bootstrapped(function, columns, **options)
    if interval is None or "hits" not in columns:
        return interval, reason
    middle = (interval.low + interval.high) / 2
    return Interval(*(middle + (bound - middle) / 3**0.5 for bound in (interval.low, interval.high))), reason


def half_open(confidences: np.ndarray, bins: int = calibration.BINS) -> np.ndarray:
    """Return bins that are closed below, so that a confidence of 1 has a bin of its own."""
    return np.floor(confidences * bins).astype(int)


def one_too_many(bins: calibration.Bins, right: np.ndarray) -> np.ndarray:
    return expected_error(bins, right) * bins.counts.sum() / (bins.counts.sum() + 1)


def without_the_observed(value: float, draws: np.ndarray) -> calibration_null.Floor:
    return replace(floor_of(value, draws), p=float(np.mean(draws >= value)))


def upside_down(*arguments: Any) -> Any:
    fitted = fit_temperature(*arguments)
    return replace(fitted, value=1 / fitted.value)


def everybody(attributes: Any, *sizes: int) -> Any:
    for at, is_member, reason in members(attributes, *sizes):
        yield at, np.ones_like(is_member), reason


expected_error, floor_of = calibration.Bins.expected_error, calibration_null.floor_of
fit_temperature, members = scaling.fit_temperature, calibrated_groups.members
confusion = quality.confusion_matrix
bootstrapped, scrambled, without = quality.bootstrap_interval, Subject.scrambled, Subject.without
smoothed = methods._smoothed
product, occlusion = (methods.METHODS[name].make for name in ("input_x_gradient", "occlusion"))
swapper = words.swapper
exact, ratio, threat = shares.clopper_pearson, relative._ratio, targets.Target.threat
rotated, translated = images.rotated, images.translated
with_predictions = words._with_predictions
nested, resampled = rescoring.nested_difference, rescoring.resampled_difference
count_groups = groups.count_groups
gap = generalization._gap
windows = throughput._windows
block = batch_size._block
backward = flops.training
aten_convolution = flops.aten.convolution
auroc, pointing, curves = faithfulness.auroc, faithfulness.pointing_game, faithfulness.curves
reference, parts_of = methods._reference, evaluation.parts_of
gaussians, energy, neighbours = ood.ClassGaussians.fit, scores.negative_energy, scores.neighbour_score
auroc_of_sets, logit_interval = detection.auroc, detection._logit_interval
predict, pass_of, churn_of = passes.predict_in_batches, passes._predicted, churn.churn_of
sensitivity, infidelity, ranks = faithfulness.sensitivity, faithfulness.infidelity, faithfulness._ranks

membership_area, measured_advantage, exact_interval = attacks.area, attacks.advantage, attacks.clopper_pearson
logits_of, by_attack = attack_scores.logits_of, shadows.scores_by_attack
guessed, audit_bound = canaries.correct_guesses, canaries.lower_bound

BREAKS = {
    "a metric by one in a thousand": ("-k planted_line", mae, "mae", off_by(mae.mae, 0.001), {"quality/mae"}),
    "a metric by one example of 800": (
        "-k planted_groups", accuracy, "accuracy", off_by(accuracy.accuracy, 1 / 800), {"quality/accuracy"},
    ),
    "intervals that are too narrow": (
        "-k planted_groups", quality, "bootstrap_interval", narrow, {"accuracy, interval width"},
    ),
    "intervals that are shifted": (
        "-k planted_groups", quality, "bootstrap_interval", shifted, {"accuracy, interval middle"},
    ),
    "intervals of gaps that are too narrow": (
        "-k planted_memory and not compare", generalization, "_gap", too_sure,
        {"accuracy_gap, interval width", "loss_gap, interval width"},
    ),
    "parameters that are not counted": (
        "-k matmul", flops, "trainable_parameters", lambda module: 1, {"compute/trainable_parameters"},
    ),
    "attention that is not counted": (
        "-k transformer", flops, "FORMULAS",
        {op: without_formula if "attention" in str(op) else formula for op, formula in flops.FORMULAS.items()},
        {"compute/flops", "compute/training_flops"},
    ),
    "a matrix that is turned": (
        "-k planted_groups", quality, "confusion_matrix", confused, {"quality/confusion"},
    ),
    "rates of the other class": (
        "-k fairness/demographic_parity", groups, "count_groups", turned, {"fairness/demographic_parity_ratio"},
    ),
    "an interval of 90 %": (
        "-k planted_groups", intervals, "LEVEL", 0.9,
        {
            "parity interval, width", "odds interval, width", "worst accuracy, score of bound",
            "ratio interval, score of lower bound", "ratio interval, score of upper bound",
        },
    ),
    "a difference of shares that are not smoothed": (
        "-k planted_groups", intervals, "_smoothed_rate", unscaled,
        {"parity interval, middle", "odds interval, middle"},
    ),
    "a ratio that is judged by what was seen, not by what is supposed": (
        "-k planted_groups", intervals, "_constrained_rates",
        lambda hits, n, other_hits, other_n, ratio: (hits / n, other_hits / other_n),
        {"ratio interval, score of lower bound", "ratio interval, score of upper bound"},
    ),
    "a swap that forgets words": (
        "-k flip_rate", words, "swapper", forgetful,
        {f"flip_rate, {group}{of}" for group in ("male", "female") for of in ("", ", score of bound")},
    ),
    "a shift of the other class's score": (
        "-k planted_terms", words, "_with_predictions", of_the_other_class,
        {"score_shift, male", "score_shift, female"},
    ),
    "a comparison in either direction": (
        "-k compare", paired, "mcnemar", paired.mcnemar_two_sided,
        {"compare, a drop: p", "compare, two drops: p"},
    ),
    "a comparison that forgets how many there are": (
        "-k compare", verdicts, "holm", list, {"compare, two drops: p", "compare, three models: p"},
    ),
    "models that are compared in the wrong direction": (
        "-k compare", between, "classify_pairs",
        lambda cases: [replace(row, verdict="better") for row in verdicts.classify_pairs(cases)],
        {"compare, three models: groups that differ"},
    ),
    "a gate that is too eager": ("-k compare", verdicts, "LEVEL", 0.2, {"compare, ten examples: status"}),
    "a gate that finds nothing": (
        "-k compare", verdicts, "LEVEL", 1e-12,
        {"compare, a drop: status", "compare, no drop: status"},
    ),
    "false discoveries that are counted as in gates": (
        "-k compare", verdicts, "benjamini_hochberg", paired.holm, {"compare, three not gated: p"},
    ),
    "resamples that differ too little": (
        "-k compare", rescoring, "resampled_difference",
        lambda values, draws, n, **more: resampled(values, draws * 0.8, n, **more),
        {"compare, resampled: interval"},
    ),
    "seeds that are left out of an interval": (
        "-k compare", rescoring, "nested_difference", of_one_seed, {"compare, three seeds: interval"},
    ),
    "a gap with the wrong sign": (
        "-k generalization/accuracy", generalization, "_gap",
        lambda name, first, second, at=None: gap(name, second, first, at), {"generalization/accuracy_gap"},
    ),
    "sets that are exchanged": (
        "-k planted_gaussians and ood", detection, "auroc", lambda test, others: auroc_of_sets(others, test),
        {"ood/auroc", "ood/auroc, mahalanobis"},
    ),
    "a threshold that accepts nine tenths": (
        "-k fpr_at_95_tpr", detection, "ACCEPTED", 0.9, {"ood/fpr_at_95_tpr", "ood/fpr_at_95_tpr, mahalanobis"},
    ),
    "an AUROC that is too sure": (
        "-k planted_gaussians and ood", detection, "_logit_interval",
        lambda value, error, units, **more: logit_interval(value, error / 2, units, **more),
        {"ood/auroc, interval width"},
    ),
    "an energy of probabilities": (
        "-k 'energy of equal'", scores, "negative_energy", of_probabilities, {"energy of equal logits, auroc"},
    ),
    "a neighbour that is too near": (
        "-k 'third neighbour'", scores, "neighbour_score",
        lambda train, features, k: neighbours(train, features, k - 1), {"third neighbour, distance"},
    ),
    "a Gaussian of all classes": (
        "-k planted_gaussians and mahalanobis", ood.ClassGaussians, "fit", of_one_class,
        {"ood/auroc, mahalanobis", "ood/fpr_at_95_tpr, mahalanobis"},
    ),
    "passes that begin with the same random numbers": (
        "-k dropout", passes, "predict_in_batches", from_the_same_numbers,
        {"stability/changed_predictions, dropout, second pass"},
    ),
    "batches that are not cut": (
        "-k position or batch_norm", passes, "_predicted", whole,
        {
            "stability/changed_predictions, position, batch of 1",
            "stability/changed_predictions, batch norm, batch of 2", "batch norm, fails at batch of 1",
        },
    ),
    "an order that stays": (
        "-k position", passes, "_predicted", in_the_same_order, {"stability/changed_predictions, position, order"},
    ),
    "a seed that is compared with itself": (
        "-k stability/churn", stability, "churn_of", with_the_diagonal,
        {"stability/churn, three seeds", "stability/churn, half-width"},
    ),
    "seeds that are taken for all there are": (
        "-k stability/churn", churn, "_jackknife", lambda matrix: 0.0, {"stability/churn, half-width"},
    ),
    "noise of three deviations": (
        "-k planted_groups and noise", tables, "CORRUPTIONS",
        {**tables.CORRUPTIONS, "noise": replace(tables.CORRUPTIONS["noise"], change=of_three_deviations)},
        {"accuracy, noise 1", "accuracy, noise 3", "accuracy, noise 5"},
    ),
    "an accuracy that is taken for an error": (
        "-k planted_groups and error", accuracy_curves, "_errors",
        lambda measure, predictions: (predictions["targets"] == predictions["predictions"]) * 1.0,
        {"corruption error, units", "mean error less mean of errors"},
    ),
    "severities that are resampled one by one": (
        "-k planted_groups and error", accuracy_curves, "bootstrap_interval", as_if_independent,
        {"corruption error, units, width"},
    ),
    "words of which half are dropped": (
        "-k dropped_words", texts, "CORRUPTIONS", {**texts.CORRUPTIONS, "dropped_words": half_as_many},
        {"accuracy, dropped_words 5"},
    ),
    "a form that is another one": (
        "-k planted_words_cased and flip_rate", invariance, "TEXT_FORMS",
        {**invariance.TEXT_FORMS, "upper_case": lambda text: text.replace("Film", "FILM")},
        {"flip_rate, upper_case", "robustness/any_flip_rate", "any_flip_rate, tail of upper bound"},
    ),
    "examples that no form changes": (
        "-k planted_words_cased and flip_rate", invariance, "_differs",
        lambda values, other: np.arange(len(values)) % 2 == 0,
        {"flip_rate, upper_case", "robustness/any_flip_rate", "any_flip_rate, tail of upper bound"},
    ),
    "an interval of a share of 90 %": (
        "-k planted_words_cased and flip_rate", shares, "clopper_pearson", lambda hits, n: exact(hits, n, 0.9),
        {"any_flip_rate, tail of upper bound"},
    ),
    "a ratio that is turned": (
        "-k quotient", relative, "_ratio", lambda error, base, *, same: ratio(base, error, same=same),
        {"relative error less quotient"},
    ),
    "noise of half the deviation": (
        "-k deviation and cnn", images, "add_noise",
        lambda pictures, deviation, normal: pictures + 0.5 * deviation * normal, {"deviation of noise"},
    ),
    "a turn by twice the angle": (
        "-k angle", images, "rotated", lambda pictures, angle: rotated(pictures, 2 * angle), {"angle of rotation"},
    ),
    "a move by half the pixels": (
        "-k translation", images, "translated",
        lambda pictures, right, down: translated(pictures, right / 2, down / 2), {"pixels of translation"},
    ),
    "an attack that takes members for others": (
        "-k privacy/auc", attacks, "area", lambda members, others, *clusters: membership_area(others, members),
        {
            "privacy/auc of loss", "privacy/auc of likelihood_ratio", "privacy/auc of likelihood_ratio_offline",
            "privacy/auc of relative",
        },
    ),
    "an attack by the error of another class": (
        "-k 'privacy/auc of loss'", attack_scores, "logits_of",
        lambda predictions, classes: logits_of(predictions, 1 - predictions["predictions"]),
        {"privacy/auc of loss", "privacy/auc of loss, width"},
    ),
    "an advantage that forgets false positives": (
        "-k 'privacy/advantage of loss'", attacks, "advantage",
        lambda members, others, random: measured_advantage(members, others - 1e9, random),
        {"privacy/advantage of loss", "privacy/advantage of loss, lower bound"},
    ),
    "an interval of a rate of 90 %": (
        "-k true_positive_rate", attacks, "clopper_pearson",
        lambda hits, n: exact_interval(hits, n, 0.9), {"true_positive_rate, upper bound"},
    ),
    "a threshold that all examples reach": (
        "-k true_positive_rate", attacks, "hits_at",
        lambda members, others, rate: (len(members), len(others)),
        {"privacy/true_positive_rate", "true_positive_rate, upper bound"},
    ),
    "shadow models that do not know what they were trained on": (
        "-k 'privacy/auc of likelihood_ratio'", shadows, "scores_by_attack",
        lambda own, logits, included, members: by_attack(own, logits, ~included, members),
        {"privacy/auc of likelihood_ratio"},  # offline, it has the same area
    ),
    "a likelihood ratio of the loss alone": (
        "-k 'privacy/auc of likelihood_ratio' and not offline", shadows, "online_scores",
        lambda own, logits, included: own, {"privacy/auc of likelihood_ratio"},
    ),
    "a relative attack that compares with nothing": (
        "-k 'privacy/auc of relative'", shadows, "relative_scores",
        lambda own, logits, members: own * 0.0, {"privacy/auc of relative"},
    ),
    "guesses that are turned": (
        "-k audit", canaries, "correct_guesses",
        lambda scores, *more: guessed(-scores, *more),
        {"privacy/audit_accuracy", "audit_epsilon, chance of the guesses"},
    ),
    "canaries whose labels are their own": (
        "-k audit_accuracy", canaries, "wrong_labels", lambda targets, classes, random: targets,
        {"privacy/audit_accuracy"},
    ),
    "a bound of the audit that is a tenth too high": (
        "-k audit", canaries, "lower_bound", lambda *counts: 1.1 * audit_bound(*counts),
        {"audit_epsilon, chance of the guesses"},
    ),
    "a last bin without its upper edge": (
        "-k 'calibration error of 0.95 and 1'", calibration, "bin_numbers", half_open,
        {"calibration error of 0.95 and 1"},
    ),
    "a calibration error that is debiased": (
        "-k calibration/expected and planted_groups", calibration.Bins, "expected_error",
        calibration.Bins.debiased_error, {"calibration/expected_calibration_error"},
    ),
    "a calibration error of one example too many": (
        "-k calibration/expected and planted_groups", calibration.Bins, "expected_error", one_too_many,
        {"calibration/expected_calibration_error"},
    ),
    "a test of calibration whose p can be 0": (
        "-k calibration/calibration_p", calibration_null, "floor_of", without_the_observed,
        {"calibration/calibration_p"},
    ),
    "a floor of other confidences": (
        "-k calibration/calibration_floor", calibration.ConfidenceCells, "rates", property(lambda cells: 0.5),
        {"calibration/calibration_floor", "calibration/calibration_floor_95"},
    ),
    "an interval of a calibration error that is too narrow": (
        "-k 'calibration error, interval width'", calibration_null, "LEVEL", 0.5,
        {"calibration error, interval width"},
    ),
    "a temperature that is turned upside down": (
        "-k temperature", scaling, "fit_temperature", upside_down, {"temperature × logit on validation"},
    ),
    "a reliability curve that recalibrates nothing": (
        "-k calibration/brier", reliability, "recalibrated", lambda forecasts, hits: forecasts.values,
        {"calibration/brier_miscalibration", "calibration/brier_discrimination"},
    ),
    "groups that are not told apart": (
        "-k 'calibration of groups'", calibrated_groups, "members", everybody, {"calibration of groups"},
    ),
    "an interval of a regression with one end": (
        "-k calibration/interval or calibration/coverage", prediction_intervals, "_covered",
        lambda targets, lower, upper: targets <= upper,
        {"calibration/interval_coverage", "calibration/coverage_gap"},
    ),
    "a probe that fails": (
        "-k generalization/accuracy", generalization, "probe", failing, {"generalization/accuracy_gap"},
    ),
}  # fmt: skip

SLOW = {
    "attacks with twice the radius": (
        "-k planted_columns and radius", targets.Target, "threat", lambda target, radius: threat(target, 2 * radius),
        {
            f"{name}, radius {radius}"
            for name in ("all attacks", "fgsm", "pgd", "square") for radius in robustness_checks.RADII
        },
    ),
    "an attack that breaks nothing": (
        "-k planted_columns and radius", adversarial, "ATTACKS",
        {**adversarial.ATTACKS, "pgd": lambda forward, clean, classes, *rest: classes < 0},
        {f"pgd, radius {radius}" for radius in robustness_checks.RADII},
    ),
    "ties that are counted wrongly": (
        "-k planted_groups", roc_auc, "roc_auc", lambda targets, scores: 0.82, {"quality/roc_auc"},
    ),
    "shuffles that change nothing": (
        "-k accuracy_drop", importance, "shuffled", lambda table, one, order: lambda raw: raw,
        {"importance/accuracy_drop of signals", "importance/accuracy_drop, one column"},
    ),
    "a drop that is a gain": (
        "-k accuracy_drop", importance, "summarised", turned_drop,
        {"importance/accuracy_drop of signals", "importance/accuracy_drop, one column"},
    ),
    "shuffles of another column": (
        "-k accuracy_drop", importance, "shuffled", of_the_next_column,
        {"importance/accuracy_drop, one column", "importance/accuracy_drop, others"},
    ),
    "attributions whose signs cancel": (
        "-k greatest or 'integrated gradients / saliency'", column_importance, "of_column", of_signs,
        {"integrated gradients / saliency"},
    ),
    "a rank that is turned": (
        "-k localisation and planted_columns", faithfulness, "auroc",
        lambda strength, relevant: 1 - auroc(strength, relevant),
        {"localisation of saliency", "localisation of one column", "localisation, smoothed saliency"},
    ),
    "a pointing game that the weakest part wins": (
        "-k planted_columns and linear", faithfulness, "pointing_game",
        lambda strength, relevant: pointing(-strength, relevant), {"pointing game of saliency"},
    ),
    "an attribution that never moves": (
        "-k planted_columns and linear", faithfulness, "sensitivity",
        lambda variant, subject, inputs, *rest: np.zeros(len(inputs)),
        {
            "sensitivity of random", "sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient",
        },
    ),
    "a sensitivity to anything": (
        "-k planted_columns and linear", faithfulness, "sensitivity",
        lambda *arguments: sensitivity(*arguments) + 0.01, {"sensitivity of saliency"},
    ),
    "an infidelity that counts what is explained": (
        "-k planted_columns and linear", faithfulness, "infidelity",
        lambda *arguments: infidelity(*arguments)[::-1],
        {"infidelity of saliency", *(f"{method}, unexplained" for method in attribution_checks.ADDITIVE)},
    ),
    "a reference that is another one": (
        "-k planted_columns and linear", methods, "_reference",
        lambda subject, inputs: reference(subject, inputs) + 1,
        {
            "attribution/completeness_error", "integrated_gradients less input_x_gradient",
            *(f"{method}, unexplained" for method in attribution_checks.ADDITIVE),
        },
    ),
    "a smoothed method whose parts are turned round": (
        "-k planted_columns and linear", evaluation, "parts_of", turned_round, {"localisation, smoothed saliency"},
    ),
    "weights that are not shuffled": (
        "-k planted_columns and linear", Subject, "scrambled",
        lambda subject, layers, seed: subject,
        {"similarity of saliency, last layer", "similarity of saliency, all layers"},
    ),
    "weights that are shuffled in the last layer only": (
        "-k resnet", Subject, "scrambled", the_last_only, {"similarity of guided_backprop, all layers"},
    ),
    "weights that are not shuffled but in the last layer": (
        "-k planted_pixels or planted_columns and linear", Subject, "scrambled", nowhere_but_in_the_last,
        {"similarity of saliency, all layers", "similarity of guided_backprop, all layers"},
    ),
    "intervals of attributions that lie elsewhere": (
        "-k planted_columns and linear", evaluation, "bootstrap_interval", elsewhere,
        {"pointing game, interval width less formula", "pointing game, interval middle less value"},
    ),
    "a sensitivity without noise": (
        "-k planted_columns and linear", faithfulness, "sensitivity", noisier(0.0),
        {"sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient"},
    ),
    "a sensitivity with twice the noise": (
        "-k planted_columns and linear", faithfulness, "sensitivity", noisier(2.0),
        {"sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient"},
    ),
    "a smoothed method without noise": (
        "-k planted_columns and linear", methods, "_smoothed",
        lambda method, subject, inputs, settings: smoothed(method, subject, inputs, replace(settings, noise=0.0)),
        {"sensitivity of smoothed input_x_gradient"},
    ),
    "DeepLift without its rules": (
        "-k planted_pixels", methods, "METHODS", instead("deep_lift", product),
        {"completeness_error of deep_lift", "completeness_error of deep_lift, residual network"},
    ),
    "integrated gradients that are not integrated": (
        "-k cnn", methods, "METHODS", instead("integrated_gradients", product),
        {"completeness_error of integrated_gradients"},
    ),
    "occlusion with the wrong sign": (
        "-k cnn", methods, "METHODS", instead("occlusion", negative),
        {"insertion less deletion, occlusion"},
    ),
    "curves of pictures of which nothing goes": (
        "-k cnn", Subject, "without", deletes_nothing_of_pictures,
        {f"insertion less deletion, {method}" for method in attribution_checks.LOCALISING},
    ),
    "convolutions that are not counted": (
        "-k cnn and compute", flops, "FORMULAS",
        {aten_convolution: without_formula, **{op: f for op, f in flops.FORMULAS.items() if op != aten_convolution}},
        {"compute/flops", "compute/training_flops"},
    ),
    "curves that are taken for one another": (
        "-k first_column", faithfulness, "curves", lambda *arguments: curves(*arguments)[::-1],
        {"deletion_auc less what scores say", "insertion_auc less what scores say"},
    ),
    "an order that is turned": (
        "-k first_column", faithfulness, "_ranks",
        lambda parts, valid, seed: parts.shape[1] - 1 - ranks(parts, valid, seed),
        {"deletion_auc less what scores say", "insertion_auc less what scores say"},
    ),
    "a rank correlation that is always there": (
        "-k planted_columns and similarity", faithfulness, "spearman",
        lambda first, second, valid: np.ones(len(first)),
        {"similarity of saliency, last layer", "similarity of saliency, all layers", "similarity of random"},
    ),
    "a rank correlation that is never there": (
        "-k planted_pixels or first_column", faithfulness, "spearman",
        lambda first, second, valid: np.zeros(len(first)),
        {
            "similarity of guided_backprop", "similarity of saliency, last layer", "similarity of saliency, all layers",
        },
    ),
    "decoys that are not seen": (
        "-k decoy_share", faithfulness, "decoy_share",
        lambda strength, relevant, decoy: np.zeros(len(strength)), {"decoy_share of saliency"},
    ),
    "pictures that are turned over": (
        "-k localisation and cnn", faithfulness, "auroc",
        lambda strength, relevant: auroc(strength[:, ::-1], relevant),
        {f"localisation of {method}" for method in attribution_checks.LOCALISING},
    ),
    "a seed that is not set": (
        "-k 'same seed'", seeding, "seed_everything", lambda seed: None, {"same seed, other scores"},
    ),
    "a clock that is a tenth too fast": (
        "-k throughput", throughput, "_windows",
        lambda call, seconds: ((calls, 0.9 * spent) for calls, spent in windows(call, seconds)),
        {"throughput/inference"},
    ),
    "batches that are timed a third too fast": (
        "-k batch_size and sleep", batch_size, "_block", lambda *arguments: 0.7 * block(*arguments),
        {"batch_size/inference", "batch_size/train", "batch_size/inference at 32", "batch_size/train at 32"},
    ),
    "a search that ends too early": (
        "-k largest or _end", batch_size._Memory, "leaves_room", lambda memory, share: False,
        {f"batch_size/{phase}_{name}" for phase in ("inference", "train") for name in ("largest", "end")},
    ),
    "a backward pass that is counted twice": (
        "-k matmul and training_flops", flops, "training",
        lambda *arguments: flops.Count(2 * backward(*arguments).flops), {"compute/training_flops"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(bench, monkeypatch, broken):
    found_and_named(bench, monkeypatch, *BREAKS[broken])


@pytest.mark.slow
@pytest.mark.parametrize("broken", SLOW)
def test_a_broken_instrument_that_is_trained_for_or_timed_is_found_and_named(bench, monkeypatch, broken):
    found_and_named(bench, monkeypatch, *SLOW[broken])


def found_and_named(
    bench: Any, monkeypatch: pytest.MonkeyPatch, choice: str, module: Any, name: str, wrong: Any, outside: set[str]
) -> None:
    """Check that the self-test of these cells exits with 1 and lists exactly these instruments as outside."""
    monkeypatch.setattr(module, name, wrong)
    ended = bench("selftest", *choice.split(" ", 1), "--json")
    assert ended.status == 1, ended.out
    failed = {check["instrument"] for check in json.loads(ended.out)["checks"] if not check["holds"]}
    assert failed == outside


def test_what_is_outside_is_named_in_the_last_lines_with_the_way_to_look_into_it(bench, monkeypatch):
    monkeypatch.setattr(mae, "mae", off_by(mae.mae, 0.001))
    ended = bench("selftest", "-k", LINE)
    assert ended.status == 1
    holds, checks = re.search(r"(\d+) of (\d+) as known", ended.out).groups()
    assert int(holds) == int(checks) - 1 > 1
    assert "quality/mae" in next(line for line in ended.out.splitlines() if line.endswith("OUTSIDE"))
    assert ended.out.rstrip().splitlines()[-2:] == [
        "OUTSIDE: quality/mae",
        "next: bench run planted -k 'planted_line and planted_rule'   the cell of the first, with a report",
    ]


def test_the_way_to_look_into_a_cell_adds_the_probes_of_extras_that_it_has(bench, monkeypatch):
    monkeypatch.setattr(words, "_with_predictions", of_the_other_class)
    ended = bench("selftest", "-k", "score_shift")
    assert ended.status == 1
    command = ended.out.rstrip().splitlines()[-1].removeprefix("next: bench run ").partition("   ")[0]
    planned = bench("plan", *shlex.split(command))
    assert planned.status == 0, planned.err
    assert "probes.fairness=" in command
    assert "planted_words" in planned.out
