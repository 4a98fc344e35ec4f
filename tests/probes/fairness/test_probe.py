"""Claims about `fairness`: hand-computed tables, Fairlearn's own functions, and texts judged by a known rule."""

import json
import re

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from torch import nn

from bench_suite import compare, run
from bench_suite.contracts import Artifact, BenchError, Data, Network, Predictions, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import MemorySplit
from bench_suite.probes import fairness
from bench_suite.reports.markdown import report
from bench_suite.reports.plots import picture
from bench_suite.suite.document import SuiteError

ATTRIBUTE = {"attribute": "sex"}


class Judge:
    """A trained cell that predicts `rule` of each example's raw values; with groups, and known columns."""

    def __init__(self, raw, rule, groups=None, classes=("no", "yes"), network=None, **options):
        groups = {name: np.asarray(values) for name, values in (groups or {}).items()}
        ids = content_ids([str(row) for row in range(len(raw["target"]))])
        splits = {"test": MemorySplit(ids, raw, groups)}
        self.rule, self.network = rule, network
        columns = {"columns": options.pop("columns")} if options.get("columns") else {}
        self.data = Data("classification", {"classes": classes, **columns}, splits, Source("generated", "judged", ""))
        self.options = {"task": options}

    def predictions(self, split, change=None):
        rows = self.data.splits[split]
        raw = rows.take(np.arange(len(rows)))
        outputs = self.rule(raw if change is None else change(raw))
        return Predictions(split, rows.ids, {"targets": raw["target"], **outputs}, rows.groups)


def of_table(targets, predictions, classes=("no", "yes"), columns=("age",), table=None, **groups):
    """Return a cell with these targets, predictions and groups."""
    table = np.zeros((len(targets), 1)) if table is None else np.stack(table, axis=1)
    raw = {"target": np.asarray(targets), "table": table}
    outputs = {"predictions": np.asarray(predictions)}
    return Judge(raw, lambda _: outputs, groups, classes, columns=columns)


def counts(group, true_positives, positives, false_positives, negatives):
    """Return targets, predictions and names of one group with these counts."""
    targets = np.repeat([1, 0], [positives, negatives])
    predictions = np.concatenate(
        [np.arange(positives) < true_positives, np.arange(negatives) < false_positives]
    ).astype(int)
    return targets, predictions, np.full(positives + negatives, group)


def of_counts(*rows):
    targets, predictions, sex = (np.concatenate(part) for part in zip(*(counts(*row) for row in rows)))
    return of_table(targets, predictions, sex=sex)


def measured(trained, **options):
    outputs = list(fairness.probe(trained, fairness.Options(**{"resamples": 200, **options})))
    metrics = {(m.name, *m.at.values()): m for m in outputs if not isinstance(m, Artifact)}
    assert all(m.reason or m.interval for m in metrics.values())
    assert all(m.value is not None or m.reason for m in metrics.values())
    return metrics, {a.name: a for a in outputs if isinstance(a, Artifact)}


# ── sensitive attributes ────────────────────────────────────────────────────────────────────────


def test_a_table_computed_by_hand():
    # women: 8 of 10 and 4 of 10 selected; men: 5 of 10 and 2 of 10
    metrics, _ = measured(of_counts(("f", 8, 10, 4, 10), ("m", 5, 10, 2, 10)))
    rates = {
        ("accuracy", "f"): 14 / 20,
        ("accuracy", "m"): 13 / 20,
        ("selection_rate", "f"): 12 / 20,
        ("selection_rate", "m"): 7 / 20,
        ("true_positive_rate", "f"): 0.8,
        ("true_positive_rate", "m"): 0.5,
        ("false_positive_rate", "f"): 0.4,
        ("false_positive_rate", "m"): 0.2,
    }
    for (name, group), value in rates.items():
        metric = metrics[name, "sex", group]
        assert metric.value == pytest.approx(value)
        assert metric.n == (20 if name in ("accuracy", "selection_rate") else 10)
        assert metric.interval.low < value < metric.interval.high
    between = {
        "demographic_parity_difference": 5 / 20,
        "demographic_parity_ratio": 7 / 12,
        "equalized_odds_difference": 0.3,
        "equal_opportunity_difference": 0.3,
        "worst_group_accuracy": 13 / 20,
    }
    for name, value in between.items():
        metric = metrics[name, "sex"]
        assert metric.value == pytest.approx(value)
        assert metric.interval.low <= value <= metric.interval.high


def test_equalised_odds_may_be_of_false_positives():
    metrics, _ = measured(of_counts(("f", 8, 10, 9, 10), ("m", 7, 10, 2, 10)))
    assert metrics["equalized_odds_difference", "sex"].value == pytest.approx(0.7)
    assert metrics["equal_opportunity_difference", "sex"].value == pytest.approx(0.1)


