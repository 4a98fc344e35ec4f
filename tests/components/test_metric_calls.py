"""Metric calls: the function of a name, and its arguments among the columns of the predictions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bench_suite.components.metric_calls import bind_columns, function_of, function_of_file
from bench_suite.contracts import ComponentError
from bench_suite.metrics.accuracy import accuracy


def test_a_metric_of_the_problem_goes_before_a_file_of_that_name():
    def own(targets, predictions):
        return 0.5

    assert function_of(SimpleNamespace(accuracy=own), "accuracy") is own
    assert function_of(SimpleNamespace(accuracy="no function"), "accuracy")(np.array([0, 1]), np.array([0, 0])) == 0.5
    assert function_of(SimpleNamespace(), "accuracy").__name__ == accuracy.__name__


def test_a_metric_may_be_a_file_of_ones_own_and_an_absent_one_is_an_error(tmp_path):
    path = tmp_path / "total.py"
    path.write_text('UNIT = ""\nBETTER = "none"\ndef total(targets):\n    return float(sum(targets))\n')
    assert function_of_file(str(path))([1, 2]) == 3.0
    with pytest.raises(ComponentError, match='there is no metric "acuracy"; did you mean "accuracy"'):
        function_of_file("acuracy")


def test_columns_are_bound_by_the_names_of_parameters_and_others_are_left_out():
    def metric(targets, scores, weights=None, spec=None):
        return targets, scores, weights, spec

    columns = {"targets": 1, "scores": 2, "predictions": 3}
    function, arguments = bind_columns(metric, columns, {"classes": 4})
    assert arguments == {"targets": 1, "scores": 2}
    assert function(**arguments) == (1, 2, None, {"classes": 4})
    _, arguments = bind_columns(metric, {**columns, "weights": 5}, {})
    assert arguments["weights"] == 5


def test_a_function_without_spec_is_returned_as_it_is():
    def metric(targets):
        return targets

    assert bind_columns(metric, {"targets": 1}, {})[0] is metric


def test_columns_that_the_model_does_not_give_are_named():
    def metric(targets, scores, losses):
        return 0.0

    with pytest.raises(ValueError, match="the model gives no scores and no losses"):
        bind_columns(metric, {"targets": 1}, {})
