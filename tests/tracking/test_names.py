"""Claims about names for trackers: every text becomes an allowed name, and different texts stay different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.tracking.names import MAX_LENGTH, safe_key


def test_plain_names_stay_as_they_are():
    assert safe_key("quality/accuracy") == "quality/accuracy"
    assert safe_key("throughput/inference batch_size=64") == "throughput/inference batch_size-64"


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a//b", "/a", "a/", "", ".", "x" * 1000, "é'\"`\n\0<b>"])
def test_hostile_names_are_accepted_by_mlflow(hostile):
    validation = pytest.importorskip("mlflow.utils.validation", reason="mlflow is not installed")
    validation._validate_metric_name(safe_key(hostile))
    validation._validate_param_name(safe_key(hostile))
    assert len(safe_key(hostile)) <= MAX_LENGTH + 7


@given(st.text(max_size=30), st.text(max_size=30))
def test_names_that_differ_stay_different(first, second):
    if first.replace("=", "-") != second.replace("=", "-"):
        assert safe_key(first) != safe_key(second)