def test_everything_equals_fairlearns_own_functions():
    random = np.random.default_rng(3)
    race, sex = random.choice(["a", "b", "c"], 900), random.choice(["f", "m"], 900)
    targets = random.integers(0, 2, 900)
    predictions = np.where(random.random(900) < np.where(race == "a", 0.6, 0.85), targets, 1 - targets)
    metrics, _ = measured(of_table(targets, predictions, race=race, sex=sex))
    for names in (("race",), ("sex",), ("race", "sex")):
        features = {name: {"race": race, "sex": sex}[name] for name in names}
        for name in (
            "demographic_parity_difference",
            "demographic_parity_ratio",
            "equalized_odds_difference",
            "equal_opportunity_difference",
        ):
            truth = getattr(fairlearn, name)(targets, predictions, sensitive_features=features)
            assert metrics[name, " × ".join(names)].value == pytest.approx(truth), (name, names)
        rates = {name: getattr(fairlearn, name) for name in ("selection_rate", "true_positive_rate")}
        frame = fairlearn.MetricFrame(
            metrics=rates, y_true=targets, y_pred=predictions, sensitive_features=features
        ).by_group
        for group, row in frame.iterrows():
            label = " × ".join(group) if isinstance(group, tuple) else group
            for name in rates:
                assert metrics[name, " × ".join(names), label].value == pytest.approx(row[name])


def test_intersections_find_what_no_single_attribute_shows():
    """Only black women and white men are wrong: each attribute alone is perfectly even."""
    race, sex = np.tile(["b", "b", "w", "w"], 50), np.tile(["f", "m"], 100)
    targets = np.repeat([0, 1], 100)
    predictions = np.where((race == "b") == (sex == "f"), 1 - targets, targets)
    metrics, _ = measured(of_table(targets, predictions, race=race, sex=sex))
    assert metrics["worst_group_accuracy", "race"].value == metrics["worst_group_accuracy", "sex"].value == 0.5
    assert metrics["worst_group_accuracy", "race × sex"].value == 0.0
    assert metrics["accuracy", "race × sex", "b × m"].value == 1.0
    single, _ = measured(of_table(targets, predictions, race=race, sex=sex), intersections=1)
    assert ("worst_group_accuracy", "race × sex") not in single


def test_a_group_of_one_is_named_as_too_small_and_neither_judged_nor_merged():
    trained = of_counts(("f", 8, 10, 4, 10), ("m", 5, 10, 2, 10), ("x", 0, 1, 0, 0))
    metrics, artifacts = measured(trained)
    alone, _ = measured(of_counts(("f", 8, 10, 4, 10), ("m", 5, 10, 2, 10)))
    assert metrics["accuracy", "sex", "x"].value is None
    assert metrics["accuracy", "sex", "x"].n == 1
    assert "too few" in metrics["accuracy", "sex", "x"].reason
    assert ("selection_rate", "sex", "x") not in metrics
    for name in fairness.METRICS:
        if (name, "sex") in alone:
            assert metrics[name, "sex"].value == alone[name, "sex"].value
            assert "without x (1 " in metrics[name, "sex"].reason
    (row,) = [row for row in artifacts["groups"].data["rows"] if row[1] == "x"]
    assert row[2:4] == [1, "too few (1)"]
    assert artifacts["accuracy"].data["bars"]["sex: x"] is None


def test_too_few_negatives_cost_false_positives_and_nothing_else():
    metrics, _ = measured(of_counts(("f", 8, 10, 1, 3), ("m", 5, 10, 2, 10)))
    assert metrics["true_positive_rate", "sex", "f"].value == 0.8
    assert "3 negative examples are too few" in metrics["false_positive_rate", "sex", "f"].reason
    assert metrics["equal_opportunity_difference", "sex"].value == pytest.approx(0.3)
    assert "fewer than two groups have a false positive rate" in metrics["equalized_odds_difference", "sex"].reason
    assert "f (3 negative examples)" in metrics["equalized_odds_difference", "sex"].reason
    lower, _ = measured(of_counts(("f", 8, 10, 1, 3), ("m", 5, 10, 2, 10)), least_size=3)
    assert lower["equalized_odds_difference", "sex"].value == pytest.approx(0.3)


def test_a_split_of_one_class_and_constant_predictions_give_reasons_and_no_division_by_zero():
    with np.errstate(all="raise"):
        one, _ = measured(of_counts(("f", 9, 20, 0, 0), ("m", 12, 20, 0, 0)))
        none, _ = measured(of_counts(("f", 0, 20, 0, 20), ("m", 0, 20, 0, 20)))
        every, _ = measured(of_counts(("f", 20, 20, 20, 20), ("m", 20, 20, 20, 20)))
    assert "negative examples" in one["equalized_odds_difference", "sex"].reason
    assert one["equal_opportunity_difference", "sex"].value == pytest.approx(0.15)
    assert none["demographic_parity_difference", "sex"].value == 0.0
    assert none["demographic_parity_difference", "sex"].interval.high > 0
    assert none["demographic_parity_ratio", "sex"].reason == "nobody is selected in any group"
    assert every["demographic_parity_ratio", "sex"].value == 1.0


