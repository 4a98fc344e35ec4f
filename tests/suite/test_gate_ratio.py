"""Claims about `ratio_to` of a gate: the model that it names, and errors at the key that is wrong."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.spec import gates_to_json

MODELS = [{"use": "mlp"}, {"use": "logistic_regression"}]
ACCURACY = "quality/accuracy"


@pytest.fixture
def gated(plan):
    """Return a function that plans a suite of two models with these rules on a metric."""

    def gated(rules, metric=ACCURACY, **sections):
        return plan(**{"models": MODELS, "matrix": {"seed": [0, 1]}, "gate": {metric: rules}, **sections})

    return gated


def errors(gated, rules, metric=ACCURACY, **sections) -> list[tuple[tuple, str]]:
    """Return key and message of each error that these rules give."""
    with pytest.raises(SuiteError) as error:
        gated(rules, metric, **sections)
    return [(entry.key, entry.message) for entry in error.value.entries]


def test_a_gate_names_its_reference_or_takes_that_of_the_report(gated):
    rules = {"ratio_to": "logistic_regression", "min": 0.9, "tolerance": "5%"}
    (gate,) = gated(rules).suite.gates
    assert (gate.ratio_to, gate.rules) == ("logistic_regression", {"min": 0.9, "tolerance": "5%"})
    assert gate.name == "quality/accuracy, ratio to logistic_regression"
    assert gates_to_json([gate]) == {ACCURACY: rules}
    (gate,) = gated({**rules, "ratio_to": "reference"}, report={"reference": "mlp"}).suite.gates
    assert gate.ratio_to == "mlp", "run.json states the model, so a changed [report] does not change what was judged"
    both = gated([{"min": 0.5}, rules]).suite.gates
    assert [gate.name for gate in both] == [ACCURACY, "quality/accuracy, ratio to logistic_regression"]


@pytest.mark.parametrize(
    ("rules", "sections", "key", "message"),
    [
        ({"ratio_to": "logistic_regresion", "min": 0.9}, {}, "ratio_to", 'did you mean "logistic_regression"?'),
        ({"ratio_to": 3, "min": 0.9}, {}, "ratio_to", "3 is not a string"),
        ({"ratio_to": "reference", "min": 0.9}, {}, "ratio_to", "[report] states no reference"),
        (
            {"ratio_to": "reference", "min": 0.9},
            {"report": {"reference": "best"}},
            "ratio_to",
            '"best" is no fixed model',
        ),
        ({"ratio_to": "mlp", "min": 0}, {}, "min", "0 bounds no ratio, which is above 0"),
        ({"ratio_to": "mlp", "max": -1.0}, {}, "max", "bounds no ratio"),
        ({"ratio_to": "mlp"}, {}, None, "must be a table with min, max or tolerance"),
        ({"ratio_to": "mlp", "only": {"seed": 0}}, {}, None, "must be a table with min, max or tolerance"),
        (
            {"ratio_to": "mlp", "min": 0.9, "only": {"model": "mlp"}},
            {},
            "only",
            "chooses no cell of this suite other than those of its reference",
        ),
        (
            {"ratio_to": "mlp", "min": 0.9},
            {"models": [{"use": "mlp"}]},
            "ratio_to",
            "no other model of this suite measures quality/accuracy",
        ),
    ],
)
def test_an_error_is_at_the_rule_that_is_wrong(gated, rules, sections, key, message):
    ((where, text),) = errors(gated, rules, **sections)
    assert where == ("gate", ACCURACY, *([] if key is None else [key]))
    assert message in text


def test_a_reference_that_is_no_model_is_one_error(gated):
    ((where, _),) = errors(gated, {"ratio_to": "reference", "min": 0.9}, report={"reference": "mpl"})
    assert where == ("report", "reference")


def test_a_ratio_of_a_metric_that_can_be_negative_is_refused(gated):
    probes = {"quality": {}, "generalization": {}}
    ((where, text),) = errors(gated, {"ratio_to": "mlp", "max": 2.0}, "generalization/accuracy_gap", probes=probes)
    assert where == ("gate", "generalization/accuracy_gap", "ratio_to")
    assert "can be negative" in text
    tasks = [{"use": "diabetes"}]
    models = [{"use": "mlp"}, {"use": "mlp", "name": "other"}]
    ((_, text),) = errors(gated, {"ratio_to": "mlp", "min": 0.5}, "quality/r2", tasks=tasks, models=models)
    assert "can be negative" in text


def test_a_tolerance_of_a_ratio_is_not_taken_for_one_of_the_metric(gated):
    assert gated({"ratio_to": "mlp", "tolerance": 1.5}).suite.gates, "a ratio may be above 1, other than an accuracy"
    ((where, _),) = errors(gated, {"ratio_to": "mlp", "tolerance": "100%"})
    assert where[-1] == "tolerance"


def test_the_reference_must_be_measured_on_each_task_that_the_gate_judges(gated):
    tasks = [{"use": "loans"}, {"use": "diabetes"}]
    rules = {"ratio_to": "logistic_regression", "max": 2.0}
    models = [*MODELS, {"use": "bag_of_words"}]
    ((where, text),) = errors(gated, rules, "compute/parameters", tasks=tasks, models=MODELS, probes={"compute": {}})
    assert where == ("gate", "compute/parameters", "ratio_to")
    assert text == (
        'logistic_regression does not measure compute/parameters on diabetes; add only = { task = ["loans"] }'
    )
    assert gated(
        {**rules, "only": {"task": "loans"}}, "compute/parameters", tasks=tasks, probes={"compute": {}}
    ).suite.gates
    ((_, text),) = errors(
        gated, {**rules, "ratio_to": "bag_of_words"}, "compute/parameters",
        tasks=[{"use": "loans"}, {"use": "imdb", "data": "sample"}],
        models=[{"use": "mlp"}, models[-1]], probes={"compute": {}},
    )  # fmt: skip
    assert "bag_of_words measures compute/parameters on no task on which another model does" in text
