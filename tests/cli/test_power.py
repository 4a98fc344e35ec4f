"""`bench power` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench_suite.cli import bench

GPQA = Path(__file__).parents[1] / "importers" / "data" / "gpqa_diamond_scores.csv.gz"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    CliRunner().invoke(bench, ["import", str(GPQA), "--results", str(tmp_path)])
    return tmp_path


def test_the_json_has_the_sizes(results: Path) -> None:
    result = CliRunner().invoke(bench, ["power", "--find", "0.06", "--results", str(results), "--json"])
    (metric,) = json.loads(result.stdout)["metrics"]
    assert (metric["metric"], metric["wanted"]["n"], metric["sample_unit"]) == ("scores/score", 334, "items")


def test_more_power_and_smaller_differences_need_more_items(results: Path) -> None:
    def wanted(*words: str) -> int:
        result = CliRunner().invoke(bench, ["power", *words, "--results", str(results), "--json"])
        return int(json.loads(result.stdout)["metrics"][0]["wanted"]["n"])

    assert wanted("--find", "0.06", "--power", "0.95") > 334
    assert wanted("--find", "0.03") == pytest.approx(4 * 334, rel=0.01)
    assert wanted("--find", "0.5") == 198


def test_a_metric_that_is_not_there_is_refused(results: Path) -> None:
    result = CliRunner().invoke(bench, ["power", "--find", "0.1", "--metric", "no/such", "--results", str(results)])
    assert "has no metric no/such that varies" in str(result.exception)
    assert CliRunner().invoke(bench, ["power", "--find", "0", "--results", str(results)]).exit_code == 2


@pytest.mark.parametrize(
    ("option", "number"), [("--find", "nan"), ("--find", "inf"), ("--power", "nan"), ("--level", "nan")]
)
def test_what_is_no_number_is_refused(option: str, number: str) -> None:
    result = CliRunner().invoke(bench, ["power", "--find", "0.1", option, number])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': {number} is no finite number" in result.output