def test_one_group_alone_leaves_nothing_to_compare():
    metrics, _ = measured(of_counts(("f", 9, 20, 5, 20)))
    assert "all are f" in metrics["demographic_parity_difference", "sex"].reason
    assert metrics["accuracy", "sex", "f"].value == pytest.approx(24 / 40)


def test_of_several_classes_only_accuracy_is_told_until_one_is_named():
    targets = np.tile([0, 1, 2], 40)
    predictions = np.where(np.arange(120) < 60, targets, 0)
    trained = of_table(targets, predictions, ("a", "b", "c"), sex=np.repeat(["f", "m"], 60))
    metrics, _ = measured(trained)
    assert metrics["worst_group_accuracy", "sex"].value == pytest.approx(1 / 3)
    assert "positive" in metrics["demographic_parity_difference", "sex"].reason
    assert not [key for key in metrics if key[0] == "selection_rate"]
    named, _ = measured(trained, positive="c")
    assert named["selection_rate", "sex", "f"].value == pytest.approx(1 / 3)
    assert named["demographic_parity_difference", "sex"].value == pytest.approx(1 / 3)


def test_a_class_that_the_task_has_not_is_an_error_that_names_those_it_has():
    with pytest.raises(BenchError, match='positive = "maybe" is not a class of this task; its classes are: no, yes'):
        measured(of_counts(("f", 8, 10, 4, 10)), positive="maybe")


def test_what_lies_between_groups_says_between_which_and_how_large_they_are():
    # true positive rates of women and men differ more than false positive rates; x has no negative example
    rows = (("f", 4, 10, 3, 10), ("m", 9, 10, 2, 10), ("n", 8, 10, 3, 12), ("x", 0, 1, 0, 0))
    metrics, artifacts = measured(of_counts(*rows))
    without = "without x (1 examples), too few to judge: least_size = 10"
    rates = "selection rate: lowest for f (7 of 20), highest for m (11 of 20)"
    assert metrics["demographic_parity_difference", "sex"].value == pytest.approx(11 / 20 - 7 / 20)
    assert metrics["demographic_parity_difference", "sex"].reason == f"{rates}; {without}"
    assert metrics["demographic_parity_ratio", "sex"].reason == f"{rates}; {without}"
    assert metrics["equalized_odds_difference", "sex"].reason.startswith(
        "true positive rate: lowest for f (4 of 10), highest for m (9 of 10); without"
    )
    assert metrics["worst_group_accuracy", "sex"].reason == f"accuracy: lowest for f (11 of 20); {without}"
    assert artifacts["between"].data["columns"] == ["attribute", "metric", "value", "rate", "lowest", "highest"]
    assert artifacts["between"].data["rows"][0] == [
        "sex", "demographic_parity_difference", "0.200", "selection rate", "f (7 of 20)", "m (11 of 20)",
    ]  # fmt: skip


def test_of_equalised_odds_it_names_the_rate_that_is_further_apart():
    metrics, _ = measured(of_counts(("f", 8, 10, 9, 10), ("m", 7, 10, 2, 10)))
    reason = "false positive rate: lowest for m (2 of 10), highest for f (9 of 10)"
    assert metrics["equalized_odds_difference", "sex"].reason == reason


def test_groups_that_share_the_lowest_rate_are_all_named_and_equal_ones_called_the_same():
    metrics, _ = measured(of_counts(("f", 5, 10, 5, 10), ("m", 5, 10, 5, 10), ("n", 10, 10, 10, 10)))
    assert metrics["demographic_parity_difference", "sex"].reason == (
        "selection rate: lowest for f (10 of 20), m (10 of 20), highest for n (20 of 20)"
    )
    assert metrics["worst_group_accuracy", "sex"].reason == "accuracy: the same for all"


def test_an_attribute_of_many_values_has_one_reason_and_no_groups():
    age, targets = np.tile(np.arange(18, 70), 20), np.arange(1040) // 2 % 2
    sex = np.where(np.arange(1040) % 3 == 0, "f", "m")
    metrics, artifacts = measured(of_table(targets, targets, age=age, sex=sex))
    of_age = {key[0]: metric for key, metric in metrics.items() if key[1] == "age"}
    assert {metric.value for metric in of_age.values()} == {None}
    assert set(of_age) == {name for name in fairness.METRICS if (name, "sex") in metrics}
    (reason,) = {metric.reason for metric in of_age.values()}
    assert "age has 52 values in the test split" in reason
    assert "most_groups = 20" in reason
    assert {key[1] for key in metrics} == {"age", "sex"}
    assert {row[0] for row in artifacts["groups"].data["rows"]} == {"sex"}
    assert list(artifacts["accuracy"].data["bars"]) == ["sex: f", "sex: m"]
    every, _ = measured(of_table(targets, targets, age=age, sex=sex), most_groups=52)
    assert every["worst_group_accuracy", "age"].value == 1.0
    alone, artifacts = measured(of_table(targets, targets, age=age))
    assert {metric.reason for metric in alone.values()} == {reason}
    assert set(artifacts) == {"inputs"}


