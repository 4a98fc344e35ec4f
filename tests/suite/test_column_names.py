"""Names of columns: a metric, perhaps at coordinates."""

from __future__ import annotations

import pytest

from bench_suite.suite.column_names import ColumnName, read_column_name


def test_a_metric_stands_alone_or_with_coordinates() -> None:
    assert read_column_name("quality/accuracy") == ColumnName("quality/accuracy")
    assert read_column_name("p/auc?attack=loss") == ColumnName("p/auc", (("attack", "loss"),))
    assert read_column_name("p/m?a=x y&b=%26") == ColumnName("p/m", (("a", "x y"), ("b", "&")))


@pytest.mark.parametrize("text", ["p/m?", "p/m?loss", "p/m?=loss", "p/m?a=1&&b"])
def test_what_is_no_pair_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write key=value after the question mark.*privacy/auc\?attack=loss"):
        read_column_name(text)


def test_values_must_agree_and_others_may_be_beside() -> None:
    name = read_column_name("p/m?attack=loss&rate=0.01")
    assert name.matches("p/m", {"attack": "loss", "rate": 0.01, "more": "x"})
    assert not name.matches("p/m", {"attack": "loss", "rate": 0.001})
    assert not name.matches("p/m", {"attack": "loss"})
    assert not name.matches("p/other", {"attack": "loss", "rate": 0.01})


def test_a_whole_number_is_found_by_its_digits() -> None:
    assert read_column_name("p/m?size=32").matches("p/m", {"size": 32.0})
    assert read_column_name("p/m?size=32").matches("p/m", {"size": 32})
    assert not read_column_name("p/m?size=").matches("p/m", {"size": 32})
