"""Claims about `seeds` of the section `[gate]`: its form, the seeds that it comes to, and what it does not go with."""

from __future__ import annotations

import json

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.json_schema import suite_schema
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.suite.seed_range import first_seeds, with_seeds
from bench_suite.suite.spec import SeedRange

SUITE = """
[[tasks]]
use = "digits"
{task}
[[models]]
use = "logistic_regression"
[matrix]
threads = 1
{matrix}
[probes.quality]
[gate]
seeds = {seeds}
"quality/accuracy" = {{ {rule} }}
"""


def suite_of(tmp_path, seeds: str = "{ from = 3, to = 15 }", matrix: str = "", rule: str = "tolerance = 0.02", **more):
    (tmp_path / "s.toml").write_text(SUITE.format(seeds=seeds, matrix=matrix, rule=rule, task=more.get("task", "")))
    return read_suite(str(tmp_path / "s.toml"), more.get("overrides", ()))


def test_a_run_begins_with_the_first_seeds(tmp_path) -> None:
    suite = suite_of(tmp_path)
    assert suite.gate_seeds == SeedRange(3, 15)
    assert [cell.seed for cell in make_plan(suite).cells] == [0, 1, 2]
    assert len({cell.id for cell in make_plan(with_seeds(suite, 15)).cells}) == 15


def test_the_cells_are_those_of_the_same_seeds_in_the_matrix(tmp_path) -> None:
    ids = {cell.id for cell in make_plan(suite_of(tmp_path)).cells}
    text = SUITE.format(seeds="", matrix="seed = [0, 1, 2]", rule="tolerance = 0.02", task="").replace("seeds = \n", "")
    (tmp_path / "s.toml").write_text(text)
    assert {cell.id for cell in make_plan(read_suite(str(tmp_path / "s.toml"))).cells} == ids


@pytest.mark.parametrize(
    ("stated", "count", "seeds"),
    [((), 3, (0, 1, 2)), ((7,), 3, (7, 8, 9)), ((5, 2), 4, (5, 2, 6, 7)), ((1, 2, 3), 2, (1, 2))],
)
def test_seeds_follow_the_largest_that_is_stated(stated, count: int, seeds: tuple[int, ...]) -> None:
    assert first_seeds(stated, count) == seeds


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("3", "gate.seeds: must be a table: seeds = { from = 3, to = 15 }"),
        ("[3, 15]", "must be a table"),
        ("{}", "must be a table"),
        ("{ from = 3 }", "lacks `to`"),
        ("{ to = 3 }", "lacks `from`"),
        ("{ from = 3, upto = 8 }", 'unknown key; did you mean "to"?'),
        ("{ from = 1, to = 8 }", "gate.seeds.from: 1 is not a whole number from 2 to 100"),
        ("{ from = 3, to = 101 }", "gate.seeds.to: 101 is not a whole number from 2 to 100"),
        ("{ from = 3.0, to = 8 }", "3.0 is not a whole number"),
        ("{ from = true, to = 8 }", "is not a whole number"),
        ('{ from = "3", to = 8 }', "is not a whole number"),
        ("{ from = 8, to = 3 }", "gate.seeds.to: 3 is less than from = 8"),
    ],
)
def test_other_forms_are_refused(tmp_path, seeds: str, message: str) -> None:
    with pytest.raises(SuiteError) as error:
        suite_of(tmp_path, seeds)
    assert message in str(error.value)


def test_more_seeds_in_the_matrix_than_it_begins_with_contradict_it(tmp_path) -> None:
    with pytest.raises(SuiteError, match="begins with 3 seeds"):
        suite_of(tmp_path, matrix="seed = [0, 1, 2, 3]")
    assert make_plan(suite_of(tmp_path, matrix="seed = 10")).cells[-1].seed == 12


def test_it_needs_a_tolerance_to_decide(tmp_path) -> None:
    with pytest.raises(SuiteError, match="no gate has one"):
        suite_of(tmp_path, rule="min = 0.5")


def test_folds_do_not_go_with_it(tmp_path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)))
    text = SUITE.format(seeds="{ from = 3, to = 5 }", matrix="", rule="tolerance = 0.02", task="")
    text = text.replace('use = "digits"', 'use = "files"\npath = "data.csv"\nlabel = "b"\nsplit = { folds = 3 }')
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SuiteError, match="does not go with folds"):
        make_plan(read_suite(str(tmp_path / "s.toml")))


def test_an_override_changes_it(tmp_path) -> None:
    suite = suite_of(tmp_path, overrides=("gate.seeds.from=5",))
    assert suite.gate_seeds == SeedRange(5, 15)


def test_the_schema_knows_it(tmp_path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    gate = json.loads(json.dumps(suite_schema()))["properties"]["gate"]
    jsonschema.validate({"seeds": {"from": 3, "to": 15}, "quality/accuracy": {"tolerance": 0.02}}, gate)
    for wrong in ({"from": 3}, {"from": 1, "to": 4}, 3):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"seeds": wrong}, gate)