def test_bars_of_too_few_examples_say_so_in_the_picture():
    _, artifacts = measured(of_counts(("f", 8, 10, 4, 10), ("m", 5, 10, 2, 10), ("x", 0, 1, 0, 0)))
    bars = artifacts["accuracy"]
    assert bars.data["reasons"] == {"sex: x": "too few (1)"}
    silent = {name: value for name, value in bars.data.items() if name != "reasons"}
    assert picture(bars) != picture(Artifact(bars.name, bars.kind, silent, bars.caption))


def test_it_says_which_attributes_the_model_was_given():
    targets, groups = np.arange(40) % 2, np.repeat(["f", "m"], 20)
    columns = ("age", "race=black", "race=white", "sexes")
    _, artifacts = measured(of_table(targets, targets, columns=columns, sex=groups, race=groups))
    inputs = artifacts["inputs"]
    assert inputs.caption == "Sensitive attributes among the inputs: race"
    assert inputs.data["rows"] == [["sex", "no", ""], ["race", "yes", "race=black, race=white"]]


def test_inputs_without_names_are_not_said_to_lack_an_attribute():
    targets, groups = np.arange(40) % 2, np.repeat(["f", "m"], 20)
    _, artifacts = measured(of_table(targets, targets, columns=(), sex=groups))
    assert artifacts["inputs"].caption == (
        "Sensitive attributes among the inputs: not known, since the inputs have no names"
    )
    assert artifacts["inputs"].data["rows"] == [["sex", "not known", "the inputs have no names"]]


@pytest.mark.parametrize("columns", [("x", "z", "gender", "black?", "old"), ()])
def test_a_column_that_equals_an_attribute_is_among_the_inputs_whatever_its_name(columns):
    random = np.random.default_rng(0)
    sex, race = random.choice(["f", "m"], 90), random.choice(["a", "b", "c"], 90)
    code = np.where(sex == "m", 7.5, -1)
    sex = np.where(np.arange(90) < 9, "nan", sex)  # the table contains values that the attribute lacks
    table = [random.normal(size=90), random.integers(0, 2, 90), code, race == "b", (race == "c") | (np.arange(90) < 2)]
    targets = np.arange(90) % 2
    _, artifacts = measured(of_table(targets, targets, columns=columns, table=table, sex=sex, race=race))
    gender, black = columns[2:4] or ("column 3", "column 4")
    assert artifacts["inputs"].data["rows"] == [
        ["sex", "yes", f"{gender} (equal to it)"],
        ["race", "yes", f"{black} (distinguishes b from the others)"],
    ]
    assert artifacts["inputs"].caption == "Sensitive attributes among the inputs: sex, race"


def test_columns_that_agree_with_an_attribute_by_chance_are_not_taken_for_it():
    sex, alone = np.repeat(["f", "m", "x"], [30, 28, 2]), np.arange(60)
    table = [np.arange(60), sex == "x", np.full(60, 3.0), np.full(60, np.nan)]
    _, artifacts = measured(of_table(alone % 2, alone % 2, columns=tuple("abcd"), table=table, sex=sex, alone=alone))
    assert artifacts["inputs"].caption == "Sensitive attributes among the inputs: none"


def test_of_inputs_without_names_it_says_which_attributes_are_known_to_be_among_them():
    sex, race, targets = np.repeat(["f", "m"], 20), np.tile(["a", "b"], 20), np.arange(40) % 3 % 2
    _, artifacts = measured(of_table(targets, targets, columns=(), table=[sex == "m"], sex=sex, race=race))
    assert artifacts["inputs"].caption == (
        "Sensitive attributes among the inputs: sex; not known for race, since the inputs have no names"
    )


def test_attributes_may_be_called_as_columns_of_fairlearn_are():
    targets, predictions, sex = np.arange(40) % 2, np.arange(40) % 4 // 2, np.repeat(["f", "m"], 20)
    ours, _ = measured(of_table(targets, predictions, sex=sex, race=sex[::-1]))
    theirs, _ = measured(of_table(targets, predictions, y_pred=sex, y_true=sex[::-1]))
    for name in ("accuracy", "selection_rate"):
        assert theirs[name, "y_pred", "f"].value == ours[name, "sex", "f"].value
        assert theirs[name, "y_pred × y_true", "f × m"].value == ours[name, "sex × race", "f × m"].value


