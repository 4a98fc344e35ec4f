"""Claims about the section `[gate]`: rules for some cells, lists of rules, and errors at the key that is wrong."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.gate_section import gate_warnings
from bench_suite.suite.parser import read_suite
from bench_suite.suite.spec import Gate, gates_to_json

MODELS = [{"use": "mlp"}, {"use": "logistic_regression"}]
ACCURACY = "quality/accuracy"


@pytest.fixture
def gated(plan):
    """Return a function that plans a suite of two models and two seeds with these rules on accuracy."""

    def gated(rules, **sections):
        return plan(models=MODELS, matrix={"seed": [0, 1]}, gate={ACCURACY: rules}, **sections)

    return gated


def errors(gated, rules, **sections) -> list[tuple[tuple, str]]:
    """Return key and message of each error that these rules give."""
    with pytest.raises(SuiteError) as error:
        gated(rules, **sections)
    return [(entry.key, entry.message) for entry in error.value.entries]


def test_a_gate_has_one_table_or_a_list_and_run_json_states_it_as_the_suite_does(gated):
    one = {"min": 0.7, "only": {"model": "mlp"}}
    (gate,) = gated(one).suite.gates
    assert (gate.rules, gate.only, gate.key) == ({"min": 0.7}, {"model": ("mlp",)}, ("gate", ACCURACY))
    assert gates_to_json([gate]) == {ACCURACY: {"min": 0.7, "only": {"model": ["mlp"]}}}
    plain = {"tolerance": 0.02}
    suite = gated([plain, {"min": 0.6, "only": {"seed": [0, 1]}}]).suite
    assert [gate.only for gate in suite.gates] == [{}, {"seed": (0, 1)}]
    assert gates_to_json(suite.gates) == {ACCURACY: [plain, {"min": 0.6, "only": {"seed": [0, 1]}}]}
    assert gates_to_json([Gate(ACCURACY, plain)]) == {ACCURACY: plain}, "as earlier versions wrote it"


def test_two_rules_may_give_the_same_cell_contradictory_bounds(gated):
    assert len(gated([{"min": 0.9}, {"max": 0.1}]).suite.gates) == 2


@pytest.mark.parametrize(
    ("rules", "key", "message"),
    [
        ({"min": 0.7, "only": {"model": "mpl"}}, ("only", "model"), 'no model is called "mpl"; did you mean "mlp"?'),
        ({"min": 0.7, "only": {"modle": "mlp"}}, ("only", "modle"), 'is no axis of this matrix; did you mean "model"?'),
        ({"min": 0.7, "only": {"seed": 7}}, ("only",), "chooses no cell of this suite"),
        ({"min": 0.7, "only": "mlp"}, ("only",), "must be a table of axes and the values to choose"),
        ({"only": {"model": "mlp"}}, (), "must be a table with min, max or tolerance"),
        ([{"min": 0.7}, {"mn": 0.7}], (1, "mn"), 'unknown key; did you mean "min"?'),
        ([{"min": 0.7}, 0.7], (1,), "must be a table with min, max or tolerance"),
        ([{"min": 0.7}, {"tolerance": 2}], (1, "tolerance"), "allows any loss"),
        ([], (), "is a list without rules"),
    ],
)
def test_an_error_is_at_the_rule_that_is_wrong(gated, rules, key, message):
    ((where, text),) = errors(gated, rules)
    assert where == ("gate", ACCURACY, *key)
    assert message in text


def test_a_gate_for_cells_that_do_not_measure_the_metric_is_an_error(gated):
    probes = {"quality": {"only": {"model": "mlp"}}}
    rules = {"min": 0.7, "only": {"model": "logistic_regression"}}
    ((where, text),) = errors(gated, rules, probes=probes)
    assert (where, text) == (
        ("gate", ACCURACY, "only"),
        "chooses no cell of this suite that measures quality/accuracy",
    )
    assert gated({**rules, "only": {"seed": 0}}, probes=probes).suite.gates, "one of its cells measures it"
    tasks = [{"use": "loans"}, {"use": "diabetes"}]
    ((where, text),) = errors(gated, {"min": 0.7, "only": {"task": "diabetes"}}, tasks=tasks)
    assert "measures quality/accuracy" in text


def test_a_flag_names_a_rule_of_a_list_by_its_number(tmp_path):
    text = '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\n[gate]\n'
    (tmp_path / "s.toml").write_text(text + '"quality/accuracy" = [{ min = 0.1 }, { max = 0.9 }]\n')

    def read(override: str):
        return read_suite(str(tmp_path / "s.toml"), [override])

    assert read('gate."quality/accuracy".1.max=0.8').gates[1].rules == {"max": 0.8}
    with pytest.raises(SuiteError, match=r'such as gate\."quality/accuracy"\.0\.max'):
        read('gate."quality/accuracy".max=0.8')


def test_a_gate_that_is_judged_by_one_seed_is_warned_about(plan):
    gate = {ACCURACY: {"min": 0.1}, "quality/log_loss": {"tolerance": 0.1}}
    one = plan(gate=gate)
    (warning,) = gate_warnings(one.suite.gates, one.cells)
    assert (warning.code, warning.metrics) == ("one seed", (ACCURACY, "quality/log_loss"))
    assert "judges two trained models, not the method" in warning.message
    assert "raised an alarm for 24 of 45 pairs" in warning.message
    assert "\n" not in warning.message
    several = plan(gate=gate, matrix={"seed": [0, 1]})
    assert gate_warnings(several.suite.gates, several.cells) == []
    assert gate_warnings((), one.cells) == []
    some = plan(gate={ACCURACY: {"min": 0.1, "only": {"seed": 0}}}, matrix={"seed": [0, 1]})
    (warning,) = gate_warnings(some.suite.gates, some.cells)
    assert "log loss" not in warning.message