def test_many_groups_leave_the_record_small():
    random = np.random.default_rng(0)
    targets, age, region = random.integers(0, 2, 900), random.integers(0, 40, 900), random.integers(0, 20, 900)
    metrics, artifacts = measured(of_table(targets, targets, age=age, region=region), least_size=3, most_groups=40)
    assert len({key[1:] for key in metrics if key[0] == "accuracy"}) == 100
    assert len(artifacts["groups"].data["rows"]) > 500
    assert max(len(metric.reason or "") for metric in metrics.values()) < 500


# ── classes ─────────────────────────────────────────────────────────────────────────────────────


def test_without_attributes_it_tells_the_disparity_between_classes_and_calls_it_that():
    targets = np.repeat([0, 1, 2, 3], [20, 40, 10, 2])
    predictions = np.where(np.arange(72) % 4 == 0, 3, targets)  # a quarter of each class is missed
    predictions[20:40] = 0
    metrics, artifacts = measured(of_table(targets, predictions, ("a", "b", "c", "d")))
    recalls = {key[1]: metric.value for key, metric in metrics.items() if key[0] == "class_recall"}
    assert recalls == {"a": 0.75, "b": 0.375, "c": 0.7, "d": None}
    assert metrics[("class_recall_difference",)].value == pytest.approx(0.375)
    assert metrics[("worst_class_recall",)].value == 0.375
    assert "without d (2 examples)" in metrics[("worst_class_recall",)].reason
    assert metrics[("worst_class_recall",)].reason.startswith("recall: lowest for b (15 of 40); ")
    assert artifacts["between"].data["rows"][0] == [
        "class_recall_difference", "0.375", "recall", "b (15 of 40)", "a (15 of 20)",
    ]  # fmt: skip
    assert {key[0] for key in metrics} == {"class_recall", "class_recall_difference", "worst_class_recall"}
    assert artifacts["class_recall"].data["bars"]["d"] is None


def test_a_split_of_one_class_has_no_disparity_but_a_reason():
    metrics, _ = measured(of_table(np.ones(30, int), np.ones(30, int)))
    assert "fewer than two classes" in metrics[("class_recall_difference",)].reason
    assert metrics["class_recall", "yes"].value == 1.0
    assert metrics["class_recall", "no"].value is None


# ── words ───────────────────────────────────────────────────────────────────────────────────────


def of_texts(texts, rule=None, **options):
    """Return a model that gives texts about women a score of 0.9, about men 0.3, and all others 0.6."""

    def scores(raw):
        score = np.array([0.9 if "she" in t.split() else 0.3 if "he" in t.split() else 0.6 for t in raw["text"]])
        return {"predictions": (score > 0.5).astype(int), "scores": np.stack([1 - score, score], axis=1)}

    return Judge({"target": np.arange(len(texts)) % 2, "text": list(texts)}, rule or scores, **options)


TEXTS = [*[f"{k} he came" for k in range(30)], *[f"{k} she went" for k in range(20)], *[f"{k} it" for k in range(50)]]


def test_a_planted_dependence_on_a_word_is_measured_exactly():
    metrics, artifacts = measured(of_texts(TEXTS))
    flips, back = metrics["flip_rate", "gender", "male", "female"], metrics["flip_rate", "gender", "female", "male"]
    assert (flips.value, flips.n) == (1.0, 30)
    assert (back.value, back.n) == (1.0, 20)
    assert metrics["score_shift", "gender", "male", "female"].value == pytest.approx(0.6)
    assert metrics["score_shift", "gender", "female", "male"].value == pytest.approx(-0.6)
    rows = [row[:4] for row in artifacts["swaps"].data["rows"]]
    assert ["gender", "male", "female", 30] in rows
    swap, text, swapped, before, after = artifacts["examples"].data["rows"][0]
    assert (swap, before, after) == ("male → female", pytest.approx(0.3), pytest.approx(0.9))
    assert (text, swapped) == ("0 he came…", "0 she came…")


def test_a_model_that_does_not_look_at_the_word_flips_nothing():
    def by_length(raw):
        score = np.array([0.8 if t.startswith("1") else 0.2 for t in raw["text"]])
        return {"predictions": (score > 0.5).astype(int), "scores": np.stack([1 - score, score], axis=1)}

    metrics, _ = measured(of_texts(TEXTS, by_length))
    assert metrics["flip_rate", "gender", "male", "female"].value == 0.0
    assert metrics["flip_rate", "gender", "male", "female"].interval.high > 0
    assert metrics["score_shift", "gender", "male", "female"].value == 0.0
    assert metrics["score_shift", "gender", "male", "female"].reason


def test_texts_that_name_no_group_are_not_counted_and_too_few_are_said():
    metrics, _ = measured(of_texts(TEXTS))
    muslims = metrics["flip_rate", "religion", "muslim", "jewish"]
    assert (muslims.value, muslims.n) == (None, 0)
    assert "0 texts name the group muslim" in muslims.reason


def test_only_the_lists_that_are_named_are_swapped():
    metrics, _ = measured(of_texts(TEXTS), terms=("gender",))
    assert {key[1] for key in metrics if key[0] == "flip_rate"} == {"gender"}
    none, _ = measured(of_texts(TEXTS), terms=())
    assert not [key for key in none if key[0] == "flip_rate"]


@pytest.mark.parametrize(("broken", "reason"), [(None, "returns no scores"), (np.nan, "not finite")])
def test_without_scores_or_with_nan_there_are_flips_and_a_reason(broken, reason):
    def rule(raw):
        outputs = {"predictions": np.array(["she" in t.split() for t in raw["text"]]).astype(int)}
        return outputs if broken is None else {**outputs, "scores": np.full((len(raw["text"]), 2), broken)}

    metrics, _ = measured(of_texts(TEXTS, rule))
    assert metrics["flip_rate", "gender", "male", "female"].value == 1.0
    shift = metrics["score_shift", "gender", "male", "female"]
    assert shift.value is None
    assert reason in shift.reason


def test_swapped_texts_whose_predictions_cannot_be_used_cost_only_their_own_pair():
    def rule(raw):
        if any("she" in text.split() for text in raw["text"]) and not any("he" in t.split() for t in raw["text"]):
            raise BenchError("3 scores are not finite numbers")
        return {"predictions": np.zeros(len(raw["text"]), dtype=int)}

    metrics, _ = measured(of_texts(TEXTS, rule))
    lost, unaffected = (metrics["flip_rate", "gender", *pair] for pair in (("male", "female"), ("female", "male")))
    assert lost.value is None
    assert "not finite" in lost.reason
    assert metrics["score_shift", "gender", "male", "female"].value is None
    assert unaffected.value == 0.0


def test_only_swapped_texts_are_predicted_anew_and_none_is_empty():
    seen = []

    def rule(raw):
        if not all(raw["text"]):
            raise ValueError("an empty text")
        seen.append(len(raw["text"]))
        score = np.array([0.9 if "she" in t.split() else 0.3 for t in raw["text"]])
        return {"predictions": (score > 0.5).astype(int), "scores": np.stack([1 - score, score], axis=1)}

    metrics, _ = measured(of_texts(TEXTS, rule), terms=("gender",))
    assert metrics["flip_rate", "gender", "male", "female"].value == 1.0
    assert set(seen) == {20, 30, 100}


def first_words(raw):
    """Return the first two words of each text as numbers, like a tokenizer that truncates."""
    rows = [[sum(map(ord, word)) for word in text.split()[:2]] for text in raw["text"]]
    return {"tokens": Ragged.from_lists(rows, np.int32), "length": np.array([len(row) for row in rows])}


UNREAD = [*TEXTS[:50], *[f"{k} said that he came" for k in range(40)], *[f"{k} said that she went" for k in range(5)]]


def test_texts_of_which_the_model_does_not_read_the_word_are_left_out_and_counted():
    network = Network(None, first_words, None)
    metrics, artifacts = measured(of_texts(UNREAD, network=network), terms=("gender",))
    flips = metrics["flip_rate", "gender", "male", "female"]
    shift = metrics["score_shift", "gender", "male", "female"]
    assert (flips.value, flips.n, shift.n) == (1.0, 30, 30)
    assert flips.reason == "without 40 of 70 texts that name male: the model does not read the word"
    assert flips.reason in shift.reason
    rows = [row[:5] for row in artifacts["swaps"].data["rows"]]
    assert rows == [["gender", "male", "female", 30, 40], ["gender", "female", "male", 20, 5]]
    assert "not read, and left out" in artifacts["swaps"].caption
    few, _ = measured(of_texts(UNREAD[25:], network=network), terms=("gender",))
    assert few["flip_rate", "gender", "male", "female"].reason == (
        "45 texts name the group male, and the model reads the word in 5 of them, too few to judge: least_size = 10"
    )


@pytest.mark.parametrize("network", [None, Network(None, first_words, None, frozen=nn.Identity())])
def test_where_it_is_not_known_what_a_model_reads_all_texts_count_and_that_is_said(network):
    metrics, artifacts = measured(of_texts(UNREAD, network=network), terms=("gender",))
    assert metrics["flip_rate", "gender", "male", "female"].n == 70
    assert artifacts["swaps"].data["rows"][0][4] is None
    assert artifacts["swaps"].caption.endswith("it is not known whether the model reads the words")


def test_the_lists_of_the_option_are_those_of_the_data_file():
    from bench_suite.probes.fairness.terms import word_lists

    assert fairness.Options().terms == tuple(word_lists())


# ── through the program ─────────────────────────────────────────────────────────────────────────

LOANS = """
[[tasks]]
use = "loans"
{groups}
[[models]]
use = "logistic_regression"
[matrix]
threads = 1
[probes.fairness]
resamples = 100
"""


def test_real_loans_by_race_and_sex_reach_the_record_and_the_report(tmp_path):
    (tmp_path / "suite.toml").write_text(LOANS.format(groups='groups = ["black", "male"]'))
    outcome = run(tmp_path / "suite.toml", results=tmp_path / "results")
    (record,) = outcome.records
    assert record.probes["fairness"].status == "ok", record.probes["fairness"].reason
    by_place = {(row.name.removeprefix("fairness/"), *row.at.values()): row for row in record.metrics}
    assert by_place["accuracy", "black", "yes"].n + by_place["accuracy", "black", "no"].n == record.data["test"]
    assert "too few" in by_place["accuracy", "male", "unknown"].reason
    assert by_place["demographic_parity_difference", "black × male"].interval is not None
    captions = [row.caption for row in record.artifacts]
    assert "Sensitive attributes among the inputs: none" in captions
    text = report(outcome.run)
    assert "demographic_parity_difference, attribute=black" in text
    assert "too few (7)" in text
    parity = by_place["demographic_parity_difference", "black"]
    assert re.fullmatch(r"selection rate: lowest for yes \(\d+ of 42\), highest for no \(\d+ of 356\)", parity.reason)
    assert "The groups with the lowest and the highest rate" in text
    assert re.search(r"\| black +\| demographic_parity_difference +\|.* yes \(\d+ of 42\) +\| no \(\d+ of 356\)", text)


def test_a_gate_on_fairness_passes_an_identical_rerun_as_long_as_its_predictions_are_there(tmp_path):
    gate = '[gate]\n"fairness/demographic_parity_difference" = { tolerance = 0.02 }\n'
    (tmp_path / "suite.toml").write_text(LOANS.format(groups='groups = ["black"]') + gate)
    runs = [run(tmp_path / "suite.toml", results=tmp_path / "results").run for _ in range(2)]
    comparison = compare(*runs)
    (row,) = [row for row in comparison.rows if row.gated]
    assert (comparison.status, row.verdict, row.method) == (0, "not worse than the tolerance", "same predictions")
    next(runs[1].path.glob("cells/*/predictions-test.parquet")).unlink()
    comparison = compare(*runs)
    assert (comparison.status, comparison.rows[0].verdict) == (4, "cannot tell")


def test_an_attribute_that_the_task_has_not_is_an_error_before_anything_is_trained(tmp_path):
    (tmp_path / "suite.toml").write_text(LOANS.format(groups='groups = ["blak"]'))
    with pytest.raises(SuiteError, match='"black"'):
        run(tmp_path / "suite.toml", results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_of_columns_that_only_the_data_tell_an_unknown_attribute_is_missed_before_anything_is_trained(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "hub"))
    (tmp_path / "hub" / "me" / "people").mkdir(parents=True)
    rows = "".join(f"{k},{'fm'[k % 2]},{'yes' if k % 3 else 'no'}\n" for k in range(60))
    (tmp_path / "hub" / "me" / "people" / "train.csv").write_text("pay,sex,granted\n" + rows)
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "hub"\nid = "me/people"\ninputs = ["pay"]\nlabel = "granted"\ngroups = ["sexes"]\n'
        '[[models]]\nuse = "logistic_regression"\n[probes.fairness]\n'
    )
    (record,) = run(tmp_path / "suite.toml", results=tmp_path / "results").records
    assert record.status == "failed"
    assert record.reason.endswith('there is no column `sexes`; did you mean "sex"? (it has: pay, sex, granted)')
    assert not {"build", "train"} & set(record.seconds)


TASK = '''
"""Texts in which the verdict is the pronoun."""
from dataclasses import dataclass
import numpy as np
from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import MemorySplit, fingerprint_of

VERSION = 1
MODALITY = "text"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()

@dataclass(frozen=True)
class Options:
    data: str = "full"
    "The whole."
    groups: tuple[str, ...] | None = None
    "None."

def load(options, sources):
    target = np.arange(400) % 2
    texts = [f"number {k} and {'she' if target[k] else 'he'} came" for k in range(400)]
    whole = MemorySplit(content_ids(texts), {"text": texts, "target": target})
    splits = {"train": whole.at(np.arange(300)), "test": whole.at(np.arange(300, 400))}
    return Data(PROBLEM, {"classes": ("bad", "good")}, splits, Source("generated", "pronouns", fingerprint_of(splits)))
'''


def test_a_trained_bag_of_words_that_learnt_a_pronoun_flips_every_text(tmp_path):
    (tmp_path / "pronouns.py").write_text(TASK)
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "./pronouns.py"\n[[models]]\nuse = "bag_of_words"\n'
        "train = { epochs = 20, learning_rate = 0.05 }\n[matrix]\nthreads = 1\n[probes.fairness]\n"
    )
    (record,) = run(tmp_path / "suite.toml", trust=True, results=tmp_path / "results").records
    assert record.probes["fairness"].status == "ok", record.probes["fairness"].reason
    flip_rates = {tuple(row.at.values()): row for row in record.metrics if row.name == "fairness/flip_rate"}
    assert (flip_rates["gender", "male", "female"].value, flip_rates["gender", "male", "female"].n) == (1.0, 50)
    assert flip_rates["gender", "female", "male"].value == 1.0
    assert len(json.dumps([vars(row) for row in record.metrics], default=vars)) < 256 * 1024


def test_a_class_that_only_the_data_could_tell_is_missed_before_anything_is_trained(tmp_path):
    (tmp_path / "pronouns.py").write_text(TASK)
    text = '[[tasks]]\nuse = "./pronouns.py"\n[[models]]\nuse = "bag_of_words"\n[probes.fairness]\npositive = "{}"\n'
    text += "terms = []\n"
    (tmp_path / "suite.toml").write_text(text.format("god"))
    with pytest.raises(SuiteError) as caught:
        run(tmp_path / "suite.toml", trust=True, results=tmp_path / "results")
    assert ('probes.fairness.positive: "god" is no class of pronouns; did you mean "good"? (it has: bad, good)') in str(
        caught.value
    )
    (tmp_path / "suite.toml").write_text(text.format("good"))
    (record,) = run(tmp_path / "suite.toml", trust=True, results=tmp_path / "results").records
    assert record.probes["fairness"].status == "ok"


WORDS = '[animal]\ngroups = ["dog", "cat"]\nterms = [{ dog = ["she"], cat = ["he"] }]\n'
OF_WORDS = (
    '[[tasks]]\nuse = "imdb"\ndata = "sample"\n[[models]]\nuse = "bag_of_words"\n[train]\nepochs = 1\n'
    '[matrix]\nthreads = 1\n[probes.fairness]\nterms = "{terms}"\n'
)


def test_a_suite_brings_word_lists_of_its_own_from_beside_its_file(tmp_path, monkeypatch):
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "pronouns.py").write_text(TASK)
    (folder / "words.toml").write_text(WORDS)
    text = OF_WORDS.format(terms="./words.toml").replace('"imdb"\ndata = "sample"', '"./pronouns.py"')
    (folder / "suite.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    (record,) = run("beside/suite.toml", trust=True, results=tmp_path / "results").records
    assert record.probes["fairness"].status == "ok", record.probes["fairness"].reason
    counts = {tuple(row.at.values()): row.n for row in record.metrics if row.name == "fairness/flip_rate"}
    assert counts == {("animal", "dog", "cat"): 50, ("animal", "cat", "dog"): 50}


@pytest.mark.parametrize(
    ("terms", "content", "message"),
    [
        ("./none.toml", None, r"terms: none.toml: cannot be read: No such file"),
        ("gender", None, r'(?s:.*)for the list of the program: terms = \["gender"\]'),
        ("./words.toml", WORDS.replace("groups", "group"), r"terms: words.toml: \[animal\] has no group"),
    ],
)
def test_a_fault_in_a_file_of_words_is_told_with_its_line_before_anything_is_trained(tmp_path, terms, content, message):
    (tmp_path / "suite.toml").write_text(OF_WORDS.format(terms=terms))
    if content is not None:
        (tmp_path / "words.toml").write_text(content)
    with pytest.raises(SuiteError, match=rf"suite.toml:\d+: probes.fairness.*{message}"):
        run(tmp_path / "suite.toml", results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_group_that_only_train_has_is_named_with_its_examples():
    trained = of_counts(("f", 12, 20, 6, 20), ("m", 10, 20, 5, 20))
    sex = np.repeat(["f", "m", "x"], [30, 30, 7])
    trained.data.splits["train"] = MemorySplit(np.arange(67), {"target": np.zeros(67, int)}, {"sex": sex})
    metrics, _ = measured(trained)
    assert metrics["accuracy", "sex", "x"].value is None
    assert metrics["accuracy", "sex", "x"].n == 0
    assert "train has 7" in metrics["accuracy", "sex", "x"].reason
    assert "without x (0 examples)" in metrics["demographic_parity_difference", "sex"].reason
    difference = metrics["demographic_parity_difference", "sex"].value
    assert difference == pytest.approx(
        measured(of_counts(("f", 12, 20, 6, 20), ("m", 10, 20, 5, 20)))[0]["demographic_parity_difference", "sex"].value
    ), "the value is that of the groups that test has"
